using System.Numerics.Tensors;

namespace MeKi.Kernels;

/// <summary>
/// Causal grouped-query attention over the KV cache: each query head h of each token reads the keys and values of KV head h / group at positions up to its
/// own, <c>softmax(q · Kᵀ / sqrt(D)) · V</c>. A region of (token, head) items.
/// </summary>
/// <param name="pool">The threads to run on.</param>
/// <param name="heads">Query heads.</param>
/// <param name="kvHeads">Key/value heads; divides <paramref name="heads"/>.</param>
public sealed class Attention(ComputePool pool, int heads, int kvHeads) : Region
{
    [ThreadStatic]
    private static float[]? t_scores;

    private ActivationMatrix _queries = null!;
    private ActivationMatrix _output = null!;
    private KeyValuePages _cache = null!;
    private int _firstPosition;

    /// <summary>Attends for rows 0 … <paramref name="tokens"/> − 1; row r stands at <paramref name="firstPosition"/> + r, and its own key and value are in the cache already.</summary>
    /// <param name="queries">Rotated queries, [tokens × heads · D].</param>
    /// <param name="tokens">Rows.</param>
    /// <param name="firstPosition">Position of row 0.</param>
    /// <param name="cache">The layer's keys and values.</param>
    /// <param name="output">The result, [tokens × heads · D].</param>
    public void Run(ActivationMatrix queries, int tokens, int firstPosition, KeyValuePages cache, ActivationMatrix output)
    {
        output.Reserve(tokens);
        (_queries, _output, _cache, _firstPosition) = (queries, output, cache, firstPosition);
        pool.Run(this, tokens * heads, chunk: 1);
    }

    /// <inheritdoc/>
    public override void Execute(int begin, int end)
    {
        for (int item = begin; item < end; item++)
            AttendHead(item / heads, item % heads);
    }

    private void AttendHead(int token, int head)
    {
        int dimension = _cache.HeadDimension;
        int kvHead = head / (heads / kvHeads);
        int positions = _firstPosition + token + 1;
        ReadOnlySpan<float> query = _queries.Row(token).Slice(head * dimension, dimension);
        if (t_scores is null || t_scores.Length < positions)
            t_scores = new float[(int)Math.Min((long)int.MaxValue / 2, (long)positions * 2)];
        Span<float> scores = t_scores.AsSpan(0, positions);

        for (int position = 0; position < positions; position++)
        {
            ReadOnlySpan<float> keys = _cache.Keys(position / KeyValuePages.PageLength, kvHead);
            scores[position] = TensorPrimitives.Dot(query, keys.Slice(position % KeyValuePages.PageLength * dimension, dimension));
        }
        TensorPrimitives.Multiply(scores, 1 / MathF.Sqrt(dimension), scores);
        TensorPrimitives.Subtract(scores, TensorPrimitives.Max(scores), scores);
        TensorPrimitives.Exp(scores, scores);
        TensorPrimitives.Divide(scores, TensorPrimitives.Sum(scores), scores);

        Span<float> output = _output.Row(token).Slice(head * dimension, dimension);
        output.Clear();
        for (int position = 0; position < positions; position++)
        {
            ReadOnlySpan<float> values = _cache.Values(position / KeyValuePages.PageLength, kvHead);
            TensorPrimitives.MultiplyAdd(values.Slice(position % KeyValuePages.PageLength * dimension, dimension), scores[position], output, output);
        }
    }
}
