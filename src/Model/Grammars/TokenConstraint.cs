using System.Numerics;
using MeKi.Model.Grammars.Masks;
using MeKi.Model.Grammars.Matching;

namespace MeKi.Model.Grammars;

/// <summary>A text in generation under a grammar: which tokens may follow. Serves one thread at a time.</summary>
internal sealed class TokenConstraint
{
    // Of budgets: how far ahead a mask is computed with a budget that is so much smaller, so that it serves for as many tokens.
    private const int Reserve = 32, MostMasks = 64, MostForcedBytes = 256;

    private readonly Grammar _grammar;
    private readonly TokenVocabulary _vocabulary;
    private readonly MaskWriter _writer;
    private readonly Dictionary<MatchState, (ulong[] Bits, int Most)> _masks = [];
    private readonly Queue<MatchState> _oldest = new();
    private readonly ulong[] _wide;
    private MatchState _state;
    private TextRecorder _recorder = new();

    public TokenConstraint(Grammar grammar, TokenVocabulary vocabulary, MatchState start)
    {
        (_grammar, _vocabulary, _state) = (grammar, vocabulary, start);
        (_writer, _wide) = (new(vocabulary.Trie), new ulong[vocabulary.Words]);
    }

    /// <summary>Whether the text may end here.</summary>
    public bool IsComplete
    {
        get
        {
            lock (_grammar.Gate)
                return HasEnded || _state.IsComplete;
        }
    }

    /// <summary>Whether an end token was accepted.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Words of 64 bits of a mask.</summary>
    public int Words => _vocabulary.Words;

    /// <summary>About how many tokens it takes to complete the text, the end token not counted.</summary>
    public int Rest
    {
        get
        {
            lock (_grammar.Gate)
                return HasEnded ? 0 : _state.Rest;
        }
    }

    /// <summary>Finds the tokens that may follow.</summary>
    /// <param name="mask">Receives a bit for each token, token 0 in the lowest of the first word; at least <see cref="Words"/> long.</param>
    /// <param name="tokensLeft">How many tokens may still follow, end tokens not counted: only those are kept after which the text can be completed. Where
    /// that is too late, those that lead to the end soonest.</param>
    /// <returns>The token, where only one may follow; otherwise -1.</returns>
    public int Mask(Span<ulong> mask, int tokensLeft = int.MaxValue)
    {
        lock (_grammar.Gate)
        {
            mask = mask[..Words];
            mask.Clear();
            if (!HasEnded && tokensLeft > 0)
                Find(tokensLeft).CopyTo(mask);
            if (HasEnded || _state.IsComplete)
            {
                foreach (int end in _vocabulary.Ends)
                    mask[end >> 6] |= 1UL << (end & 63);
            }
            return OnlyOne(mask);
        }
    }

    /// <summary>Takes a token.</summary>
    /// <returns>Whether it may follow; where not, nothing has changed.</returns>
    public bool Accept(int token)
    {
        lock (_grammar.Gate)
        {
            if (HasEnded || (uint)token >= (uint)_vocabulary.Count)
                return false;
            if (_vocabulary.Ends.Contains(token))
                return HasEnded = _state.IsComplete;
            ReadOnlySpan<byte> bytes = _vocabulary.Bytes(token);
            TextRecorder recorder = _recorder.Clone();
            MatchState? state = bytes.IsEmpty ? null : _state;
            for (int i = 0; i < bytes.Length && state is not null; i++)
                state = state.Next(bytes[i], recorder);
            if (state is null)
                return false;
            (_state, _recorder) = (state, recorder);
            return true;
        }
    }

    /// <summary>The bytes that must follow, as far as there is no choice.</summary>
    public byte[] ForcedText()
    {
        lock (_grammar.Gate)
        {
            List<byte> forced = [];
            TextRecorder recorder = _recorder.Clone();
            for (MatchState state = _state; !HasEnded && !state.IsComplete && forced.Count < MostForcedBytes;)
            {
                int only = -1;
                for (int value = 0; value < 256 && only != -2; value++)
                {
                    if (state.Next((byte)value, null) is not null)
                        only = only == -1 ? value : -2;
                }
                if (only < 0 || state.Next((byte)only, recorder) is not MatchState next)
                    break;
                forced.Add((byte)only);
                state = next;
            }
            return [.. forced];
        }
    }

    /// <summary>The same text, to go on in another way.</summary>
    public TokenConstraint Fork()
    {
        lock (_grammar.Gate)
            return new(_grammar, _vocabulary, _state) { _recorder = _recorder.Clone(), HasEnded = HasEnded };
    }

    private static int OnlyOne(ReadOnlySpan<ulong> mask)
    {
        int only = -1;
        for (int i = 0; i < mask.Length; i++)
        {
            if (mask[i] == 0)
                continue;
            if (only >= 0 || (mask[i] & (mask[i] - 1)) != 0)
                return -1;
            only = i * 64 + BitOperations.TrailingZeroCount(mask[i]);
        }
        return only;
    }

    private ReadOnlySpan<ulong> Find(int tokensLeft)
    {
        int most = tokensLeft == int.MaxValue ? int.MaxValue : tokensLeft - 1;
        if (_masks.TryGetValue(_state, out (ulong[] Bits, int Most) known) && known.Most <= most)
            return known.Bits;
        ulong[] bits = known.Bits ?? NewMask();
        if (most == int.MaxValue)
        {
            _writer.Write(_state, bits, most);
            _masks[_state] = (bits, most);
            return bits;
        }
        // A mask from which nothing was cut with less serves with more.
        if (most > Reserve)
        {
            _writer.Write(_state, bits, most - Reserve);
            if (!_writer.WasCut)
            {
                _masks[_state] = (bits, most - Reserve);
                return bits;
            }
        }
        _masks[_state] = (bits, int.MaxValue);
        for (int limit = most; ; limit = limit > int.MaxValue / 2 ? int.MaxValue : Math.Max(1, limit) * 2)
        {
            _writer.Write(_state, _wide, limit);
            // Too late to complete the text: the soonest way is taken.
            if (_wide.AsSpan().ContainsAnyExcept(0UL) || limit == int.MaxValue)
                break;
        }
        _masks.Remove(_state);
        return _wide;
    }

    private ulong[] NewMask()
    {
        ulong[]? bits = null;
        if (_oldest.Count >= MostMasks && _oldest.TryDequeue(out MatchState? oldest) && _masks.Remove(oldest, out (ulong[] Bits, int Most) known))
            bits = known.Bits;
        _oldest.Enqueue(_state);
        return bits ?? new ulong[Words];
    }
}
