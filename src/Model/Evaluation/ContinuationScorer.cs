using MeKi.Model.Generation;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Evaluation;

/// <summary>Log-likelihoods of continuations, tokenised, cut and summed as lm-evaluation-harness does for causal models.</summary>
internal sealed class ContinuationScorer(MeKiModel model) : IDisposable
{
    private readonly LogitPass _pass = new(model);
    private readonly TokenDistribution _distribution = new(model.Config.VocabularySize);

    /// <summary>Scores a continuation. A sequence longer than the context loses its beginning.</summary>
    /// <exception cref="EvaluationException">There is nothing to score, nothing before it, or the continuation alone exceeds the context; without a
    /// place.</exception>
    public ContinuationScore Score(Continuation request, CancellationToken cancellationToken)
    {
        (int[] context, int[] continuation) = Encode(model.Loaded.RequiredTokenizer, request.Context, request.Text);
        if (context.Length == 0)
            throw new EvaluationException("", "", "the context has no tokens");
        if (continuation.Length == 0)
            throw new EvaluationException("", "", "a continuation has no tokens of its own");
        if (continuation.Length > model.Config.ContextLength)
            throw new EvaluationException("", "",
                $"a continuation of {continuation.Length} tokens exceeds the model's context of {model.Config.ContextLength}");
        int[] tokens = Fit(context, continuation, model.Config.ContextLength);
        int first = tokens.Length - 1 - continuation.Length;
        double sum = 0;
        bool greedy = true;
        _pass.Begin(tokens[..^1], first, cancellationToken);
        for (int position = first; position < tokens.Length - 1; position++)
        {
            _distribution.Set(_pass.At(position, cancellationToken));
            sum += _distribution.LogProbability(tokens[position + 1]);
            greedy &= _distribution.Likeliest == tokens[position + 1];
        }
        return new(sum, greedy);
    }

    public void Dispose() => _pass.Dispose();

    /// <summary>
    /// A context and its continuation in one, without the beginning of what is too long. The last token is predicted, not read: one more than the context
    /// length fits.
    /// </summary>
    internal static int[] Fit(int[] context, int[] continuation, int contextLength)
    {
        int[] tokens = [.. context, .. continuation];
        return tokens[Math.Max(0, tokens.Length - contextLength - 1)..];
    }

    /// <summary>
    /// Tokens of a context and of its continuation. White space at the end of the context moves to the continuation; both are encoded as one text, and what
    /// exceeds the number of the context's own tokens is the continuation. An empty context is the token that begins a sequence, or the one that ends it.
    /// </summary>
    internal static (int[] Context, int[] Continuation) Encode(Tokenizer tokenizer, string context, string continuation)
    {
        if (context.Length == 0)
        {
            int[] alone = tokenizer.Encode(continuation, addSpecial: false);
            int[] prefix = [.. (tokenizer.BosId is { } bos ? [bos] : tokenizer.EosIds.Take(1))];
            return prefix.SequenceEqual(alone.Take(1)) ? (prefix, alone[1..]) : (prefix, alone);
        }
        string trimmed = context.TrimEnd();
        int[] whole = tokenizer.Encode(context + continuation);
        int[] before = tokenizer.Encode(trimmed);
        return (before, whole[Math.Min(before.Length, whole.Length)..]);
    }
}
