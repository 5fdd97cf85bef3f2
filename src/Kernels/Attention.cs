using System.Numerics.Tensors;

namespace MeKi.Kernels;

/// <summary>
/// Causal grouped-query attention over the KV cache: each query head h of each token reads the keys and values of KV head h / group at positions up to its
/// own, <c>softmax(q · Kᵀ / sqrt(D)) · V</c>. A region of items: four tokens' queries of the heads that share a KV head, so that each page of keys and values is read
/// once for all of them, page by page with the running maximum and sum of the online softmax (Milakov and Gimelshein, 2018): no buffer grows with the context.
/// </summary>
/// <remarks>A query meets the same pages in the same order whatever tokens are beside it: the bits depend neither on threads nor on how a prompt is cut.</remarks>
/// <param name="pool">The threads to run on.</param>
/// <param name="heads">Query heads.</param>
/// <param name="kvHeads">Key/value heads; divides <paramref name="heads"/>.</param>
public sealed class Attention(ComputePool pool, int heads, int kvHeads) : Region
{
    private const int TileTokens = 4;

    [ThreadStatic]
    private static float[]? t_scratch;

    private readonly int _group = heads / kvHeads;
    private ActivationMatrix _queries = null!;
    private ActivationMatrix _output = null!;
    private KeyValuePages _cache = null!;
    private int _firstPosition;
    private int _tokens;

    /// <summary>Attends for rows 0 … <paramref name="tokens"/> − 1; row r stands at <paramref name="firstPosition"/> + r, and its own key and value are in the cache already.</summary>
    /// <param name="queries">Rotated queries, [tokens × heads · D].</param>
    /// <param name="tokens">Rows.</param>
    /// <param name="firstPosition">Position of row 0.</param>
    /// <param name="cache">The layer's keys and values.</param>
    /// <param name="output">The result, [tokens × heads · D].</param>
    public void Run(ActivationMatrix queries, int tokens, int firstPosition, KeyValuePages cache, ActivationMatrix output)
    {
        output.Reserve(tokens);
        (_queries, _output, _cache, _firstPosition, _tokens) = (queries, output, cache, firstPosition, tokens);
        pool.Run(this, (tokens + TileTokens - 1) / TileTokens * kvHeads, chunk: 1);
    }

    /// <inheritdoc/>
    public override void Execute(int begin, int end)
    {
        for (int item = begin; item < end; item++)
        {
            // The last tokens see the most positions: first come, first served begins with them.
            int tiles = (_tokens + TileTokens - 1) / TileTokens, first = (tiles - 1 - item / kvHeads) * TileTokens;
            AttendTile(first, Math.Min(TileTokens, _tokens - first), item % kvHeads);
        }
    }

    private void AttendTile(int firstToken, int tokens, int kvHead)
    {
        int dimension = _cache.HeadDimension, rows = tokens * _group, pageLength = KeyValuePages.PageLength;
        Span<float> scratch = Scratch(rows * (2 * dimension + pageLength + 2));
        Span<float> queries = scratch[..(rows * dimension)], sums = scratch.Slice(rows * dimension, rows * dimension);
        Span<float> scores = scratch.Slice(2 * rows * dimension, rows * pageLength);
        Span<float> largest = scratch.Slice(rows * (2 * dimension + pageLength), rows), weights = scratch.Slice(rows * (2 * dimension + pageLength + 1), rows);
        for (int row = 0; row < rows; row++)
            TensorPrimitives.Multiply(Head(_queries, firstToken, kvHead, row), 1 / MathF.Sqrt(dimension), queries.Slice(row * dimension, dimension));
        sums.Clear();
        largest.Fill(float.NegativeInfinity);
        weights.Clear();

        int positions = _firstPosition + firstToken + tokens;
        for (int start = 0; start < positions; start += pageLength)
        {
            int count = Math.Min(pageLength, positions - start);
            scores.Clear();
            SmallProduct.Add(queries, dimension, _cache.Keys(start / pageLength, kvHead), pageLength, scores, pageLength, rows, dimension, Padded(count));
            for (int row = 0; row < rows; row++)
            {
                int visible = Math.Min(count, _firstPosition + firstToken + row / _group + 1 - start);
                Softmax(scores.Slice(row * pageLength, count), visible, ref largest[row], ref weights[row], sums.Slice(row * dimension, dimension));
            }
            SmallProduct.Add(scores, pageLength, _cache.Values(start / pageLength, kvHead), dimension, sums, dimension, rows, count, dimension);
        }
        for (int row = 0; row < rows; row++)
            TensorPrimitives.Divide(sums.Slice(row * dimension, dimension), weights[row], Head(_output, firstToken, kvHead, row));
    }

    // One row's step of the online softmax: scores become weights relative to the largest score so far, and what was summed before is brought to the same scale.
    private static void Softmax(Span<float> scores, int visible, ref float largest, ref float weight, Span<float> sums)
    {
        if (visible <= 0)
        {
            scores.Clear();
            return;
        }
        Span<float> seen = scores[..visible];
        scores[visible..].Clear();
        float max = MathF.Max(largest, TensorPrimitives.Max(seen)), correction = MathF.Exp(largest - max);
        TensorPrimitives.Subtract(seen, max, seen);
        TensorPrimitives.Exp(seen, seen);
        weight = weight * correction + TensorPrimitives.Sum(seen);
        largest = max;
        if (correction != 1)
            TensorPrimitives.Multiply(sums, correction, sums);
    }

    // Whole vectors of positions are cheaper than a tail; a page has room for them.
    private static int Padded(int positions) => Math.Min(KeyValuePages.PageLength, (positions + 15) & ~15);

    private static Span<float> Scratch(int length)
    {
        if (t_scratch is null || t_scratch.Length < length)
            t_scratch = GC.AllocateUninitializedArray<float>(length);
        return t_scratch.AsSpan(0, length);
    }

    private Span<float> Head(ActivationMatrix matrix, int firstToken, int kvHead, int row) =>
        matrix.Row(firstToken + row / _group).Slice((kvHead * _group + row % _group) * _cache.HeadDimension, _cache.HeadDimension);
}
