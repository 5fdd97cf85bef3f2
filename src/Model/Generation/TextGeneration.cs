using MeKi.Model.Adapters;
using MeKi.Model.Batching;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Generation;

/// <summary>
/// A continuation of a prompt, piece by piece. It is generated each time that it is enumerated, together with all others of the model, in the session that was
/// given, which holds the prompt and what was generated afterwards, or in memory of the model's own; <see cref="Statistics"/> tells how it went.
/// </summary>
public sealed class TextGeneration : IAsyncEnumerable<TextPiece>
{
    private static readonly Action<object?> s_cancel = static request => ((EngineRequest)request!).Cancel();

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
        int capacity = session?.ContextLength ?? model.Engine.Capacity;
        if (prompt.Length > capacity)
            throw new ContextOverflowException(prompt.Length, 0, capacity);
        if (prompt is [int first, int second, ..] && first == second && first == model.RequiredTokenizer.BosId && model.Logger is { } logger)
            GenerationLog.TwoBeginnings(logger, first);
        (_model, _session, _prompt, _options, _progress, _cancellation) = (model, session, prompt, options, progress, cancellationToken);
    }

    /// <summary>Facts of the enumeration that ended last, for whatever reason; null before one has.</summary>
    public GenerationStatistics? Statistics { get; private set; }

    /// <summary>The token that ended the text, which is no part of it; null where none did.</summary>
    internal GeneratedToken? End { get; private set; }

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
        _session?.BeginGeneration();
        EngineRequest? request = null;
        FinishReason reason = FinishReason.Abandoned;
        int given = 0;
        AdapterSet? adapters = null;
        try
        {
            // Those that are not in memory are read: not on the caller's thread.
            if (_session is null)
                adapters = await Task.Run(AcquireAdapters, CancellationToken.None).ConfigureAwait(false);
            else if (_options.Adapters is { } others)
                await Task.Run(() => _session.UseAdaptersOfGeneration(others), CancellationToken.None).ConfigureAwait(false);
            GenerationEngine engine = _model.Engine;
            Continuation text = new(_model, _prompt, _options, _session?.ContextLength ?? engine.Capacity);
            EngineRequest added = new(engine, text, _session, _progress, adapters);
            // The third reason to stop is that the consumer leaves.
            using CancellationTokenRegistration stop = _cancellation.UnsafeRegister(s_cancel, added), leave = enumeration.UnsafeRegister(s_cancel, added);
            engine.Add(added);
            request = added;
            while (await request.WaitAsync().ConfigureAwait(false))
            {
                while (request.TryTake(out TextPiece piece))
                {
                    ThrowIfCancelled(enumeration);
                    given += piece.Tokens.Count;
                    yield return piece;
                }
            }
            if (text.Reason is null)
                ThrowIfCancelled(enumeration);
            End = text.End;
            (reason, given) = (text.Reason ?? reason, text.Generated);
        }
        finally
        {
            if (request is not null)
            {
                request.Cancel();
                await request.Ended.ConfigureAwait(false);
            }
            adapters?.Dispose();
            _session?.EndGeneration();
            Statistics = new(_prompt.Length, given, request?.PrefillTime ?? default, request?.DecodePasses ?? 0, request?.DecodeTime ?? default, reason,
                Math.Max(request?.Reused ?? 0, 0))
            {
                DraftedTokens = request?.Text.Lookup.Guessed ?? 0,
                AcceptedTokens = request?.Text.Lookup.Right ?? 0,
            };
        }
    }

    private AdapterSet? AcquireAdapters()
    {
        using LoadedModel.Hold hold = _model.HoldOpen();
        return _model.Adapters.Acquire(_options.Adapters ?? _model.DefaultAdapters);
    }

    private void ThrowIfCancelled(CancellationToken enumeration)
    {
        _cancellation.ThrowIfCancellationRequested();
        enumeration.ThrowIfCancellationRequested();
    }
}
