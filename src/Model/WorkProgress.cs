namespace MeKi.Model;

/// <summary>How far long work is: loading, a prompt, a conversion, an evaluation.</summary>
/// <param name="Stage">What is being done, for people: "load", "prompt", "weights", a task's name.</param>
/// <param name="Done">Units of the stage that are done.</param>
/// <param name="Total">Units of the stage.</param>
/// <param name="Unit">What is counted, for people: "bytes", "tokens", "layers".</param>
public readonly record struct WorkProgress(string Stage, long Done, long Total, string Unit = "bytes");
