using System.Numerics;
using MeKi.Model.Grammars.Masks;
using MeKi.Model.Grammars.Matching;

namespace MeKi.Model.Grammars;

/// <summary>A text in generation under a grammar: which tokens may follow. Serves one thread at a time.</summary>
internal sealed class TokenConstraint
{
    // A mask is computed as if there were so many tokens less, so that it serves for as many.
    private const int Reserve = 32;

    // Tokens that belong to a value beside its own.
    private const int BesideValue = 8;

    private const int MostMasks = 64;

    private readonly Grammar _grammar;
    private readonly TokenVocabulary _vocabulary;
    private readonly MaskWriter _writer;
    private readonly Dictionary<MatchState, (ulong[] Bits, int Least)> _masks = [];
    private readonly TextStart _start;
    private readonly Queue<MatchState> _oldest = new();
    private readonly ulong[] _wide;
    private MatchState _state;
    private TextRecorder _recorder = new();
    private MatchState[]? _path;

    public TokenConstraint(Grammar grammar, TokenVocabulary vocabulary, TextStart start, MatchState state)
    {
        (_grammar, _vocabulary, _start, _state) = (grammar, vocabulary, start, state);
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

    /// <summary>Whether only one token leads on, and the text cannot end here: looked at no longer than until there is a second.</summary>
    public bool HasOneWay()
    {
        lock (_grammar.Gate)
        {
            if (HasEnded || _state.IsComplete)
                return false;
            TokenTrie trie = _vocabulary.Trie;
            _path ??= new MatchState[trie.Deepest + 1];
            _path[0] = _state;
            int tokens = 0;
            for (int node = 1; node < trie.Count && tokens < 2;)
            {
                int depth = trie.Depths[node];
                if (_path[depth - 1].Next(trie.Labels[node]) is not MatchState next)
                {
                    node = trie.Ends[node];
                    continue;
                }
                _path[depth] = next;
                tokens += trie.TokensAt(node++).Length;
            }
            return tokens == 1;
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
            // Where looking ahead finds a way there is one; else it is tried on a copy.
            TextRecorder recorder = IsAhead(bytes) ? _recorder : _recorder.Clone();
            MatchState? state = bytes.IsEmpty ? null : _state;
            for (int i = 0; i < bytes.Length && state is not null; i++)
                state = state.Next(bytes[i], recorder);
            if (state is null)
                return false;
            if (!ReferenceEquals(_state, state))
                _state.Forget();
            (_state, _recorder) = (state, recorder);
            return true;
        }
    }

    /// <summary>The same text, to go on in another way.</summary>
    public TokenConstraint Fork()
    {
        lock (_grammar.Gate)
            return new(_grammar, _vocabulary, _start, _state) { _recorder = _recorder.Clone(), HasEnded = HasEnded };
    }

    private bool IsAhead(ReadOnlySpan<byte> bytes)
    {
        MatchState? state = _state;
        for (int i = 0; i < bytes.Length && state is not null; i++)
            state = state.Next(bytes[i]);
        return state is not null;
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
        if (_masks.TryGetValue(_state, out (ulong[] Bits, int Least) known) && known.Least <= most)
            return known.Bits;
        ulong[] bits = known.Bits ?? NewMask();
        if (most == int.MaxValue || Bound() <= most)
        {
            _writer.Write(_state, bits, int.MaxValue);
            // Writing may have found what costs more.
            _masks[_state] = (bits, Bound());
            if (_masks[_state].Least <= most)
                return bits;
        }
        if (most > Reserve)
        {
            _writer.Write(_state, bits, most - Reserve);
            if (!_writer.WasCut)
            {
                _masks[_state] = (bits, most - Reserve);
                return bits;
            }
        }
        _masks.Remove(_state);
        _writer.Write(_state, _wide, most);
        // Too late to complete the text: the soonest way is taken.
        if (!_state.IsComplete && !_wide.AsSpan().ContainsAnyExcept(0UL))
            _writer.WriteSoonest(_state, _wide);
        return _wide;

        // With so many tokens none that may follow is too much.
        int Bound() => Math.Min(_state.Rest, int.MaxValue / 2) + _vocabulary.MostBegun * (Math.Min(_start.MostCost, int.MaxValue / 64) + BesideValue);
    }

    private ulong[] NewMask()
    {
        ulong[]? bits = null;
        if (_oldest.Count >= MostMasks && _oldest.TryDequeue(out MatchState? oldest) && _masks.Remove(oldest, out (ulong[] Bits, int Least) known))
            bits = known.Bits;
        _oldest.Enqueue(_state);
        return bits ?? new ulong[Words];
    }
}
