using System.Runtime.InteropServices;
using MeKi.Model.Adapters;
using MeKi.Model.Generation;
using MeKi.Model.Layers;

namespace MeKi.Model;

/// <summary>
/// One sequence of tokens and its KV cache. For one call or one generation at a time; sessions of one model run side by side, those that share pages of their
/// caches too. Logits have the same bits however a sequence came about: at once, in parts, forked, truncated or continued.
/// </summary>
public sealed class MeKiSession : IDisposable
{
    private readonly LoadedModel _model;
    private readonly Pass? _pass;
    private readonly KvCache _cache;
    private readonly List<int> _tokens;
    private readonly SessionGate _gate;

    private AdapterSet? _adapters;

    // The files are held open; the cache and the adapters are the session's from now on.
    private MeKiSession(LoadedModel model, KvCache cache, ReadOnlySpan<int> tokens, Pass? pass, AdapterSet? adapters)
    {
        (_model, _pass, _cache, _tokens, _adapters) = (model, pass, cache, [.. tokens], adapters);
        _gate = new(Free);
    }

    /// <summary>Tokens that pass through the layers together; a longer input is cut into such batches, and each batch reads the weights once.</summary>
    public const int BatchTokens = Pass.MaxBatch;

    /// <summary>Tokens so far: the position of the next one.</summary>
    public int Position => _tokens.Count;

    /// <summary>The most tokens it takes: positions the model was made for.</summary>
    public int ContextLength => _model.Config.ContextLength;

    /// <summary>The tokens so far. Valid until the next call that changes them.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>Bytes of keys and values held, those that are shared with other sessions included.</summary>
    public long KvCacheBytes => _cache.ByteLength;

    /// <summary>The adapters it computes with; none where it is empty.</summary>
    public IReadOnlyList<AdapterChoice> Adapters => _adapters?.Choices ?? [];

    /// <summary>Starts an empty sequence.</summary>
    /// <exception cref="ModelFileException">An adapter cannot be used.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    internal static MeKiSession Create(LoadedModel model, IReadOnlyList<AdapterChoice>? adapters = null)
    {
        using LoadedModel.Hold hold = model.HoldOpen();
        return new(model, new(model.Kv), [], model.CreatePass(), model.Adapters.Acquire(adapters ?? model.DefaultAdapters));
    }

    /// <summary>Starts a sequence that only generates.</summary>
    internal static MeKiSession OfGeneration(LoadedModel model, KvCache cache, ReadOnlySpan<int> tokens) => new(model, cache, tokens, null, null);

    /// <summary>Continues a saved one.</summary>
    /// <exception cref="SessionFileException">The file cannot be read, is damaged or of another model.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    internal static MeKiSession Load(LoadedModel model, string path, IReadOnlyList<AdapterChoice>? adapters)
    {
        using LoadedModel.Hold hold = model.HoldOpen();
        AdapterSet? set = model.Adapters.Acquire(adapters ?? model.DefaultAdapters);
        try
        {
            (KvCache cache, int[] tokens) = SessionFile.Read(path, model.DescribeSession(0, set), model.Config);
            return new(model, cache, tokens, model.CreatePass(), set);
        }
        catch
        {
            set?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Changes the adapters. Those that are not in memory are read; nothing is loaded anew of the model. The session keeps its tokens, and where the adapters
    /// or their scales are others than before, the next call computes them once more.
    /// </summary>
    /// <param name="adapters">What to compute with from now on; empty for the model alone.</param>
    /// <exception cref="ArgumentException">One is named twice, or a scale is not finite.</exception>
    /// <exception cref="ModelFileException">One cannot be read, is damaged or of another model, or there is none of the name. The session is as it
    /// was.</exception>
    /// <exception cref="InvalidOperationException">The session is in use: by a call on another thread, or by a generation that has not ended.</exception>
    /// <exception cref="ObjectDisposedException">The model or the session is disposed.</exception>
    public void UseAdapters(IReadOnlyList<AdapterChoice> adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        using Use use = new(this);
        Change(adapters);
    }

    /// <summary>Likewise for a generation, whose prompt takes the place of the tokens: none is kept where the adapters are others.</summary>
    internal void UseAdaptersOfGeneration(IReadOnlyList<AdapterChoice> adapters)
    {
        using LoadedModel.Hold hold = _model.HoldOpen();
        if (Change(adapters))
            Cut(0);
    }

    /// <summary>Appends tokens and computes the logits of the last of them.</summary>
    /// <param name="tokens">Token ids, [n]; any number.</param>
    /// <param name="logits">
    /// Receives the logits of the last k tokens, [k × vocabulary], the oldest first. Its length says k, from 0 (none) to n.
    /// </param>
    /// <param name="progress">Told the session's <see cref="Position"/> and what it will be, at the begin and after every <see cref="BatchTokens"/>
    /// tokens.</param>
    /// <param name="cancellationToken">Ends the work between two batches of <see cref="BatchTokens"/>, or where it waits for rows. The tokens are then not
    /// appended.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token id is outside the vocabulary; the message says which.</exception>
    /// <exception cref="ArgumentException"><paramref name="logits"/> is not k × vocabulary with k ≤ n.</exception>
    /// <exception cref="ContextOverflowException">The context has no room for the tokens.</exception>
    /// <exception cref="MeKi.Store.RowFileException">Rows could not be read. The tokens are not appended; the call may be repeated.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> asked to stop.</exception>
    /// <exception cref="InvalidOperationException">The session is in use: by a call on another thread, or by a generation that has not ended.</exception>
    /// <exception cref="ObjectDisposedException">The model or the session is disposed.</exception>
    public void Forward(ReadOnlySpan<int> tokens, Span<float> logits, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using Use use = new(this);
        int before = Position;
        try
        {
            Append(tokens, logits, progress, cancellationToken);
        }
        catch
        {
            Cut(before);
            throw;
        }
    }

    /// <summary>Says which token will be appended next, so that its rows are read while the caller does something else. A hint: it may be wrong.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    /// <exception cref="InvalidOperationException">The session is in use: by a call on another thread, or by a generation that has not ended.</exception>
    /// <exception cref="ObjectDisposedException">The model or the session is disposed.</exception>
    public void Prefetch(int token)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)_model.Config.VocabularySize, nameof(token));
        using Use use = new(this);
        Own.Branch?.Rows.Prefetch([token]);
    }

    /// <summary>
    /// Forgets the tokens from a position on; their keys and values are overwritten by what follows. Layers that see only the last positions do not keep
    /// earlier ones: where the cut lies so far back that these are missing, the next call computes the tokens that are left once more.
    /// </summary>
    /// <param name="length">Tokens to keep.</param>
    /// <exception cref="ArgumentOutOfRangeException">The sequence is shorter.</exception>
    /// <exception cref="InvalidOperationException">The session is in use: by a call on another thread, or by a generation that has not ended.</exception>
    /// <exception cref="ObjectDisposedException">The model or the session is disposed.</exception>
    public void Truncate(int length)
    {
        using Use use = new(this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)Position, nameof(length));
        Cut(length);
    }

    /// <summary>
    /// Prepares for a prompt: keeps the tokens that it begins with and forgets the others, so that only the rest of it need be computed. The prompt's last
    /// token is always left to be computed, since its logits are not kept.
    /// </summary>
    /// <param name="prompt">Token ids.</param>
    /// <returns>How many tokens were kept; pass those after them to <see cref="Forward"/>.</returns>
    /// <exception cref="InvalidOperationException">The session is in use: by a call on another thread, or by a generation that has not ended.</exception>
    /// <exception cref="ObjectDisposedException">The model or the session is disposed.</exception>
    public int Reuse(ReadOnlySpan<int> prompt)
    {
        using Use use = new(this);
        return Keep(prompt);
    }

    /// <summary>Starts a second session with the first tokens of this one. Both hold the pages of their common keys and values; who writes to a page that is
    /// shared, the last one before they part, takes a copy of it first.</summary>
    /// <param name="length">Tokens to begin with.</param>
    /// <exception cref="ArgumentOutOfRangeException">The sequence is shorter.</exception>
    /// <exception cref="InvalidOperationException">The session is in use: by a call on another thread, or by a generation that has not ended.</exception>
    /// <exception cref="ObjectDisposedException">The model or the session is disposed.</exception>
    public MeKiSession Fork(int length)
    {
        using Use use = new(this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)Position, nameof(length));
        return new(_model, _cache.Fork(Math.Min(length, _cache.Length)), Tokens[..length], _model.CreatePass(), _adapters?.Share());
    }

    /// <summary>
    /// Continues a prompt as <see cref="MeKiModel.GenerateAsync(string, GenerationOptions?, IProgress{WorkProgress}?, CancellationToken)"/> does, in this
    /// session: what the prompt and the session have in common is not computed again, and the session holds the prompt and the generated tokens afterwards.
    /// From the first <c>MoveNextAsync</c> until the enumerator is disposed, as <c>await foreach</c> does at its end however it ends, the session takes no
    /// other call and no second generation.
    /// </summary>
    /// <param name="prompt">The whole text to continue.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Told how far the prompt is: at its begin and after every <see cref="BatchTokens"/> tokens, from another thread.</param>
    /// <param name="cancellationToken">Ends the generation after the token in progress, or a prompt after <see cref="BatchTokens"/> tokens, which the session
    /// then holds.</param>
    /// <exception cref="ArgumentException">The prompt has no tokens.</exception>
    /// <exception cref="ContextOverflowException">The prompt is longer than the model's context.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer, or the session is in use: at the call, or when the enumeration
    /// begins.</exception>
    /// <exception cref="ObjectDisposedException">The model or the session is disposed.</exception>
    /// <exception cref="InvalidLogitsException">While enumerating: the logits are not numbers that a token could be chosen from.</exception>
    /// <exception cref="MeKi.Store.RowFileException">While enumerating: rows could not be read.</exception>
    /// <exception cref="OperationCanceledException">While enumerating: the token asked to stop.</exception>
    public TextGeneration GenerateAsync(
        string prompt, GenerationOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        TextGeneration.Of(_model, this, prompt, options, progress, cancellationToken);

    /// <summary>Likewise for a prompt that is tokens already.</summary>
    /// <param name="prompt">Token ids, [n], at least one; copied. No token is added to them.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">As for a text.</param>
    /// <param name="cancellationToken">As for a text.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token id is outside the vocabulary.</exception>
    /// <exception cref="ArgumentException">The prompt has no tokens.</exception>
    /// <exception cref="ContextOverflowException">The prompt is longer than the model's context.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer, or the session is in use: at the call, or when the enumeration
    /// begins.</exception>
    /// <exception cref="ObjectDisposedException">The model or the session is disposed.</exception>
    /// <exception cref="InvalidLogitsException">While enumerating: the logits are not numbers that a token could be chosen from.</exception>
    /// <exception cref="MeKi.Store.RowFileException">While enumerating: rows could not be read.</exception>
    /// <exception cref="OperationCanceledException">While enumerating: the token asked to stop.</exception>
    public TextGeneration GenerateAsync(
        ReadOnlySpan<int> prompt, GenerationOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        TextGeneration.Of(_model, this, prompt, options, progress, cancellationToken);

    /// <summary>
    /// Writes the session to a file (docs/formats.md), from which <see cref="MeKiModel.LoadSession"/> continues it. The file is there as a whole or not at all.
    /// </summary>
    /// <param name="path">The file; replaced if there is one.</param>
    /// <exception cref="ModelFileException">The file cannot be written.</exception>
    /// <exception cref="InvalidOperationException">The session is in use: by a call on another thread, or by a generation that has not ended.</exception>
    /// <exception cref="ObjectDisposedException">The model or the session is disposed.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using Use use = new(this);
        CatchUp(CancellationToken.None);
        SessionFile.Write(path, _model.DescribeSession(Position, _adapters), Tokens, _cache);
    }

    /// <summary>Lets go of rows that are on their way and of the KV cache; a call or pass in progress on another thread ends first. A generation that has not
    /// ended fails at its next token.</summary>
    public void Dispose() => _gate.Dispose();

    /// <summary>Takes the session for a generation: nothing else is let in until <see cref="EndGeneration"/>.</summary>
    /// <exception cref="InvalidOperationException">The session is in use.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed.</exception>
    internal void BeginGeneration() => _gate.Enter(SessionUser.Nobody, SessionUser.Generation);

    internal void EndGeneration() => _gate.Leave(SessionUser.Generation, SessionUser.Nobody);

    /// <summary>Throws what a call would throw now.</summary>
    internal void ThrowIfInUse() => _gate.ThrowIfInUse();

    /// <summary>Takes the session for a pass of its generation: its memory stays until <see cref="EndPass"/>.</summary>
    /// <exception cref="ObjectDisposedException">The session is disposed.</exception>
    internal void BeginPass() => _gate.Enter(SessionUser.Generation, SessionUser.Pass);

    internal void EndPass() => _gate.Leave(SessionUser.Pass, SessionUser.Generation);

    /// <summary>The keys and values; in a pass.</summary>
    internal KvCache Cache => _cache;

    internal AdapterSet? AdapterSet => _adapters;

    /// <summary><see cref="Reuse"/>, in a pass.</summary>
    internal int Keep(ReadOnlySpan<int> prompt)
    {
        int kept = Math.Min(Tokens.CommonPrefixLength(prompt), Math.Max(prompt.Length - 1, 0));
        Cut(kept);
        return kept;
    }

    /// <summary>Takes note of the tokens whose keys and values a pass has added.</summary>
    /// <param name="tokens">The whole sequence: those the session has, and more.</param>
    internal void Follow(ReadOnlySpan<int> tokens)
    {
        if (_cache.Length > _tokens.Count)
            _tokens.AddRange(tokens[_tokens.Count.._cache.Length]);
    }

    /// <summary><see cref="Truncate"/>, in a pass.</summary>
    internal void Cut(int length)
    {
        if (length < _cache.Length)
            _cache.Truncate(length);
        CollectionsMarshal.SetCount(_tokens, Math.Min(length, _tokens.Count));
    }

    private Pass Own => _pass ?? throw new InvalidOperationException("The session only generates.");

    private void Append(ReadOnlySpan<int> tokens, Span<float> logits, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        Check(tokens, logits);
        CatchUp(cancellationToken);
        int vocabulary = _model.Config.VocabularySize, unwanted = tokens.Length - logits.Length / vocabulary, total = Position + tokens.Length;
        progress?.Report(new("prompt", Position, total, "tokens"));
        for (int first = 0, n; first < tokens.Length; first += n)
        {
            cancellationToken.ThrowIfCancellationRequested();
            n = Math.Min(BatchTokens, tokens.Length - first);
            int wanted = Math.Clamp(first + n - unwanted, 0, n);
            ReadOnlySpan<int> batch = tokens.Slice(first, n), next = tokens.Slice(first + n, Math.Min(BatchTokens, tokens.Length - first - n));
            Span<float> of = wanted == 0 ? [] : logits.Slice((first + n - wanted - unwanted) * vocabulary, wanted * vocabulary);
            try
            {
                Own.Run(batch, [new(_cache, n, wanted, _adapters)], next, of, cancellationToken);
            }
            catch
            {
                _cache.Truncate(_tokens.Count);
                throw;
            }
            _tokens.AddRange(batch);
            progress?.Report(new("prompt", Position, total, "tokens"));
        }
    }

    // After a cut behind what sliding layers keep, the cache begins anew.
    private void CatchUp(CancellationToken cancellationToken)
    {
        while (_cache.Length < _tokens.Count)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int n = Math.Min(BatchTokens, _tokens.Count - _cache.Length);
            Own.Run(Tokens.Slice(_cache.Length, n), [new(_cache, n, 0, _adapters)], [], [], cancellationToken);
        }
    }

    private bool Change(IReadOnlyList<AdapterChoice> adapters)
    {
        AdapterSet? before = _adapters;
        _adapters = _model.Adapters.Acquire(adapters);
        bool changed = !AdapterSet.Same(before, _adapters);
        before?.Dispose();
        if (changed)
            _cache.Truncate(0);
        return changed;
    }

    private void Check(ReadOnlySpan<int> tokens, Span<float> logits)
    {
        ModelConfig config = _model.Config;
        _model.CheckTokens(tokens, nameof(tokens));
        if (logits.Length % config.VocabularySize != 0 || logits.Length / config.VocabularySize > tokens.Length)
            throw new ArgumentException($"{logits.Length} logits are not {config.VocabularySize} for each of at most {tokens.Length} tokens.", nameof(logits));
        if (tokens.Length > config.ContextLength - Position)
            throw new ContextOverflowException(tokens.Length, Position, config.ContextLength);
    }

    private void Free()
    {
        _pass?.Branch?.Rows.Dispose();
        _cache.Dispose();
        _adapters?.Dispose();
    }

    /// <summary>The session and the model's files, held for one call.</summary>
    private readonly ref struct Use
    {
        private readonly MeKiSession _session;
        private readonly LoadedModel.Hold _files;

        public Use(MeKiSession session)
        {
            _session = session;
            _files = session._model.HoldOpen();
            try
            {
                session._gate.Enter(SessionUser.Nobody, SessionUser.Call);
            }
            catch
            {
                _files.Dispose();
                throw;
            }
        }

        public void Dispose()
        {
            _session._gate.Leave(SessionUser.Call, SessionUser.Nobody);
            _files.Dispose();
        }
    }
}
