using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace MeKi.Model.Generation;

/// <summary>The generation loop: sample, prefetch the token's rows, hand out its text while its forward pass runs.</summary>
internal static class TextGenerator
{
    // A session takes a batch at a time, so that cancellation during a long prompt is heeded within one.
    private const int PrefillChunk = Transformer.MaxBatch;

    /// <summary>Generates in a session of its own.</summary>
    public static async IAsyncEnumerable<string> GenerateAsync(MeKiModel model, int[] prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using MeKiSession session = model.CreateSession();
        await foreach (string piece in GenerateAsync(model, session, prompt, options, cancellationToken).ConfigureAwait(false))
            yield return piece;
    }

    /// <summary>Generates in a session, which holds the prompt and what was generated afterwards.</summary>
    public static async IAsyncEnumerable<string> GenerateAsync(
        MeKiModel model, MeKiSession session, int[] prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (prompt.Length > model.Config.ContextLength)
            throw new ContextOverflowException(prompt.Length, 0, model.Config.ContextLength);
        if (prompt.Length == 0)
            throw new ArgumentException("The prompt has no tokens, and the model has none to start a text with.", nameof(prompt));
        Sampler sampler = new(options);
        PieceAssembler pieces = new(options.StopStrings);
        float[] logits = new float[model.Config.VocabularySize];
        Stopwatch prefill = new(), decode = new();
        FinishReason reason = FinishReason.Abandoned;
        int generated = 0, passes = 0, reused = 0;
        int keep = options.KeepTokens < 0 ? prompt.Length : Math.Min(options.KeepTokens, prompt.Length);
        using CancellationTokenSource left = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task forward = Task.CompletedTask;
        try
        {
            Array.ForEach(prompt, sampler.Accept);
            reused = await Task.Run(() => Prefill(session, prompt, logits, options.PromptProgress, prefill, cancellationToken), cancellationToken).ConfigureAwait(false);
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
                bool last = ++generated == options.MaxTokens || (session.Position == model.Config.ContextLength && !(options.ContextShift && Dropped(session, keep) > 0));
                if (!last)
                    session.Prefetch(token);
                sampler.Accept(token);
                string piece = pieces.Push(model.Tokenizer.TokenBytes(token));
                if (!last && !pieces.Stopped)
                {
                    passes++;
                    forward = Task.Run(() => Decode(session, keep, token, logits, decode, left.Token), CancellationToken.None);
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
            await left.CancelAsync().ConfigureAwait(false);
            await forward.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            options.Completed?.Invoke(new(prompt.Length, generated, prefill.Elapsed, passes, decode.Elapsed, reason, reused));
        }
    }

    // How many tokens a shift drops: of those behind the kept ones the older half, as llama.cpp does.
    private static int Dropped(MeKiSession session, int keep) => (session.Position - keep) / 2;

    private static int Prefill(MeKiSession session, int[] prompt, float[] logits, IProgress<PromptProgress>? progress, Stopwatch time, CancellationToken cancellationToken)
    {
        time.Start();
        int reused = session.Reuse(prompt);
        Forward(session, prompt.AsSpan(reused), logits, progress, cancellationToken);
        time.Stop();
        return reused;
    }

    private static void Decode(MeKiSession session, int keep, int token, float[] logits, Stopwatch time, CancellationToken cancellationToken)
    {
        time.Start();
        if (session.Position == session.ContextLength)
            Shift(session, keep, cancellationToken);
        session.Forward([token], logits, cancellationToken);
        time.Stop();
    }

    // The tokens that stay behind the kept ones are computed anew where they stand now: their values, not only their keys' angles, came from tokens that are gone.
    private static void Shift(MeKiSession session, int keep, CancellationToken cancellationToken)
    {
        int[] rest = session.Tokens[(keep + Dropped(session, keep))..].ToArray();
        session.Truncate(keep);
        Forward(session, rest, [], null, cancellationToken);
    }

    private static void Forward(MeKiSession session, ReadOnlySpan<int> tokens, float[] logits, IProgress<PromptProgress>? progress, CancellationToken cancellationToken)
    {
        int total = session.Position + tokens.Length;
        progress?.Report(new(session.Position, total));
        while (tokens.Length > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = Math.Min(PrefillChunk, tokens.Length);
            ReadOnlySpan<int> following = tokens[count..];
            session.Forward(tokens[..count], following[..Math.Min(PrefillChunk, following.Length)], following.Length == 0 ? logits : [], cancellationToken);
            tokens = following;
            progress?.Report(new(session.Position, total));
        }
    }
}
