using System.Numerics.Tensors;
using MeKi.Kernels.Allocation;
using MeKi.Kernels.Attending;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Operations;

/// <summary>Some rows of one sequence as <see cref="Attention"/> computes them, item by item.</summary>
/// <param name="kernels">What computes.</param>
/// <param name="prepared">Its queries and those of others.</param>
internal sealed unsafe class AttendingRows(AttentionKernels kernels, AttentionQueries prepared)
{
    // Rows of a tile: enough that widening a page costs little beside them, few enough that scores, queries, sums and the page stay in the second-level cache,
    // 0.4 MB with heads of 128 columns.
    private const int TileRows = 96;

    // Behind a part's columns: its largest score and its sum of weights.
    private const int PartTail = 8;

    [ThreadStatic]
    private static PinnedFloats? t_scratch;

    private readonly AttentionKernels _kernels = kernels;
    private readonly AttentionQueries _prepared = prepared;
    private int[] _pagesLeft = [];
    private float* _partSums;
    private int _firstPrepared;
    private int _partRows;
    private int _group;
    private int _kvHeads;

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

    /// <summary>Its heads of keys and values.</summary>
    public int KvHeads => _kvHeads;

    /// <summary>Its queries of a KV head: tokens times heads of a group.</summary>
    public int Queries => _tokens * _group;

    /// <summary>The pages' layout.</summary>
    public KvLayout Layout => _cache.Layout;

    /// <summary>What its scores are multiplied with.</summary>
    public float Scale { get; private set; }

    /// <summary>Items of the region that is next; 0 when all is done.</summary>
    public int Items { get; private set; }

    /// <summary>Floats for results of pages; none for tiles.</summary>
    public long PartFloats => Tiles > 1 ? 0 : (long)_kvHeads * Parts * AttentionKernels.PaddedRows(_tokens * _group) * PartLength;

    private int TileTokens => Math.Max(4, TileRows / _group / 4 * 4);

    private int Tiles => (_tokens + TileTokens - 1) / TileTokens;

    private int FirstPage => FirstSeen(0) / KvPage.Positions;

    private int EndPage => (_firstPosition + _tokens - 1) / KvPage.Positions + 1;

    // At least one beside the result so far.
    private int Parts => Math.Min(EndPage - FirstPage, Math.Max(2, _partRows / AttentionKernels.PaddedRows(_tokens * _group)));

    private int PartLength => _cache.Layout.Columns + PartTail;

    /// <summary>Which rows; see <see cref="Attention.Run(ActivationMatrix, int, int, int, LayerCache, ActivationMatrix, float, int)"/>.</summary>
    public void Set(ActivationMatrix queries, int firstRow, int tokens, int firstPosition, LayerCache cache, ActivationMatrix output, float scale, int window)
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
        Scale = scale > 0 ? scale : 1 / MathF.Sqrt(cache.Layout.HeadDimension);
    }

    /// <summary>Tells where its queries and the results of pages go.</summary>
    /// <param name="firstPrepared">Its first row among all queries.</param>
    /// <param name="partRows">Rows of all parts of a KV head together.</param>
    public void Place(int firstPrepared, int partRows) => (_firstPrepared, _partRows) = (firstPrepared, partRows);

    /// <summary>Begins its first region.</summary>
    /// <param name="parts">Room for <see cref="PartFloats"/>.</param>
    public void Begin(float* parts)
    {
        _partSums = parts;
        if (Tiles > 1)
            Items = _kvHeads * Tiles;
        else
            BeginParts(FirstPage, 0);
    }

    /// <summary>Begins its next region, once all items of the one before are done.</summary>
    public void Continue()
    {
        if (Items == 0 || Tiles > 1)
            Items = 0;
        else
            BeginParts(_origin + Parts - 1, 1);
    }

    /// <summary>Computes an item.</summary>
    public void Attend(int item)
    {
        if (Tiles > 1)
            AttendTile(item / Tiles, (Tiles - 1 - item % Tiles) * TileTokens); // The last tokens see the most: first come, first served begins with them.
        else
            AttendPart(item / (_endPart - _firstPart), _firstPart + item % (_endPart - _firstPart));
    }

    private void BeginParts(int origin, int firstPart)
    {
        (_origin, _firstPart) = (origin, firstPart);
        if (origin + firstPart >= EndPage)
        {
            Items = 0;
            return;
        }
        _endPart = Math.Min(Parts, EndPage - origin);
        Array.Fill(_pagesLeft, _endPart - firstPart, 0, _kvHeads);
        Items = _kvHeads * (_endPart - firstPart);
    }

    // Kernels count rows times a page's positions, and items of a region, in 32 bits.
    private void CheckSizes(int firstRow, int tokens, int firstPosition)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfNegative(firstPosition);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, int.MaxValue - KvPage.Positions - Math.Max(firstPosition, firstRow));
        long rows = (long)Math.Min(tokens, TileRows) * _group + TileRows, items = (long)_kvHeads * Math.Max(tokens, Attention.PartRows);
        if (_group < 1 || rows > int.MaxValue / KvPage.Positions || items > int.MaxValue || (long)tokens * _group > int.MaxValue)
        {
            throw new ArgumentOutOfRangeException(
                nameof(tokens), tokens, $"{tokens} tokens of {_kvHeads} times {_group} heads are none, or more than attention has room for.");
        }
    }

    // Pinned, like all that kernels hold addresses of.
    private static float* Scratch(long length) => (t_scratch ??= new()).Reserve(length);

    /// <summary>Takes over the queries of a KV head.</summary>
    public void Prepare(int kvHead)
    {
        for (int row = 0; row < _tokens * _group; row++)
            _prepared.Set(kvHead, _firstPrepared + row, Head(_queries, kvHead, row));
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
        _kernels.Score(_cache.Layout, memory.Keys(kvHead), firstScore, endScore, _prepared, kvHead, _firstPrepared + firstToken * _group, rows,
            scores);
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
}
