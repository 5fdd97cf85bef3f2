using MeKi.Kernels.Allocation;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Panels;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Attending;

/// <summary>Attention's arithmetic in one vocabulary of vectors: which kernel a format and a number of rows take.</summary>
/// <typeparam name="TVector">Eight lanes.</typeparam>
/// <typeparam name="TWide">Sixteen.</typeparam>
internal sealed unsafe class VectorAttentionKernels<TVector, TWide> : AttentionKernels
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
{
    // From so many rows on, widening keys and values once for all is cheaper than in registers for each two.
    private const int TiledRows = 8;

    private const int PageLength = KvPage.Positions;

    private const int PrefetchBytes = Prefetching.Bytes;

    [ThreadStatic]
    private static PinnedFloats? t_widened;

    [ThreadStatic]
    private static ExpandedPanels? t_expanded;

    [ThreadStatic]
    private static SignMagnitudeTokens? t_signMagnitudes;

    public override void Score(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores)
    {
        switch (layout.Keys)
        {
            case KvFormat.F16: ScoreFloats<HalfPairs>(keys, layout.Columns, first, end, queries.Row(kvHead, row), rows, scores); break;
            case KvFormat.F32: ScoreFloats<SinglePairs>(keys, layout.Columns, first, end, queries.Row(kvHead, row), rows, scores); break;
            case KvFormat.Q8_0 when rows <= 2: ScoreCodes(layout, keys, first, end, queries, kvHead, row, scores); break;
            case KvFormat.Q8_0 when TVector.TakesSignMagnitudes: ScoreSignMagnitudeTiles(layout, keys, first, end, queries, kvHead, row, rows, scores); break;
            default: ScoreCodeTiles(layout, keys, first, end, queries, kvHead, row, rows, scores); break;
        }
    }

    public override void Weigh(float* scores, int first, int end, int firstSeen, int endSeen, out float largest, out float sum)
    {
        if (firstSeen == endSeen)
        {
            (largest, sum) = (float.NegativeInfinity, 0);
            new Span<float>(scores + first, end - first).Clear();
            return;
        }
        new Span<float>(scores + first, firstSeen - first).Fill(float.NegativeInfinity);
        new Span<float>(scores + endSeen, end - endSeen).Fill(float.NegativeInfinity);
        float* lanes = stackalloc float[8];
        TVector max = TVector.Load((byte*)(scores + first));
        for (int i = first + 8; i < end; i += 8)
            max = TVector.MaxNative(TVector.Load((byte*)(scores + i)), max);
        TVector.Store(max, (byte*)lanes);
        float most = lanes[0], all = 0;
        for (int lane = 1; lane < 8; lane++)
            most = MathF.Max(most, lanes[lane]);

        TVector negated = TVector.Constant(-most), total = TVector.Zero;
        for (int i = first; i < end; i += 8)
        {
            TVector weight = ExpPolynomial.OfNegative(TVector.AddFloats(TVector.Load((byte*)(scores + i)), negated));
            TVector.Store(weight, (byte*)(scores + i));
            total = TVector.AddFloats(total, weight);
        }
        TVector.Store(total, (byte*)lanes);
        for (int lane = 0; lane < 8; lane++)
            all += lanes[lane];
        (largest, sum) = (most, all);
    }

    public override void Sum(KvLayout layout, byte* values, int first, int end, float* weights, int rows, float* sums, int stride)
    {
        switch (layout.Values)
        {
            case KvFormat.F16: SumFloats<HalfPairs>(values, layout.Blocks, first, end, weights, rows, sums, stride); break;
            case KvFormat.F32: SumFloats<SinglePairs>(values, layout.Blocks, first, end, weights, rows, sums, stride); break;
            default: SumCodes(values, layout.Blocks, first, end, weights, rows, sums, stride); break;
        }
    }

    public override void Join(float* to, float scale, float* part, float partScale, int columns)
    {
        TVector a = TVector.Constant(scale), b = TVector.Constant(partScale);
        for (int i = 0; i < columns; i += 8)
            TVector.Store(TVector.MultiplyAdd(TVector.Load((byte*)(part + i)), b, TVector.Multiply(TVector.Load((byte*)(to + i)), a)), (byte*)(to + i));
    }

    private static void ScoreFloats<TPairs>(byte* keys, int columns, int first, int end, float* queries, int rows, float* scores)
        where TPairs : struct, IFloatPairs
    {
        long step = (long)ScorePositions * columns / 16 * TPairs.Bytes;
        keys += first / ScorePositions * step;
        float* widened = rows < TiledRows ? null : Widened(ScorePositions * columns);
        for (int position = first; position < end; position += ScorePositions, keys += step)
        {
            float* to = scores + position;
            if (rows >= TiledRows)
            {
                FloatAttention<TVector, TWide, TPairs>.WidenKeys(keys, columns, widened);
                for (int row = 0; row < rows; row += FloatTile<TWide>.Rows)
                {
                    for (int half = 0; half < ScorePositions; half += 16)
                        FloatTile<TWide>.Multiply(queries + (long)row * columns, columns, widened + half, ScorePositions, to + row * PageLength + half, PageLength, columns);
                }
                continue;
            }
            int pair = 0;
            for (; pair + 2 <= rows; pair += 2)
                FloatAttention<TVector, TWide, TPairs>.ScoreTwo(keys, columns, PrefetchBytes, queries + (long)pair * columns, queries + (long)(pair + 1) * columns, to + pair * PageLength, to + (pair + 1) * PageLength);
            if (pair < rows)
                FloatAttention<TVector, TWide, TPairs>.ScoreOne(keys, columns, PrefetchBytes, queries + (long)pair * columns, to + pair * PageLength);
        }
    }

    private static void ScoreCodes(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, float* scores)
    {
        long step = (long)layout.Blocks * Q8_0Codes.BlockBytes;
        for (int position = first; position < end; position += 16)
        {
            byte* panel = keys + position / 8 * step;
            QuantizedAttention<TVector, TWide>.ScoreTwo(panel, panel + step, layout.Blocks, PrefetchBytes, queries.Group(kvHead, row), scores + position, scores + position + PageLength);
        }
    }

    private static void ScoreCodeTiles(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores)
    {
        ExpandedPanels expanded = t_expanded ??= new();
        float* results = stackalloc float[64];
        long step = (long)layout.Blocks * Q8_0Codes.BlockBytes;
        for (int position = first; position < end; position += 16)
        {
            IntegerPanels<TVector, Q8_0Codes>.Expand(keys + position / 8 * step, 0, layout.Blocks, expanded);
            IntegerPanels<TVector, Q8_0Codes>.Expand(keys + (position / 8 + 1) * step, 1, layout.Blocks, expanded);
            for (int r = 0; r < rows; r += 4)
            {
                new Span<float>(results, 64).Clear();
                IntegerPanels<TVector, Q8_0Codes>.MultiplyTile<SignedCodes<TVector>>(expanded, layout.Blocks, queries.Group(kvHead, row + r), results);
                for (int i = 0; i < 4; i++)
                    new Span<float>(results + 16 * i, 16).CopyTo(new(scores + (r + i) * PageLength + position, 16));
            }
        }
    }

    // Queries are split once for each page: a hundredth of what they are multiplied with there. Positions up to a multiple of 64 have scores, those beyond the
    // last one nobody reads.
    private static void ScoreSignMagnitudeTiles(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores)
    {
        const int Positions = 8 * SignMagnitudeTile<TVector>.Panels;
        ExpandedPanels expanded = t_expanded ??= new();
        SignMagnitudeTokens signMagnitudes = t_signMagnitudes ??= new();
        long step = (long)layout.Blocks * Q8_0Codes.BlockBytes;
        signMagnitudes.Reserve((rows + 3) / 4 * 4, layout.Blocks);
        for (int r = 0; r < rows; r += 4)
            signMagnitudes.Separate(queries.Group(kvHead, row + r), r);
        for (int position = first / Positions * Positions; position < end; position += Positions)
        {
            for (int r = 0; r < rows; r++)
                new Span<float>(scores + r * PageLength + position, Positions).Clear();
            for (int block = 0; block < layout.Blocks; block += SignMagnitudeTokens.RunBlocks)
            {
                int blocks = Math.Min(SignMagnitudeTokens.RunBlocks, layout.Blocks - block);
                SignMagnitudeTile<TVector>.Expand(keys + position / 8 * step + block * Q8_0Codes.BlockBytes, step, SignMagnitudeTile<TVector>.Panels, blocks, expanded);
                SignMagnitudeRun run = signMagnitudes.Run(block, 0);
                for (int r = 0; r < rows; r++)
                    SignMagnitudeTile<TVector>.Multiply(expanded, blocks, run.After(r * blocks), scores + r * PageLength + position);
            }
        }
    }

    private static void SumFloats<TPairs>(byte* values, int blocks, int first, int end, float* weights, int rows, float* sums, int stride)
        where TPairs : struct, IFloatPairs
    {
        int count = end - first;
        if (TPairs.Scale != 1)
        {
            TVector scale = TVector.Constant(1 / TPairs.Scale);
            for (int row = 0; row < rows; row++)
            {
                for (int i = first / 8 * 8; i < end; i += 8)
                    TVector.Store(TVector.Multiply(TVector.Load((byte*)(weights + row * PageLength + i)), scale), (byte*)(weights + row * PageLength + i));
            }
        }
        float* widened = rows < TiledRows ? null : Widened(16 * PageLength);
        weights += first;
        for (int block = 0; block < blocks; block++)
        {
            byte* from = values + 2L * TPairs.Bytes * (PageLength * block + first);
            float* to = sums + block * KvLayout.BlockColumns;
            for (int half = 0; half < 2 && rows >= TiledRows; half++)
            {
                FloatAttention<TVector, TWide, TPairs>.WidenValues(from + half * TPairs.Bytes, count, widened);
                for (int row = 0; row < rows; row += FloatTile<TWide>.Rows)
                    FloatTile<TWide>.Multiply(weights + row * PageLength, PageLength, widened, 16, to + (long)row * stride + 16 * half, stride, count);
            }
            if (rows >= TiledRows)
                continue;
            int pair = 0;
            for (; pair + 2 <= rows; pair += 2)
                FloatAttention<TVector, TWide, TPairs>.SumTwo(from, count, PrefetchBytes, weights + pair * PageLength, weights + (pair + 1) * PageLength, to + (long)pair * stride, to + (long)(pair + 1) * stride);
            if (pair < rows)
                FloatAttention<TVector, TWide, TPairs>.SumOne(from, count, PrefetchBytes, weights + pair * PageLength, to + (long)pair * stride);
        }
    }

    private static void SumCodes(byte* values, int blocks, int first, int end, float* weights, int rows, float* sums, int stride)
    {
        // Whole vectors of positions: those outside have the weight zero, and codes are numbers whatever was there.
        first = first / 8 * 8;
        int count = (end + 7) / 8 * 8 - first;
        float* scaled = stackalloc float[FloatTile<TWide>.Rows * PageLength];
        float* widened = rows < TiledRows ? null : Widened(KvLayout.BlockColumns * PageLength);
        for (int block = 0; block < blocks; block++)
        {
            byte* scales = values + (long)QuantizedStorage.BlockBytes * PageLength * block, codes = scales + 2 * PageLength + 32 * first;
            float* to = sums + block * KvLayout.BlockColumns;
            if (rows >= TiledRows)
                QuantizedAttention<TVector, TWide>.WidenValues(codes, count, widened);
            for (int row = 0; row < rows; row += FloatTile<TWide>.Rows)
            {
                int some = Math.Min(FloatTile<TWide>.Rows, rows - row);
                for (int r = 0; r < some; r++)
                    QuantizedAttention<TVector, TWide>.ScaleWeights(scales + 2 * first, weights + (row + r) * PageLength + first, count, scaled + r * PageLength);
                float* x = scaled, y = to + (long)row * stride;
                if (rows >= TiledRows)
                {
                    FloatTile<TWide>.Multiply(x, PageLength, widened, 32, y, stride, count);
                    FloatTile<TWide>.Multiply(x, PageLength, widened + 16, 32, y + 16, stride, count);
                    continue;
                }
                int pair = 0;
                for (; pair + 2 <= some; pair += 2)
                    QuantizedAttention<TVector, TWide>.SumTwo(codes, count, PrefetchBytes, x + pair * PageLength, x + (pair + 1) * PageLength, y + (long)pair * stride, y + (long)(pair + 1) * stride);
                if (pair < some)
                    QuantizedAttention<TVector, TWide>.SumOne(codes, count, PrefetchBytes, x + pair * PageLength, y + (long)pair * stride);
            }
        }
    }

    private static float* Widened(int length) => (t_widened ??= new()).Reserve(length);
}
