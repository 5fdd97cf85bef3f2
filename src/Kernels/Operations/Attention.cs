using System.Numerics.Tensors;
using MeKi.Kernels.Allocation;
using MeKi.Kernels.Attending;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Operations;

/// <summary>
/// Causal grouped-query attention over the KV cache: each query head h of each token reads the keys and values of KV head h / group at positions up to its own
/// (or the last few of them: a sliding window), <c>softmax(q · Kᵀ / sqrt(D)) · V</c>. The queries that share a KV head meet each page of keys and values
/// together. A page gives a largest score, a sum of weights and a weighted sum of values; the pages' results are joined in their order, as the online softmax
/// does (Milakov and Gimelshein, 2018).
/// </summary>
/// <remarks>
/// Few tokens are a region of KV heads × pages, so that every core works at any number of heads, and who ends a head's last page joins the head's pages. Many
/// are a region of KV heads × tiles of tokens, each with a running result. Pages' results are kept for so many pages as fit a fixed room, then joined: what is
/// held does not grow with depth. A query meets the same pages in the same order whatever tokens are beside it and whoever computes them: the bits depend
/// neither on threads nor on how a prompt is cut.
/// </remarks>
internal sealed unsafe class Attention : Region
{
    // Rows of a tile: enough that widening a page costs little beside them, few enough that scores, queries, sums and the page stay in the second-level cache,
    // 0.4 MB with heads of 128 columns.
    private const int TileRows = 96;

    // Rows of all parts of a KV head together, and as many regions as pages need: 2.2 MB for 8 KV heads of 128 columns. One token with two heads a group,
    // padded to four rows, has 32,768 positions in one region, a tile of 48 rows 2,560.
    private const int PartRows = 512;

    // Behind a part's columns: its largest score and its sum of weights.
    private const int PartTail = 8;

    [ThreadStatic]
    private static PinnedFloats? t_scratch;

    private readonly ComputePool _pool;
    private readonly AttentionKernels _kernels;
    private readonly ParallelLoop _heads;
    private readonly AttentionQueries _prepared = new();
    private int[] _pagesLeft = [];
    private int _group;
    private int _kvHeads;
    private readonly PinnedFloats _parts = new();
    private float* _partSums;

    private ActivationMatrix _queries = null!;
    private ActivationMatrix _output = null!;
    private LayerCache _cache = null!;
    private int _firstRow;
    private int _firstPosition;
    private int _tokens;
    private int _window;

    // The region's pages: part p is page _origin + p. Part 0 is the result so far, unless _firstPart is 0.
    private int _origin;
    private int _firstPart;
    private int _endPart;

    /// <summary>Prepares to attend with the kernels of <see cref="KernelSelection"/>.</summary>
    /// <param name="pool">The threads to run on.</param>
    public Attention(ComputePool pool)
        : this(pool, KernelSet.Selected.Attention)
    {
    }

    internal Attention(ComputePool pool, AttentionKernels kernels) => (_pool, _kernels, _heads) = (pool, kernels, new(pool));

    private int TileTokens => Math.Max(4, TileRows / _group / 4 * 4);

    private int Tiles => (_tokens + TileTokens - 1) / TileTokens;

    private int FirstPage => FirstSeen(0) / KvPage.Positions;

    private int EndPage => (_firstPosition + _tokens - 1) / KvPage.Positions + 1;

    // At least one beside the result so far.
    private int Parts => Math.Min(EndPage - FirstPage, Math.Max(2, PartRows / AttentionKernels.PaddedRows(_tokens * _group)));

    private int PartLength => _cache.Layout.Columns + PartTail;

    /// <summary>Bytes held for results of pages: at most the larger of 512 rows and two tiles for each KV head, whatever the depth.</summary>
    internal long PartBytes => _parts.Count * sizeof(float);

    /// <summary>
    /// Attends for some rows of one sequence; row <paramref name="firstRow"/> + r stands at <paramref name="firstPosition"/> + r, and its own key and value are
    /// in the cache already.
    /// </summary>
    /// <param name="queries">Rotated queries, [rows × heads · D].</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="tokens">Rows.</param>
    /// <param name="firstPosition">Position of the first row.</param>
    /// <param name="cache">The layer's keys and values; their heads divide those of the queries.</param>
    /// <param name="output">The result, [rows × heads · D], in the same rows; made room for.</param>
    /// <param name="scale">What scores are multiplied with; 0 for 1 / √D.</param>
    /// <param name="window">How many positions a token sees, its own included, at least 1; pages before them are not read.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or sizes are beyond 31 bits.</exception>
    public void Run(ActivationMatrix queries, int firstRow, int tokens, int firstPosition, LayerCache cache, ActivationMatrix output, float scale = 0,
        int window = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        (_kvHeads, _group) = (cache.Layout.KvHeads, queries.Columns / (cache.Layout.KvHeads * cache.Layout.HeadDimension));
        CheckSizes(firstRow, tokens, firstPosition);
        output.Reserve(firstRow + tokens);
        if (tokens == 0)
            return;
        (_queries, _output, _cache, _firstRow, _firstPosition, _tokens, _window) = (queries, output, cache, firstRow, firstPosition, tokens, window);
        if (_pagesLeft.Length < _kvHeads)
            _pagesLeft = new int[_kvHeads];
        _prepared.Reserve(cache.Layout, tokens * _group, scale > 0 ? scale : 1 / MathF.Sqrt(cache.Layout.HeadDimension));
        _heads.Run(_kvHeads, new PrepareHead(this));
        if (Tiles > 1)
        {
            _pool.Run(this, _kvHeads * Tiles, chunk: 1);
            return;
        }
        long length = (long)_kvHeads * Parts * AttentionKernels.PaddedRows(tokens * _group) * PartLength;
        _partSums = _parts.Reserve(length);
        for ((_origin, _firstPart) = (FirstPage, 0); _origin + _firstPart < EndPage; (_origin, _firstPart) = (_origin + Parts - 1, 1))
        {
            _endPart = Math.Min(Parts, EndPage - _origin);
            Array.Fill(_pagesLeft, _endPart - _firstPart, 0, _kvHeads);
            _pool.Run(this, _kvHeads * (_endPart - _firstPart), chunk: 1);
        }
    }

    /// <inheritdoc/>
    public override void Execute(int begin, int end)
    {
        for (int item = begin; item < end; item++)
        {
            if (Tiles > 1)
                AttendTile(item / Tiles, (Tiles - 1 - item % Tiles) * TileTokens); // The last tokens see the most: first come, first served begins with them.
            else
                AttendPart(item / (_endPart - _firstPart), _firstPart + item % (_endPart - _firstPart));
        }
    }

    // Kernels count rows times a page's positions, and items of a region, in 32 bits.
    private void CheckSizes(int firstRow, int tokens, int firstPosition)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfNegative(firstPosition);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, int.MaxValue - KvPage.Positions - Math.Max(firstPosition, firstRow));
        long rows = (long)Math.Min(tokens, TileRows) * _group + TileRows, items = (long)_kvHeads * Math.Max(tokens, PartRows);
        if (_group < 1 || rows > int.MaxValue / KvPage.Positions || items > int.MaxValue || (long)tokens * _group > int.MaxValue)
        {
            throw new ArgumentOutOfRangeException(
                nameof(tokens), tokens, $"{tokens} tokens of {_kvHeads} times {_group} heads are none, or more than attention has room for.");
        }
    }

    // Pinned, like all that kernels hold addresses of.
    private static float* Scratch(long length) => (t_scratch ??= new()).Reserve(length);

    private void Prepare(int kvHead)
    {
        for (int row = 0; row < _tokens * _group; row++)
            _prepared.Set(kvHead, row, Head(_queries, kvHead, row));
    }

    private void AttendPart(int kvHead, int part)
    {
        int rows = _tokens * _group, padded = AttentionKernels.PaddedRows(rows);
        AttendPage(kvHead, _origin + part, 0, _tokens, Scratch((long)padded * KvPage.Positions), Part(kvHead, part));
        if (Interlocked.Decrement(ref _pagesLeft[kvHead]) > 0)
            return;
        float* total = Part(kvHead, 0);
        for (int next = 1; next < _endPart; next++)
            Join(total, Part(kvHead, next), rows);
        if (_origin + _endPart == EndPage)
            Finish(kvHead, 0, rows, total);
    }

    private void AttendTile(int kvHead, int firstToken)
    {
        int tokens = Math.Min(TileTokens, _tokens - firstToken), rows = tokens * _group, padded = AttentionKernels.PaddedRows(rows);
        int firstPage = FirstSeen(firstToken) / KvPage.Positions, lastPage = (_firstPosition + firstToken + tokens - 1) / KvPage.Positions;
        float* scores = Scratch(padded * (KvPage.Positions + 2L * PartLength));
        float* total = scores + (long)padded * KvPage.Positions, part = total + (long)padded * PartLength;
        AttendPage(kvHead, firstPage, firstToken, tokens, scores, total);
        for (int page = firstPage + 1; page <= lastPage; page++)
        {
            AttendPage(kvHead, page, firstToken, tokens, scores, part);
            Join(total, part, rows);
        }
        Finish(kvHead, firstToken * _group, rows, total);
    }

    private void AttendPage(int kvHead, int page, int firstToken, int tokens, float* scores, float* part)
    {
        const int Step = AttentionKernels.ScorePositions;
        int start = page * KvPage.Positions, rows = tokens * _group;
        int first = Math.Max(0, FirstSeen(firstToken) - start), end = Math.Min(KvPage.Positions, _firstPosition + firstToken + tokens - start);
        int firstScore = first / Step * Step, endScore = (end + Step - 1) / Step * Step;
        KvPage memory = _cache.Page(page);
        _kernels.Score(_cache.Layout, memory.Keys(kvHead), firstScore, endScore, _prepared, kvHead, firstToken * _group, rows, scores);
        for (int row = 0; row < rows; row++)
        {
            int token = firstToken + row / _group, endSeen = Math.Clamp(_firstPosition + token + 1 - start, first, end),
                firstSeen = Math.Clamp(FirstSeen(token) - start, first, endSeen);
            float* tail = part + (long)row * PartLength + _cache.Layout.Columns;
            _kernels.Weigh(scores + (long)row * KvPage.Positions, firstScore, endScore, firstSeen, endSeen, out tail[0], out tail[1]);
        }
        _kernels.Sum(_cache.Layout, memory.Values(kvHead), first, end, scores, rows, part, PartLength);
    }

    private void Join(float* total, float* part, int rows)
    {
        for (int row = 0; row < rows; row++, total += PartLength, part += PartLength)
        {
            float* tail = total + _cache.Layout.Columns, partTail = part + _cache.Layout.Columns;
            // A token of a tile may see nothing of a page: it lies behind the token or before its window.
            if (partTail[1] == 0)
                continue;
            float largest = MathF.Max(tail[0], partTail[0]), scale = ExpPolynomial.OfNegative(tail[0] - largest),
                partScale = ExpPolynomial.OfNegative(partTail[0] - largest);
            _kernels.Join(total, scale, part, partScale, _cache.Layout.Columns);
            (tail[0], tail[1]) = (largest, MathF.FusedMultiplyAdd(partTail[1], partScale, tail[1] * scale));
        }
    }

    private void Finish(int kvHead, int firstRow, int rows, float* total)
    {
        for (int row = 0; row < rows; row++, total += PartLength)
            TensorPrimitives.Divide(new ReadOnlySpan<float>(total, _cache.Layout.HeadDimension), total[_cache.Layout.Columns + 1],
                Head(_output, kvHead, firstRow + row));
    }

    private int FirstSeen(int token) => Math.Max(0, _firstPosition + token + 1 - _window);

    private float* Part(int kvHead, int part) =>
        _partSums + ((long)kvHead * Parts + part) * AttentionKernels.PaddedRows(_tokens * _group) * PartLength;

    private Span<float> Head(ActivationMatrix matrix, int kvHead, int row) =>
        matrix.Row(_firstRow + row / _group).Slice((kvHead * _group + row % _group) * _cache.Layout.HeadDimension, _cache.Layout.HeadDimension);

    private readonly struct PrepareHead(Attention attention) : ILoopStep
    {
        public void Invoke(int kvHead) => attention.Prepare(kvHead);
    }
}
