namespace MeKi.Model.Tokenization;

/// <summary>
/// Merges the bytes of one piece into tokens: always the pair of lowest rank, of equals the leftmost. A queue of candidates over a linked list makes it
/// O(n log n) whatever the piece. Working memory is kept between pieces, so an instance serves one thread.
/// </summary>
internal sealed class PieceMerger(Vocabulary vocabulary)
{
    private readonly PriorityQueue<int, long> _candidates = new();
    private Symbol[] _symbols = new Symbol[64];

    private struct Symbol
    {
        public int Id;
        public int Previous;
        public int Next;

        /// <summary>The merge with the next symbol; <see cref="int.MaxValue"/> when there is none or this symbol is gone.</summary>
        public int Rank;
        public int Merged;
    }

    /// <summary>Appends the tokens of a piece. A byte without a token of its own is left out, as other implementations do.</summary>
    public void Merge(ReadOnlySpan<byte> piece, List<int> tokens)
    {
        int count = Load(piece);
        if (count == 0)
            return;
        for (int i = 0; i < count - 1; i++)
            Propose(i);
        while (_candidates.TryDequeue(out int at, out long priority))
        {
            ref var symbol = ref _symbols[at];
            // A candidate is stale when either half has merged otherwise since; then its rank is no longer the one at this place.
            if (symbol.Rank != (int)(priority >> 32))
                continue;
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
        for (int i = 0; i >= 0; i = _symbols[i].Next)
            tokens.Add(_symbols[i].Id);
    }

    private int Load(ReadOnlySpan<byte> piece)
    {
        if (_symbols.Length < piece.Length)
            _symbols = new Symbol[piece.Length];
        int count = 0;
        foreach (byte value in piece)
        {
            int id = vocabulary.ByteIds[value];
            if (id >= 0)
                _symbols[count] = new() { Id = id, Previous = count - 1, Next = ++count, Rank = int.MaxValue };
        }
        if (count > 0)
            _symbols[count - 1].Next = -1;
        return count;
    }

    private void Propose(int at)
    {
        ref var symbol = ref _symbols[at];
        (symbol.Rank, symbol.Merged) = vocabulary.MergeOf(symbol.Id, _symbols[symbol.Next].Id);
        if (symbol.Rank != int.MaxValue)
            _candidates.Enqueue(at, ((long)symbol.Rank << 32) | (uint)at);
    }
}
