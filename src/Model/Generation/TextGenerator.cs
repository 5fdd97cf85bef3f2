using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace MeKi.Model.Generation;

/// <summary>The generation loop: sample, prefetch the token's rows, hand out its text while its forward pass runs.</summary>
internal static class TextGenerator
{
    public static async IAsyncEnumerable<string> GenerateAsync(MeKiModel model, int[] prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using MeKiSession session = model.CreateSession();
        if (prompt.Length > model.Config.ContextLength)
            throw new ContextOverflowException(prompt.Length, 0, model.Config.ContextLength);
        if (prompt.Length == 0)
            throw new ArgumentException("The prompt has no tokens, and the model has none to start a text with.", nameof(prompt));
        Sampler sampler = new(options);
        PieceAssembler pieces = new(options.StopStrings);
        float[] logits = new float[model.Config.VocabularySize];
        Stopwatch prefill = new(), decode = new();
        FinishReason reason = FinishReason.Abandoned;
        int generated = 0, passes = 0;
        Task forward = Task.CompletedTask;
        try
        {
            Array.ForEach(prompt, sampler.Accept);
            await Task.Run(() => Prefill(session, prompt, logits, prefill, cancellationToken), cancellationToken).ConfigureAwait(false);
            while (generated < options.MaxTokens)
            {
                cancellationToken.ThrowIfCancellationRequested();
                // Rows beyond the tokenizer are padding: no token has them.
                int token = sampler.Sample(logits.AsSpan(0, model.Tokenizer.VocabularySize));
                if (model.Tokenizer.IsEndOfSequence(token))
                {
                    reason = FinishReason.EndOfSequence;
                    break;
                }
                bool last = ++generated == options.MaxTokens || session.Position == model.Config.ContextLength;
                if (!last)
                    session.Prefetch(token);
                sampler.Accept(token);
                string piece = pieces.Push(model.Tokenizer.TokenBytes(token));
                if (!last && !pieces.Stopped)
                {
                    passes++;
                    forward = Task.Run(() => Decode(session, token, logits, decode, cancellationToken), CancellationToken.None);
                }
                if (piece.Length > 0)
                    yield return piece;
                if (last || pieces.Stopped)
                {
                    reason = pieces.Stopped ? FinishReason.StopString : FinishReason.Length;
                    break;
                }
                await forward.ConfigureAwait(false);
            }
            if (options.MaxTokens == 0)
                reason = FinishReason.Length;
            string rest = pieces.Finish();
            if (rest.Length > 0)
                yield return rest;
        }
        finally
        {
            // The consumer may leave at a piece: the pass in progress still uses the session.
            await forward.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            options.Completed?.Invoke(new(prompt.Length, generated, prefill.Elapsed, passes, decode.Elapsed, reason));
        }
    }

    private static void Prefill(MeKiSession session, int[] prompt, float[] logits, Stopwatch time, CancellationToken cancellationToken)
    {
        time.Start();
        session.Forward(prompt, logits, cancellationToken);
        time.Stop();
    }

    private static void Decode(MeKiSession session, int token, float[] logits, Stopwatch time, CancellationToken cancellationToken)
    {
        time.Start();
        session.Forward([token], logits, cancellationToken);
        time.Stop();
    }
}
