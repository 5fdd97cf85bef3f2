using System.Diagnostics;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Generation;

/// <summary>
/// Generates each time that it is enumerated: sample, prefetch the token's rows, hand out its text while its forward pass runs. In a session that is given,
/// which holds the prompt and what was generated afterwards, or in one of its own.
/// </summary>
internal sealed class TextGeneration : IAsyncEnumerable<string>
{
    // A session takes a batch at a time, so that cancellation during a long prompt is heeded within one.
    private const int PrefillChunk = MeKiSession.BatchTokens;

    private readonly MeKiModel _model;
    private readonly MeKiSession? _session;
    private readonly int[] _prompt;
    private readonly GenerationOptions _options;
    private readonly CancellationToken _cancellation;

    private TextGeneration(MeKiModel model, MeKiSession? session, int[] prompt, GenerationOptions options, CancellationToken cancellationToken)
    {
        if (prompt.Length == 0)
            throw new ArgumentException("The prompt has no tokens, and the model has none to start a text with.", nameof(prompt));
        if (prompt.Length > model.Config.ContextLength)
            throw new ContextOverflowException(prompt.Length, 0, model.Config.ContextLength);
        if (prompt is [int first, int second, ..] && first == second && first == model.RequiredTokenizer.BosId && model.Logger is { } logger)
            GenerationLog.TwoBeginnings(logger, first);
        (_model, _session, _prompt, _options, _cancellation) = (model, session, prompt, options, cancellationToken);
    }

    /// <summary>Checks what can be known before the work: the options, the model, the session, the prompt.</summary>
    public static TextGeneration Of(MeKiModel model, MeKiSession? session, string prompt, GenerationOptions? options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        GenerationOptions settings = Ready(model, session, options);
        return new(model, session, model.RequiredTokenizer.Encode(prompt, parseSpecial: settings.ParseSpecialTokens), settings, cancellationToken);
    }

    /// <summary>Likewise for a prompt of tokens.</summary>
    public static TextGeneration Of(
        MeKiModel model, MeKiSession? session, ReadOnlySpan<int> prompt, GenerationOptions? options, CancellationToken cancellationToken)
    {
        GenerationOptions settings = Ready(model, session, options);
        model.CheckTokens(prompt, nameof(prompt));
        return new(model, session, prompt.ToArray(), settings, cancellationToken);
    }

    public IAsyncEnumerator<string> GetAsyncEnumerator(CancellationToken cancellationToken = default) => RunAsync(cancellationToken);

    private static GenerationOptions Ready(MeKiModel model, MeKiSession? session, GenerationOptions? options)
    {
        GenerationOptions settings = (options ?? new()).Checked();
        model.ThrowIfDisposed();
        session?.ThrowIfInUse();
        // Pieces are text.
        _ = model.RequiredTokenizer;
        return settings;
    }

    private async IAsyncEnumerator<string> RunAsync(CancellationToken enumeration)
    {
        // The third reason to stop: the consumer leaves.
        using CancellationTokenSource left = CancellationTokenSource.CreateLinkedTokenSource(_cancellation, enumeration);
        MeKiSession session = _session ?? _model.CreateSession();
        session.BeginGeneration();
        Stopwatch prefill = new(), decode = new();
        FinishReason reason = FinishReason.Abandoned;
        int generated = 0, passes = 0, reused = 0;
        int keep = _options.KeepTokens < 0 ? _prompt.Length : Math.Min(_options.KeepTokens, _prompt.Length);
        Task forward = Task.CompletedTask;
        try
        {
            Sampler sampler = new(_options);
            Tokenizer tokenizer = _model.RequiredTokenizer;
            PieceAssembler pieces = new(tokenizer.CreateDecoder(continues: true), _options.StopStrings);
            float[] logits = new float[_model.Config.VocabularySize];
            Array.ForEach(_prompt, sampler.Accept);
            Task<int> prompt = Task.Run(() => Prefill(session, logits, prefill, left.Token), CancellationToken.None);
            await Heed(prompt, enumeration).ConfigureAwait(false);
            reused = await prompt.ConfigureAwait(false);
            while (generated < _options.MaxTokens)
            {
                ThrowIfCancelled(enumeration);
                // Rows beyond the tokenizer are padding: no token has them.
                int token = sampler.Sample(logits.AsSpan(0, tokenizer.VocabularySize));
                if (tokenizer.IsEndOfText(token))
                {
                    reason = FinishReason.EndOfSequence;
                    break;
                }
                bool full = session.Position == session.ContextLength && !(_options.ContextShift && Dropped(session, keep) > 0);
                bool last = ++generated == _options.MaxTokens || full;
                if (!last)
                    session.Prefetch(token, SessionUser.Pass);
                sampler.Accept(token);
                string piece = pieces.Push(token);
                if (!last && !pieces.Stopped)
                {
                    passes++;
                    forward = Task.Run(() => Decode(session, keep, token, logits, decode, left.Token), CancellationToken.None);
                }
                if (piece.Length > 0)
                    yield return piece;
                if (last || pieces.Stopped)
                {
                    reason = pieces.Stopped ? FinishReason.StopString : generated == _options.MaxTokens ? FinishReason.Length : FinishReason.ContextFull;
                    break;
                }
                await Heed(forward, enumeration).ConfigureAwait(false);
            }
            if (_options.MaxTokens == 0)
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
            session.EndGeneration();
            if (_session is null)
                session.Dispose();
            _options.Completed?.Invoke(new(_prompt.Length, generated, prefill.Elapsed, passes, decode.Elapsed, reason, reused));
        }
    }

    // A pass knows the token that stands for all reasons to stop; the caller knows his own.
    private async Task Heed(Task pass, CancellationToken enumeration)
    {
        try
        {
            await pass.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            ThrowIfCancelled(enumeration);
            throw;
        }
    }

    private void ThrowIfCancelled(CancellationToken enumeration)
    {
        _cancellation.ThrowIfCancellationRequested();
        enumeration.ThrowIfCancellationRequested();
    }

    // How many tokens a shift drops: of those behind the kept ones the older half, as llama.cpp does.
    private static int Dropped(MeKiSession session, int keep) => (session.Position - keep) / 2;

    private int Prefill(MeKiSession session, float[] logits, Stopwatch time, CancellationToken cancellationToken)
    {
        time.Start();
        int reused = session.Reuse(_prompt, SessionUser.Pass);
        Forward(session, _prompt.AsSpan(reused), logits, _options.PromptProgress, cancellationToken);
        time.Stop();
        return reused;
    }

    private static void Decode(MeKiSession session, int keep, int token, float[] logits, Stopwatch time, CancellationToken cancellationToken)
    {
        time.Start();
        if (session.Position == session.ContextLength)
            Shift(session, keep, cancellationToken);
        session.Forward([token], [], logits, cancellationToken);
        time.Stop();
    }

    // The tokens that stay behind the kept ones are computed anew where they stand now: their values, not only their keys' angles, came from tokens that are
    // gone.
    private static void Shift(MeKiSession session, int keep, CancellationToken cancellationToken)
    {
        int[] rest = session.Tokens[(keep + Dropped(session, keep))..].ToArray();
        session.Truncate(keep, SessionUser.Pass);
        Forward(session, rest, [], null, cancellationToken);
    }

    private static void Forward(
        MeKiSession session, ReadOnlySpan<int> tokens, float[] logits, IProgress<PromptProgress>? progress, CancellationToken cancellationToken)
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
