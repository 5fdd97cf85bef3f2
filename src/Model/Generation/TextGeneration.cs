using System.Diagnostics;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Generation;

/// <summary>
/// A continuation of a prompt, piece by piece. It is generated each time that it is enumerated, in the session that was given, which holds the prompt and what
/// was generated afterwards, or in one of its own; <see cref="Statistics"/> tells how it went.
/// </summary>
public sealed class TextGeneration : IAsyncEnumerable<TextPiece>
{
    private readonly LoadedModel _model;
    private readonly MeKiSession? _session;
    private readonly int[] _prompt;
    private readonly GenerationOptions _options;
    private readonly IProgress<WorkProgress>? _progress;
    private readonly CancellationToken _cancellation;

    private TextGeneration(
        LoadedModel model, MeKiSession? session, int[] prompt, GenerationOptions options, IProgress<WorkProgress>? progress,
            CancellationToken cancellationToken)
    {
        if (prompt.Length == 0)
            throw new ArgumentException("The prompt has no tokens, and the model has none to start a text with.", nameof(prompt));
        if (prompt.Length > model.Config.ContextLength)
            throw new ContextOverflowException(prompt.Length, 0, model.Config.ContextLength);
        if (prompt is [int first, int second, ..] && first == second && first == model.RequiredTokenizer.BosId && model.Logger is { } logger)
            GenerationLog.TwoBeginnings(logger, first);
        (_model, _session, _prompt, _options, _progress, _cancellation) = (model, session, prompt, options, progress, cancellationToken);
    }

    /// <summary>Facts of the enumeration that ended last, for whatever reason; null before one has.</summary>
    public GenerationStatistics? Statistics { get; private set; }

    /// <summary>Generates.</summary>
    /// <param name="cancellationToken">Ends the generation after the token in progress.</param>
    public IAsyncEnumerator<TextPiece> GetAsyncEnumerator(CancellationToken cancellationToken = default) => RunAsync(cancellationToken);

    /// <summary>Checks what can be known before the work: the model, the session, the prompt.</summary>
    internal static TextGeneration Of(LoadedModel model, MeKiSession? session, string prompt,
        GenerationOptions? options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        Tokenizer tokenizer = Ready(model, session);
        options ??= new();
        return new(model, session, tokenizer.Encode(prompt, parseSpecial: options.ParseSpecialTokens), options, progress, cancellationToken);
    }

    /// <summary>Likewise for a prompt of tokens.</summary>
    internal static TextGeneration Of(LoadedModel model, MeKiSession? session, ReadOnlySpan<int> prompt,
        GenerationOptions? options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        Ready(model, session);
        model.CheckTokens(prompt, nameof(prompt));
        return new(model, session, prompt.ToArray(), options ?? new(), progress, cancellationToken);
    }

    // Pieces are text.
    private static Tokenizer Ready(LoadedModel model, MeKiSession? session)
    {
        using LoadedModel.Hold hold = model.HoldOpen();
        session?.ThrowIfInUse();
        return model.RequiredTokenizer;
    }

    private async IAsyncEnumerator<TextPiece> RunAsync(CancellationToken enumeration)
    {
        // The third reason to stop: the consumer leaves.
        using CancellationTokenSource left = CancellationTokenSource.CreateLinkedTokenSource(_cancellation, enumeration);
        MeKiSession session = _session ?? MeKiSession.Create(_model);
        session.BeginGeneration();
        Stopwatch prefill = new(), decode = new();
        FinishReason reason = FinishReason.Abandoned;
        int generated = 0, passes = 0, reused = 0;
        int keep = _options.KeepTokens < 0 ? _prompt.Length : Math.Min(_options.KeepTokens, _prompt.Length);
        Task forward = Task.CompletedTask;
        try
        {
            Tokenizer tokenizer = _model.RequiredTokenizer;
            TokenChoice choice = new(_options, _model);
            PieceAssembler pieces = new(tokenizer.CreateDecoder(continues: true).Showing(_options.ShownTokens), _options.StopStrings);
            float[] logits = new float[_model.Config.VocabularySize];
            Task<int> prompt = Task.Run(() => Prefill(session, logits, prefill, left.Token), CancellationToken.None);
            await Heed(prompt, enumeration).ConfigureAwait(false);
            reused = await prompt.ConfigureAwait(false);
            while (generated < _options.MaxTokens)
            {
                ThrowIfCancelled(enumeration);
                int token = choice.Next(session.Tokens, logits, _options.MaxTokens - generated);
                if (tokenizer.IsEndOfText(token))
                {
                    reason = FinishReason.EndOfSequence;
                    break;
                }
                bool full = session.Position == session.ContextLength && !(_options.ContextShift && Dropped(session, keep) > 0);
                bool last = ++generated == _options.MaxTokens || full;
                if (!last)
                    session.Prefetch(token, SessionUser.Pass);
                pieces.Push(choice.Describe(token));
                if (!last && !pieces.Stopped)
                {
                    passes++;
                    forward = Task.Run(() => Decode(session, keep, token, logits, decode, left.Token), CancellationToken.None);
                    choice.Prepare(_options.MaxTokens - generated);
                }
                if (pieces.TryTake(out TextPiece piece))
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
            if (pieces.TryFinish(out TextPiece rest))
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
            Statistics = new(_prompt.Length, generated, prefill.Elapsed, passes, decode.Elapsed, reason, reused);
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
        session.ForwardInGeneration(_prompt.AsSpan(reused), logits, _progress, cancellationToken);
        time.Stop();
        return reused;
    }

    private static void Decode(MeKiSession session, int keep, int token, float[] logits, Stopwatch time, CancellationToken cancellationToken)
    {
        time.Start();
        if (session.Position == session.ContextLength)
            Shift(session, keep, cancellationToken);
        session.ForwardInGeneration([token], logits, null, cancellationToken);
        time.Stop();
    }

    // The tokens that stay behind the kept ones are computed anew where they stand now: their values, not only their keys' angles, came from tokens that are
    // gone.
    private static void Shift(MeKiSession session, int keep, CancellationToken cancellationToken)
    {
        int[] rest = session.Tokens[(keep + Dropped(session, keep))..].ToArray();
        session.Truncate(keep, SessionUser.Pass);
        session.ForwardInGeneration(rest, [], null, cancellationToken);
    }
}
