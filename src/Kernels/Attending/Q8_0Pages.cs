using MeKi.Kernels.Allocation;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Panels;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Attending;

/// <summary>
/// Pages in Q8_0: keys are panels as weights have them, multiplied as those are where rows are many; one or two rows and values take
/// <see cref="QuantizedAttention{TVector, TWide}"/>.
/// </summary>
/// <typeparam name="TVector">Eight lanes.</typeparam>
/// <typeparam name="TWide">Sixteen.</typeparam>
/// <typeparam name="TKeyTile">How keys meet four rows.</typeparam>
internal sealed unsafe class Q8_0Pages<TVector, TWide, TKeyTile> : PageKernels
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
    where TKeyTile : struct, IPairTile
{
    private const int PageLength = KvPage.Positions, PrefetchBytes = Prefetching.BytesOfOneStream;

    [ThreadStatic]
    private static SignMagnitudeTokens? t_signMagnitudes;

    public override void Score(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores)
    {
        if (rows <= 2)
            ScoreTwo(layout, keys, first, end, queries, kvHead, row, scores);
        else if (TVector.TakesSignMagnitudes)
            ScoreSignMagnitudeTiles(layout, keys, first, end, queries, kvHead, row, rows, scores);
        else
            ScoreTiles(layout, keys, first, end, queries, kvHead, row, rows, scores);
    }

    public override void Sum(KvLayout layout, byte* values, int first, int end, float* weights, int rows, float* sums, int stride)
    {
        // Whole vectors of positions: those outside have the weight zero, and codes are numbers whatever was there.
        first = first / 16 * 16;
        int count = (end + 15) / 16 * 16 - first;
        float* scaled = stackalloc float[FloatTile<TWide>.Rows * PageLength], scales = stackalloc float[PageLength];
        float* widened = rows < TiledRows ? null : Widened(KvLayout.BlockColumns * PageLength);
        for (int block = 0; block < layout.Blocks; block++)
        {
            byte* halves = values + (long)Q8_0Kv.BlockBytes * PageLength * block, codes = halves + Q8_0Kv.ScaleBytes + 32 * first;
            QuantizedAttention<TVector, TWide>.WidenScales(halves + 2 * first, count, scales);
            float* to = sums + block * KvLayout.BlockColumns;
            if (rows >= TiledRows)
                QuantizedAttention<TVector, TWide>.WidenValues(codes, count, widened);
            ComingBytes coming = rows >= TiledRows && block + 1 < layout.Blocks
                ? new(halves + Q8_0Kv.BlockBytes * PageLength, Q8_0Kv.BlockBytes * PageLength, rows / FloatTile<TWide>.Rows)
                : default;
            for (int row = 0; row < rows; row += FloatTile<TWide>.Rows)
            {
                int some = Math.Min(FloatTile<TWide>.Rows, rows - row);
                for (int r = 0; r < some; r++)
                    QuantizedAttention<TVector, TWide>.ScaleWeights(scales, weights + (row + r) * PageLength + first, count, scaled + r * PageLength);
                float* x = scaled, y = to + (long)row * stride;
                if (rows >= TiledRows)
                {
                    coming.Ask<TVector>();
                    FloatTile<TWide>.Multiply(x, PageLength, widened, KvLayout.BlockColumns, y, stride, count);
                    continue;
                }
                int pair = 0;
                for (; pair + 2 <= some; pair += 2)
                    QuantizedAttention<TVector, TWide>.SumTwo(codes, count, PrefetchBytes, x + pair * PageLength, x + (pair + 1) * PageLength,
                        y + (long)pair * stride, y + (long)(pair + 1) * stride);
                if (pair < some)
                    QuantizedAttention<TVector, TWide>.SumOne(codes, count, PrefetchBytes, x + pair * PageLength, y + (long)pair * stride);
            }
        }
    }

    private static void ScoreTwo(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, float* scores)
    {
        long step = (long)layout.Blocks * Q8_0Codes.BlockBytes;
        for (int position = first; position < end; position += 16)
        {
            byte* panel = keys + position / 8 * step;
            QuantizedAttention<TVector, TWide>.ScoreTwo(panel, panel + step, layout.Blocks, PrefetchBytes, queries.Group(kvHead, row), scores + position,
                scores + position + PageLength);
        }
    }

    private static void ScoreTiles(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores)
    {
        ExpandedPanels expanded = ExpandedPanels.OfThread;
        float* results = Widened(64);
        long step = (long)layout.Blocks * Q8_0Codes.BlockBytes;
        for (int position = first; position < end; position += 16)
        {
            IntegerPanels<TVector, Q8_0Codes, SignedCodes>.Expand(keys + position / 8 * step, 0, layout.Blocks, expanded);
            IntegerPanels<TVector, Q8_0Codes, SignedCodes>.Expand(keys + (position / 8 + 1) * step, 1, layout.Blocks, expanded);
            ComingBytes coming = new(keys + (position / 8 + 2) * step, 2 * step, rows / 4);
            for (int r = 0; r < rows; r += 4)
            {
                coming.Ask<TVector>();
                new Span<float>(results, 64).Clear();
                TKeyTile.Multiply(expanded, layout.Blocks, queries.Group(kvHead, row + r), results, default);
                for (int i = 0; i < 4; i++)
                    new Span<float>(results + 16 * i, 16).CopyTo(new(scores + (r + i) * PageLength + position, 16));
            }
        }
    }

    // Queries are split once for each page: a hundredth of what they are multiplied with there. Positions up to a multiple of 64 have scores, those beyond the
    // last one nobody reads.
    private static void ScoreSignMagnitudeTiles(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows,
        float* scores)
    {
        const int Positions = 8 * SignMagnitudeTile<TVector>.Panels;
        ExpandedPanels expanded = ExpandedPanels.OfThread;
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
                SignMagnitudeTile<TVector>.Expand(keys + position / 8 * step + block * Q8_0Codes.BlockBytes, step, SignMagnitudeTile<TVector>.Panels, blocks,
                    expanded);
                SignMagnitudeRun run = signMagnitudes.Run(block, 0);
                for (int r = 0; r < rows; r++)
                    SignMagnitudeTile<TVector>.Multiply(expanded, blocks, run.After(r * blocks), scores + r * PageLength + position);
            }
        }
    }

    private static float* Widened(int length) => PinnedFloats.OfThread.Reserve(length);
}
