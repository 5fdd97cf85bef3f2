using MeKi.Model.Generation;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Evaluation;

/// <summary>
/// How far a model's predictions lie from another's on one text: the windows and positions of <see cref="Perplexity"/>, and the statistics that
/// llama.cpp's <c>llama-perplexity --kl-divergence</c> gives, with the reference's logits at full precision.
/// </summary>
public static class ModelComparison
{
    /// <summary>Compares two models.</summary>
    /// <param name="reference">A, the model whose predictions count as right; its tokenizer is used.</param>
    /// <param name="candidate">B, of the same vocabulary.</param>
    /// <param name="text">The text.</param>
    /// <param name="window">Tokens of a window, 3 to the smaller context.</param>
    /// <param name="progress">Told before each window and at the end.</param>
    /// <param name="cancellationToken">Ends the work within a batch of tokens.</param>
    /// <exception cref="ArgumentOutOfRangeException">The window is out of range.</exception>
    /// <exception cref="EvaluationException">The vocabularies differ, or the text is shorter than a window.</exception>
    /// <exception cref="InvalidOperationException">A model has no tokenizer.</exception>
    /// <exception cref="InvalidLogitsException">The logits are not numbers.</exception>
    /// <exception cref="MeKi.Store.RowFileException">Rows could not be read.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    public static ComparisonResult Compare(
        MeKiModel reference, MeKiModel candidate, EvaluationText text, int window = Perplexity.DefaultWindow,
        IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(candidate);
        ArgumentNullException.ThrowIfNull(text);
        CheckVocabularies(reference, candidate);
        int contextLength = Math.Min(reference.Config.ContextLength, candidate.Config.ContextLength);
        TextWindows windows = TextWindows.Cut(reference.Loaded.RequiredTokenizer, text, contextLength, window, stride: null);

        double[] divergences = new double[windows.Scored], agreements = new double[windows.Scored];
        double[] referenceLosses = new double[windows.Scored], candidateLosses = new double[windows.Scored];
        double squaredDifferences = 0;
        TokenDistribution p = new(reference.Config.VocabularySize), q = new(reference.Config.VocabularySize);
        using LogitPass referencePass = new(reference), candidatePass = new(candidate);
        for (int index = 0, scored = 0; index < windows.Count; index++)
        {
            progress?.Report(new("compare", index * (long)window, windows.Count * (long)window, "tokens"));
            int[] tokens = windows[index];
            referencePass.Begin(tokens[..^1], windows.FirstScored, cancellationToken);
            candidatePass.Begin(tokens[..^1], windows.FirstScored, cancellationToken);
            for (int position = windows.FirstScored; position < tokens.Length - 1; position++, scored++)
            {
                p.Set(referencePass.At(position, cancellationToken));
                q.Set(candidatePass.At(position, cancellationToken));
                divergences[scored] = p.KlDivergence(q);
                agreements[scored] = p.Likeliest == q.Likeliest ? 1 : 0;
                referenceLosses[scored] = -p.LogProbability(tokens[position + 1]);
                candidateLosses[scored] = -q.LogProbability(tokens[position + 1]);
                squaredDifferences += p.MeanSquaredLogitDifference(q);
            }
        }
        progress?.Report(new("compare", windows.Count * (long)window, windows.Count * (long)window, "tokens"));
        Estimate divergence = Estimate.Of(divergences);
        Array.Sort(divergences);
        return new(
            divergence, Percentile(divergences, 0.99), divergences[^1], Estimate.Of(agreements), Math.Sqrt(squaredDifferences / windows.Scored),
            new(Estimate.Of(referenceLosses), windows.Scored, windows.Count), new(Estimate.Of(candidateLosses), windows.Scored, windows.Count));
    }

    /// <summary>The value below which a fraction of a sorted sample lies, interpolated linearly between neighbours.</summary>
    internal static double Percentile(ReadOnlySpan<double> sorted, double fraction)
    {
        double place = fraction * (sorted.Length - 1);
        int below = (int)place, above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }

    private static void CheckVocabularies(MeKiModel reference, MeKiModel candidate)
    {
        if (reference.Config.VocabularySize != candidate.Config.VocabularySize)
            throw Different($"{reference.Config.VocabularySize} tokens against {candidate.Config.VocabularySize}");
        (Tokenizer left, Tokenizer right) = (reference.Loaded.RequiredTokenizer, candidate.Loaded.RequiredTokenizer);
        if (left.VocabularySize != right.VocabularySize)
            throw Different($"{left.VocabularySize} tokens in the tokenizer against {right.VocabularySize}");
        for (int id = 0; id < left.VocabularySize; id++)
        {
            if (left.TokenText(id) != right.TokenText(id))
                throw Different($"token {id} is {UntrustedText.Quote(left.TokenText(id))} in one and {UntrustedText.Quote(right.TokenText(id))} in the other");
        }

        static EvaluationException Different(string problem) =>
            new("", "", $"the models' vocabularies differ: {problem}", "Compare models that share a tokenizer");
    }
}

/// <summary>What <see cref="ModelComparison"/> found.</summary>
/// <param name="KlDivergence">KL(A‖B) = Σ p_A (log p_A − log p_B), mean over the positions, in nats, and its standard error.</param>
/// <param name="KlPercentile99">The KL divergence that 99 % of the positions do not exceed, in nats.</param>
/// <param name="KlMaximum">The largest KL divergence, in nats.</param>
/// <param name="TopAgreement">Share of the positions, 0 to 1, at which both models find the same token likeliest.</param>
/// <param name="LogitRms">Root of the mean squared difference of the logits, over positions and vocabulary; a shift of all logits counts, though it changes no
/// probability.</param>
/// <param name="Reference">Perplexity of A on the same positions.</param>
/// <param name="Candidate">Perplexity of B on the same positions.</param>
public sealed record ComparisonResult(
    Estimate KlDivergence, double KlPercentile99, double KlMaximum, Estimate TopAgreement, double LogitRms, PerplexityResult Reference,
        PerplexityResult Candidate);
