using MeKi.Kernels;

namespace MeKi.Model.Evaluation;

/// <summary>
/// A zero-shot task, asked and scored as EleutherAI's lm-evaluation-harness does: the prompts of its task definitions, the log-likelihood of each choice, the
/// metrics it reports for the task.
/// </summary>
public sealed class EvaluationTask
{
    private readonly Metrics _metrics;

    private EvaluationTask(string name, Metrics metrics) => (Name, _metrics) = (name, metrics);

    private enum Metrics
    {
        /// <summary><c>acc</c>: is the likeliest choice the right one?</summary>
        Accuracy,

        /// <summary>And <c>acc_norm</c>: the same with log-likelihoods divided by the choices' characters.</summary>
        AccuracyAndNormalized,

        /// <summary>
        /// <c>acc</c>: is every token of the one continuation the likeliest? And <c>perplexity</c>: exp(−mean log-likelihood of the continuations).
        /// </summary>
        GreedyAndPerplexity,
    }

    /// <summary>The tasks there are.</summary>
    public static IReadOnlyList<EvaluationTask> All { get; } =
    [
        new("arc_challenge", Metrics.AccuracyAndNormalized),
        new("arc_easy", Metrics.AccuracyAndNormalized),
        new("boolq", Metrics.Accuracy),
        new("copa", Metrics.Accuracy),
        new("hellaswag", Metrics.AccuracyAndNormalized),
        new("lambada_openai", Metrics.GreedyAndPerplexity),
        new("openbookqa", Metrics.AccuracyAndNormalized),
        new("piqa", Metrics.AccuracyAndNormalized),
        new("sciq", Metrics.AccuracyAndNormalized),
        new("winogrande", Metrics.Accuracy),
    ];

    /// <summary>The harness's name of the task.</summary>
    public string Name { get; }

    /// <summary>The task of a name.</summary>
    /// <exception cref="EvaluationException">There is none; the message lists the names.</exception>
    public static EvaluationTask Find(string name) => All.FirstOrDefault(task => task.Name == name)
        ?? throw new EvaluationException("", "", $"there is no task {UntrustedText.Quote(name)}",
            $"Known are {string.Join(", ", All.Select(task => task.Name))}");

    /// <summary>Asks a model the questions of a file.</summary>
    /// <param name="model">The model; needs its tokenizer.</param>
    /// <param name="path">The data set's rows, a JSON object a line, with the fields of the Hugging Face data set that the harness names for the task.</param>
    /// <param name="limit">Ask only the first so many questions; null for all.</param>
    /// <param name="progress">Told before each question and at the end.</param>
    /// <param name="cancellationToken">Ends the work within a batch of tokens.</param>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive.</exception>
    /// <exception cref="EvaluationException">The file cannot be read, has no questions, or a line that is not one of this task.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    /// <exception cref="InvalidLogitsException">The logits are not numbers.</exception>
    /// <exception cref="MeKi.Store.RowFileException">Rows could not be read.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    public TaskResult Evaluate(
        MeKiModel model, string path, int? limit = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (limit < 1)
            throw new ArgumentOutOfRangeException(nameof(limit), $"A limit of {limit} questions leaves nothing to ask.");
        List<TaskQuestion> questions = Read(path, limit);
        using ContinuationScorer scorer = new(model);
        List<ContinuationScore[]> scores = [];
        foreach (TaskQuestion question in questions)
        {
            progress?.Report(new(Name, scores.Count, questions.Count, "questions"));
            try
            {
                scores.Add([.. question.Continuations.Select(continuation => scorer.Score(continuation, cancellationToken))]);
            }
            catch (EvaluationException failure)
            {
                throw new EvaluationException(path, $"line {question.Line}", failure.Problem, failure.Remedy, failure);
            }
        }
        progress?.Report(new(Name, scores.Count, questions.Count, "questions"));
        return Grade(questions, scores);
    }

    /// <summary>The questions of a file.</summary>
    internal List<TaskQuestion> Read(string path, int? limit = null) => TaskFile.Read(path, row => TaskPrompts.Read(Name, row), limit);

    /// <summary>The metrics, from what the model said of each question's continuations.</summary>
    internal TaskResult Grade(IReadOnlyList<TaskQuestion> questions, IReadOnlyList<ContinuationScore[]> scores)
    {
        double[] right = new double[questions.Count], rightNormalized = new double[questions.Count];
        for (int i = 0; i < right.Length; i++)
        {
            TaskQuestion question = questions[i];
            double[] likelihoods = [.. scores[i].Select(score => score.LogLikelihood)];
            double[] perCharacter = [.. likelihoods.Select((likelihood, choice) => likelihood / question.Continuations[choice].ChoiceLength)];
            bool best = _metrics == Metrics.GreedyAndPerplexity ? scores[i][0].IsGreedy : Array.IndexOf(likelihoods, likelihoods.Max()) == question.Answer;
            right[i] = best ? 1 : 0;
            rightNormalized[i] = Array.IndexOf(perCharacter, perCharacter.Max()) == question.Answer ? 1 : 0;
        }
        return new(
            Name, questions.Count, Estimate.Of(right),
            _metrics == Metrics.AccuracyAndNormalized ? Estimate.Of(rightNormalized) : null,
            _metrics == Metrics.GreedyAndPerplexity ? FixedMath.Exp(-scores.Average(score => score[0].LogLikelihood)) : null);
    }
}

/// <summary>A model's scores in a task.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Questions">Questions asked.</param>
/// <param name="Accuracy"><c>acc</c>, 0 to 1: share of the questions whose right choice is the likeliest; for lambada_openai, whose word is the greedy
/// one.</param>
/// <param name="NormalizedAccuracy"><c>acc_norm</c>, 0 to 1: the same with log-likelihoods divided by the choices' characters; null where the harness does not
/// report it.</param>
/// <param name="Perplexity">exp(−mean log-likelihood of the last words); lambada_openai only.</param>
public sealed record TaskResult(string Task, int Questions, Estimate Accuracy, Estimate? NormalizedAccuracy, double? Perplexity);
