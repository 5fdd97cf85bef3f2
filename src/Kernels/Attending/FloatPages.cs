using System.Numerics.Tensors;
using MeKi.Kernels.Allocation;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Attending;

/// <summary>Which of <see cref="FloatAttention{TVector, TWide, TFormat}"/> a number of rows takes.</summary>
internal sealed unsafe class FloatPages<TVector, TWide, TFormat> : PageKernels
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
    where TFormat : struct, IFloatKv
{
    private const int PageLength = KvPage.Positions, PrefetchBytes = Prefetching.BytesOfOneStream;

    public override void Score(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores)
    {
        int columns = layout.Columns;
        float* x = queries.Row(kvHead, row);
        long step = (long)AttentionKernels.ScorePositions * columns / 16 * TFormat.PairBytes;
        keys += first / AttentionKernels.ScorePositions * step;
        float* widened = rows < TiledRows ? null : Widened(AttentionKernels.ScorePositions * columns);
        for (int position = first; position < end; position += AttentionKernels.ScorePositions, keys += step)
        {
            float* to = scores + position;
            if (rows >= TiledRows)
            {
                FloatAttention<TVector, TWide, TFormat>.WidenKeys(keys, columns, widened);
                // What comes next, at the end the page's first values, arrives from memory meanwhile.
                ComingBytes coming = new(keys + step, step, rows / FloatTile<TWide>.Rows);
                for (int r = 0; r < rows; r += FloatTile<TWide>.Rows)
                {
                    coming.Ask<TVector>();
                    FloatTile<TWide>.Multiply(x + (long)r * columns, columns, widened, AttentionKernels.ScorePositions, to + r * PageLength, PageLength,
                        columns);
                }
                continue;
            }
            int pair = 0;
            for (; pair + 2 <= rows; pair += 2)
                FloatAttention<TVector, TWide, TFormat>.ScoreTwo(keys, columns, PrefetchBytes, x + (long)pair * columns, x + (long)(pair + 1) * columns,
                    to + pair * PageLength, to + (pair + 1) * PageLength);
            if (pair < rows)
                FloatAttention<TVector, TWide, TFormat>.ScoreOne(keys, columns, PrefetchBytes, x + (long)pair * columns, to + pair * PageLength);
        }
    }

    public override void Sum(KvLayout layout, byte* values, int first, int end, float* weights, int rows, float* sums, int stride)
    {
        int count = end - first;
        weights += first;
        float* widened = rows < TiledRows ? null : Widened(KvLayout.BlockColumns * PageLength);
        if (rows < TiledRows)
            Enlarge(weights, count, rows);
        for (int block = 0; block < layout.Blocks; block++)
        {
            byte* from = values + 2L * TFormat.PairBytes * (PageLength * block + first);
            float* to = sums + block * KvLayout.BlockColumns;
            if (rows >= TiledRows)
            {
                FloatAttention<TVector, TWide, TFormat>.WidenValues(from, count, widened);
                ComingBytes coming = block + 1 < layout.Blocks
                    ? new(from + 2L * TFormat.PairBytes * PageLength, 2L * TFormat.PairBytes * count, rows / FloatTile<TWide>.Rows)
                    : default;
                for (int row = 0; row < rows; row += FloatTile<TWide>.Rows)
                {
                    coming.Ask<TVector>();
                    FloatTile<TWide>.Multiply(weights + row * PageLength, PageLength, widened, KvLayout.BlockColumns, to + (long)row * stride, stride, count);
                }
                continue;
            }
            int pair = 0;
            for (; pair + 2 <= rows; pair += 2)
                FloatAttention<TVector, TWide, TFormat>.SumTwo(from, count, PrefetchBytes, weights + pair * PageLength, weights + (pair + 1) * PageLength,
                    to + (long)pair * stride, to + (long)(pair + 1) * stride);
            if (pair < rows)
                FloatAttention<TVector, TWide, TFormat>.SumOne(from, count, PrefetchBytes, weights + pair * PageLength, to + (long)pair * stride);
        }
    }

    // For values that come out of the page too small.
    private static void Enlarge(float* weights, int count, int rows)
    {
        if (TFormat.Factor == 1)
            return;
        for (int row = 0; row < rows; row++)
            TensorPrimitives.Multiply(new ReadOnlySpan<float>(weights + row * PageLength, count), TFormat.Factor,
                new Span<float>(weights + row * PageLength, count));
    }

    private static float* Widened(int length) => PinnedFloats.OfThread.Reserve(length);
}
