using MeKi.Kernels;
using MeKi.Model.Generation;

namespace MeKi.Model.Evaluation;

/// <summary>
/// Perplexity of a text, <c>exp(mean negative log-likelihood)</c>, as llama.cpp's <c>llama-perplexity</c> defines it.
/// </summary>
/// <remarks>
/// <para>
/// Windows (<c>-c N</c>): the text's tokens (with the token that begins a sequence, if the model adds one) are cut into windows of N, one after the other; an
/// incomplete last one is dropped. Each is evaluated on its own; where the model adds a beginning-of-sequence token, that takes the place of the window's first
/// token. Scored is the second half: positions ⌊N/2⌋ … N − 2, which predict the tokens ⌊N/2⌋ + 1 … N − 1.
/// </para>
/// <para>
/// Strided (<c>--ppl-stride S</c>): windows of N tokens begin every S tokens, ⌈(T − N) / S⌉ of them in a text of T. In each the last S tokens are scored,
/// predicted at positions N − S − 1 … N − 2, so nearly every token is scored once, with at least N − S tokens before it. No token is replaced: llama.cpp means
/// to, but does so after the window has been evaluated. Its <c>-c C</c> makes windows of N = C + ⌊S/2⌋; here N is what is given.
/// </para>
/// <para>llama.cpp wants a text of two windows; here one is enough. Log-probabilities are taken in float64 from the model's float32 logits.</para>
/// </remarks>
public static class Perplexity
{
    /// <summary>Tokens of a window where nothing else is said: llama.cpp's default.</summary>
    public const int DefaultWindow = 512;

    /// <summary>Measures a model on a text.</summary>
    /// <param name="model">The model; needs its tokenizer.</param>
    /// <param name="text">The text.</param>
    /// <param name="window">N: tokens of a window, 3 to the model's context.</param>
    /// <param name="stride">S: tokens from one window to the next, 1 to N − 1; null for windows one after the other.</param>
    /// <param name="progress">Told before each window and at the end.</param>
    /// <param name="cancellationToken">Ends the work within a batch of tokens.</param>
    /// <exception cref="ArgumentOutOfRangeException">The window or the stride is out of range.</exception>
    /// <exception cref="EvaluationException">The text is shorter than a window.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    /// <exception cref="InvalidLogitsException">The logits are not numbers.</exception>
    /// <exception cref="MeKi.Store.RowFileException">Rows could not be read.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    public static PerplexityResult Measure(
        MeKiModel model, EvaluationText text, int window = DefaultWindow, int? stride = null,
        IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(text);
        TextWindows windows = TextWindows.Cut(model.Loaded.RequiredTokenizer, text, model.Config.ContextLength, window, stride);
        double[] losses = new double[windows.Scored];
        TokenDistribution distribution = new(model.Config.VocabularySize);
        using LogitPass pass = new(model);
        for (int index = 0, scored = 0; index < windows.Count; index++)
        {
            progress?.Report(new("perplexity", index * (long)window, windows.Count * (long)window, "tokens"));
            int[] tokens = windows[index];
            pass.Begin(tokens[..^1], windows.FirstScored, cancellationToken);
            for (int position = windows.FirstScored; position < tokens.Length - 1; position++)
            {
                distribution.Set(pass.At(position, cancellationToken));
                losses[scored++] = -distribution.LogProbability(tokens[position + 1]);
            }
        }
        progress?.Report(new("perplexity", windows.Count * (long)window, windows.Count * (long)window, "tokens"));
        return new(Estimate.Of(losses), losses.Length, windows.Count);
    }
}

/// <summary>What <see cref="Perplexity"/> found.</summary>
/// <param name="NegativeLogLikelihood">Mean over the tokens scored, in nats, and its standard error.</param>
/// <param name="Tokens">Tokens scored.</param>
/// <param name="Windows">Windows evaluated.</param>
public sealed record PerplexityResult(Estimate NegativeLogLikelihood, int Tokens, int Windows)
{
    /// <summary>exp(mean negative log-likelihood).</summary>
    public double Perplexity => FixedMath.Exp(NegativeLogLikelihood.Mean);

    /// <summary>
    /// Standard error of <see cref="Perplexity"/>, to first order: it times the standard error of the negative log-likelihood, as llama.cpp prints it.
    /// </summary>
    public double StandardError => Perplexity * NegativeLogLikelihood.StandardError;
}
