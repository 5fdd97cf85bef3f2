using MeKi.Model.Checkpoints;

namespace MeKi.Model;

/// <summary>One sequence of tokens and its KV cache. For one thread at a time; sessions of one model run side by side.</summary>
public sealed class MeKiSession : IDisposable
{
    private readonly ModelConfig _config;
    private readonly Transformer _transformer;
    private readonly IExpertRows? _experts;
    private readonly WeightSource _source;
    private readonly KvCache _cache;
    private bool _busy;
    private bool _disposed;

    internal MeKiSession(ModelConfig config, Transformer transformer, IExpertRows? experts, KvCache cache, WeightSource source)
    {
        (_config, _transformer, _experts, _cache, _source) = (config, transformer, experts, cache, source);
    }

    /// <summary>Tokens that pass through the layers together; a longer input is cut into such batches, and each batch reads the weights once.</summary>
    public const int BatchTokens = Transformer.MaxBatch;

    /// <summary>Tokens so far: the position of the next one.</summary>
    public int Position => _cache.Length;

    /// <summary>Bytes of keys and values held.</summary>
    public long KvCacheBytes => _cache.ByteLength;

    /// <summary>Appends tokens and computes the logits of the last of them.</summary>
    /// <param name="tokens">Token ids, [n]; any number.</param>
    /// <param name="logits">
    /// Receives the logits of the last k tokens, [k × vocabulary], the oldest first. Its length says k, from 0 (none) to n.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A token id is outside the vocabulary; the message says which.</exception>
    /// <exception cref="ArgumentException"><paramref name="logits"/> is not k × vocabulary with k ≤ n.</exception>
    /// <exception cref="ContextOverflowException">The context has no room for the tokens.</exception>
    /// <exception cref="MeKi.Store.RowFileException">Rows could not be read. The tokens are not appended; the call may be repeated.</exception>
    /// <exception cref="InvalidOperationException">The session is in use on another thread.</exception>
    /// <exception cref="ObjectDisposedException">The model or the session is disposed.</exception>
    public void Forward(ReadOnlySpan<int> tokens, Span<float> logits)
    {
        ObjectDisposedException.ThrowIf(!_source.TryAddReference(), typeof(MeKiModel));
        try
        {
            Check(tokens, logits);
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
            if (Interlocked.Exchange(ref _busy, true))
                throw new InvalidOperationException("The session is in use on another thread. Create a session for each sequence.");
            ForwardAlone(tokens, logits);
        }
        finally
        {
            _source.ReleaseReference();
        }
    }

    /// <summary>Says which token will be appended next, so that its rows are read while the caller does something else. A hint: it may be wrong.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public void Prefetch(int token)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)_config.VocabularySize, nameof(token));
        _experts?.Prefetch(token);
    }

    /// <summary>Forgets the tokens from a position on; their keys and values are overwritten by what follows.</summary>
    /// <param name="length">Tokens to keep.</param>
    /// <exception cref="ArgumentOutOfRangeException">The sequence is shorter.</exception>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)Position, nameof(length));
        _cache.Length = length;
    }

    /// <summary>Lets go of rows that are on their way and of the KV cache; a forward pass in progress on another thread ends first.</summary>
    public void Dispose()
    {
        _experts?.Dispose();
        Volatile.Write(ref _disposed, true);
        FreeCacheIfDisposed();
    }

    private void Check(ReadOnlySpan<int> tokens, Span<float> logits)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            if ((uint)tokens[i] >= (uint)_config.VocabularySize)
                throw new ArgumentOutOfRangeException(nameof(tokens), tokens[i], $"Token {i} has an id outside the vocabulary of {_config.VocabularySize}.");
        }
        if (logits.Length % _config.VocabularySize != 0 || logits.Length / _config.VocabularySize > tokens.Length)
            throw new ArgumentException($"{logits.Length} logits are not {_config.VocabularySize} for each of at most {tokens.Length} tokens.", nameof(logits));
        if (tokens.Length > _config.ContextLength - Position)
            throw new ContextOverflowException(tokens.Length, Position, _config.ContextLength);
    }

    private void ForwardAlone(ReadOnlySpan<int> tokens, Span<float> logits)
    {
        int before = _cache.Length;
        try
        {
            _transformer.Forward(tokens, _cache, logits);
        }
        catch
        {
            _cache.Length = before;
            throw;
        }
        finally
        {
            Interlocked.Exchange(ref _busy, false);
            FreeCacheIfDisposed();
        }
    }

    // The cache is native memory: nobody may free it under a forward pass. Whoever comes last, the pass or Dispose, frees it and leaves the session busy for ever.
    private void FreeCacheIfDisposed()
    {
        if (Volatile.Read(ref _disposed) && !Interlocked.Exchange(ref _busy, true))
            _cache.Dispose();
    }
}
