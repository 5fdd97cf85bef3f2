namespace MeKi.Model.Evaluation;

/// <summary>How far an evaluation is.</summary>
/// <param name="Stage">What is being done, for people: "perplexity", a task's name.</param>
/// <param name="Done">Units that are done.</param>
/// <param name="Total">Units of the stage.</param>
/// <param name="Unit">What is counted, for people: "tokens", "questions".</param>
public readonly record struct EvaluationProgress(string Stage, long Done, long Total, string Unit);
