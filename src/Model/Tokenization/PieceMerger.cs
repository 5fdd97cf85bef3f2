namespace MeKi.Model.Tokenization;

/// <summary>
/// Merges the parts of one piece into tokens: always the pair of lowest rank, of equals the leftmost. A queue of candidates over a linked list makes it
/// O(n log n) whatever the piece; a short one is looked through instead. Working memory is kept between pieces, so an instance serves one thread.
/// </summary>
internal sealed class PieceMerger(MergeRules rules)
{
    // Up to here looking for the lowest rank costs less than keeping the candidates in order.
    private const int ShortPiece = 24;

    private readonly PriorityQueue<int, long> _candidates = new();
    private Symbol[] _symbols = new Symbol[64];
    private byte[] _piece = new byte[64];
    private int _count, _length;

    private struct Symbol
    {
        public int Id;
        public int Start;
        public int Previous;
        public int Next;

        /// <summary>The merge with the next symbol; <see cref="int.MaxValue"/> when there is none or this symbol is gone.</summary>
        public int Rank;
        public int Merged;
    }

    /// <summary>Where the first token is, after <see cref="Run"/>; -1 where there is none.</summary>
    public int First => _count > 0 ? 0 : -1;

    /// <summary>Memory for the bytes of the next piece.</summary>
    public Span<byte> Piece(int most)
    {
        if (_piece.Length < most)
            _piece = new byte[most];
        return _piece;
    }

    /// <summary>Begins a piece whose bytes are in <see cref="Piece"/>, as many as these.</summary>
    public void Begin(int length)
    {
        (_count, _length) = (0, length);
        if (_symbols.Length < length)
            _symbols = new Symbol[length];
    }

    /// <summary>Adds a part; the last byte of the one before it is the one before <paramref name="start"/>.</summary>
    /// <param name="id">Its token, or -1.</param>
    /// <param name="start">Where in the piece it begins.</param>
    public void Add(int id, int start) =>
        _symbols[_count] = new() { Id = id, Start = start, Previous = _count - 1, Next = ++_count, Rank = int.MaxValue };

    /// <summary>Merges what was added.</summary>
    public void Run()
    {
        if (_count == 0)
            return;
        _symbols[_count - 1].Next = -1;
        for (int i = 0; i < _count - 1; i++)
            Propose(i);
        if (_count <= ShortPiece)
            RunShort();
        else
            RunLong();
    }

    /// <summary>The token at a place, or -1 for a character that has none.</summary>
    public int TokenAt(int at) => _symbols[at].Id;

    /// <summary>The bytes at a place.</summary>
    public ReadOnlySpan<byte> BytesAt(int at) => _piece.AsSpan(_symbols[at].Start..EndOf(at));

    /// <summary>The place of the token behind that at a place; -1 behind the last.</summary>
    public int After(int at) => _symbols[at].Next;

    private void RunShort()
    {
        while (true)
        {
            int best = 0;
            for (int i = _symbols[0].Next; i >= 0; i = _symbols[i].Next)
            {
                if (_symbols[i].Rank < _symbols[best].Rank)
                    best = i;
            }
            if (_symbols[best].Rank == int.MaxValue)
                return;
            Merge(best);
        }
    }

    private void RunLong()
    {
        for (int i = 0; i < _count; i++)
            Enqueue(i);
        while (_candidates.TryDequeue(out int at, out long priority))
        {
            // A candidate is stale when either half has merged otherwise since; then its rank is no longer the one at this place.
            if (_symbols[at].Rank != (int)(priority >> 32))
                continue;
            Merge(at);
            Enqueue(at);
            if (_symbols[at].Previous >= 0)
                Enqueue(_symbols[at].Previous);
        }
    }

    private void Merge(int at)
    {
        ref var symbol = ref _symbols[at];
        int gone = symbol.Next;
        symbol.Id = symbol.Merged;
        symbol.Next = _symbols[gone].Next;
        symbol.Rank = int.MaxValue;
        _symbols[gone].Rank = int.MaxValue;
        if (symbol.Next >= 0)
        {
            _symbols[symbol.Next].Previous = at;
            Propose(at);
        }
        if (symbol.Previous >= 0)
            Propose(symbol.Previous);
    }

    private void Propose(int at)
    {
        ref var symbol = ref _symbols[at];
        (symbol.Rank, symbol.Merged) = rules.Find(symbol.Id, _symbols[symbol.Next].Id, _piece.AsSpan(symbol.Start..EndOf(symbol.Next)));
    }

    private void Enqueue(int at)
    {
        if (_symbols[at].Rank != int.MaxValue)
            _candidates.Enqueue(at, ((long)_symbols[at].Rank << 32) | (uint)at);
    }

    private int EndOf(int at) => _symbols[at].Next >= 0 ? _symbols[_symbols[at].Next].Start : _length;
}
