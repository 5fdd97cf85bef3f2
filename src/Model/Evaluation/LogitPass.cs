namespace MeKi.Model.Evaluation;

/// <summary>
/// Runs one token sequence after another through a model and gives the logits position by position. They are computed a few positions at a time: 256 positions
/// of a vocabulary of 151,680 would be 155 MB.
/// </summary>
internal sealed class LogitPass : IDisposable
{
    // The session's own copy of the logits is as large again.
    private const int MaxLogitBytes = 32 << 20;

    private readonly MeKiSession _session;
    private readonly int _vocabulary;
    private readonly int _chunk;
    private float[] _logits = [];
    private int[] _tokens = [];
    private int _firstHeld;

    public LogitPass(MeKiModel model)
    {
        _session = model.CreateSession();
        _vocabulary = model.Config.VocabularySize;
        _chunk = Math.Clamp(MaxLogitBytes / sizeof(float) / _vocabulary, 1, MeKiSession.BatchTokens);
    }

    /// <summary>Begins a sequence and runs the part of it whose logits nobody wants.</summary>
    /// <param name="tokens">The sequence, at most as long as the context.</param>
    /// <param name="first">The first position whose logits will be asked for.</param>
    /// <param name="cancellationToken">Heeded between batches.</param>
    public void Begin(int[] tokens, int first, CancellationToken cancellationToken)
    {
        _session.Truncate(0);
        _tokens = tokens;
        _session.Forward(tokens.AsSpan(0, first), [], cancellationToken: cancellationToken);
        _firstHeld = first;
    }

    /// <summary>The logits at a position, which predict the token after it. Ask for positions in order; valid until the next call.</summary>
    public ReadOnlySpan<float> At(int position, CancellationToken cancellationToken)
    {
        if (position == _session.Position)
        {
            _firstHeld = position;
            int count = Math.Min(_chunk, _tokens.Length - position);
            if (_logits.Length < count * _vocabulary)
                _logits = new float[count * _vocabulary];
            _session.Forward(_tokens.AsSpan(position, count), _logits.AsSpan(0, count * _vocabulary), cancellationToken: cancellationToken);
        }
        return _logits.AsSpan((position - _firstHeld) * _vocabulary, _vocabulary);
    }

    public void Dispose() => _session.Dispose();
}
