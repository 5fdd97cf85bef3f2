using System.Numerics;
using System.Runtime.InteropServices;

namespace MeKi.Kernels;

/// <summary>
/// <c>y = x · Wᵀ</c> for one or several matrices that share their input, as one region of rows: [tokens × columns] · [rows × columns]ᵀ → [tokens × rows].
/// Weights are decoded to float32 four rows at a time and meet every token while they are in cache.
/// </summary>
/// <remarks>
/// Each output is one vector accumulator over the columns in order, its lanes summed, then the tail: the same operations whichever tile computes it. So the
/// bits do not depend on the number of threads, nor on how a prompt is cut into chunks, and prefill equals decode exactly.
/// </remarks>
/// <param name="pool">The threads to run on.</param>
public sealed class MatMul(ComputePool pool) : Region
{
    private const int TileRows = 4;

    // 16 rows of 1,024 columns are 10 to 60 µs of decode work: long against a claim (50 ns), short against a region's end.
    private const int ChunkRows = 16;

    [ThreadStatic]
    private static float[]? t_decoded;

    private readonly (WeightMatrix Weight, ActivationMatrix Output)[] _products = new (WeightMatrix, ActivationMatrix)[4];
    private int _count;
    private ActivationMatrix _input = null!;
    private int _firstToken;
    private int _tokens;

    /// <summary>Computes every product for the tokens <paramref name="first"/> … <paramref name="first"/> + <paramref name="tokens"/> − 1 of the input; outputs start at row 0.</summary>
    /// <param name="x">The input, [tokens × columns].</param>
    /// <param name="first">First row of the input.</param>
    /// <param name="tokens">Rows of the input.</param>
    /// <param name="products">Up to four matrices of as many columns, and where each one's result goes, [tokens × its rows].</param>
    /// <exception cref="ArgumentException">Columns or output widths do not fit.</exception>
    public void Run(ActivationMatrix x, int first, int tokens, params ReadOnlySpan<(WeightMatrix Weight, ActivationMatrix Output)> products)
    {
        int chunks = 0;
        foreach ((WeightMatrix weight, ActivationMatrix output) in products)
        {
            if (weight.Columns != x.Columns || weight.Rows != output.Columns)
                throw new ArgumentException($"A weight of [{weight.Rows} × {weight.Columns}] does not map {x.Columns} values to {output.Columns}.", nameof(products));
            output.Reserve(tokens);
            chunks += ChunksOf(weight);
        }
        products.CopyTo(_products);
        (_count, _input, _firstToken, _tokens) = (products.Length, x, first, tokens);
        pool.Run(this, chunks, chunk: 1);
    }

    /// <inheritdoc/>
    public override void Execute(int begin, int end)
    {
        for (int chunk = begin; chunk < end; chunk++)
        {
            int inProduct = chunk;
            int p = 0;
            while (inProduct >= ChunksOf(_products[p].Weight))
                inProduct -= ChunksOf(_products[p++].Weight);
            (WeightMatrix weight, ActivationMatrix output) = _products[p];
            int firstRow = inProduct * ChunkRows;
            for (int row = firstRow; row < Math.Min(firstRow + ChunkRows, weight.Rows); row += TileRows)
                MultiplyRows(weight, row, Math.Min(TileRows, weight.Rows - row), output);
        }
    }

    private static int ChunksOf(WeightMatrix weight) => (weight.Rows + ChunkRows - 1) / ChunkRows;

    private void MultiplyRows(WeightMatrix weight, int row, int rows, ActivationMatrix output)
    {
        int columns = weight.Columns;
        if (t_decoded is null || t_decoded.Length < TileRows * columns)
            t_decoded = GC.AllocateUninitializedArray<float>(TileRows * columns, pinned: true);
        Span<float> decoded = t_decoded.AsSpan(0, TileRows * columns);
        for (int i = 0; i < rows; i++)
            weight.DecodeRow(row + i, decoded.Slice(i * columns, columns));
        decoded[(rows * columns)..].Clear();

        Span<float> results = stackalloc float[2 * TileRows];
        int token = 0;
        for (; token + 2 <= _tokens; token += 2)
        {
            Tile4x2(decoded, _input.Row(_firstToken + token), _input.Row(_firstToken + token + 1), results);
            results[..rows].CopyTo(output.Row(token)[row..]);
            results.Slice(TileRows, rows).CopyTo(output.Row(token + 1)[row..]);
        }
        if (token < _tokens)
        {
            Tile4x1(decoded, _input.Row(_firstToken + token), results);
            results[..rows].CopyTo(output.Row(token)[row..]);
        }
    }

    // Eight accumulators hide the latency of the fused multiply-add (4 cycles, 2 a cycle); 6 loads feed 8 of them.
    private static void Tile4x2(ReadOnlySpan<float> w, ReadOnlySpan<float> x, ReadOnlySpan<float> z, Span<float> results)
    {
        int columns = x.Length;
        ref float w0 = ref MemoryMarshal.GetReference(w), x0 = ref MemoryMarshal.GetReference(x), z0 = ref MemoryMarshal.GetReference(z);
        Vector<float> ax = default, bx = default, cx = default, dx = default, az = default, bz = default, cz = default, dz = default;
        nuint i = 0;
        for (; (int)i + Vector<float>.Count <= columns; i += (nuint)Vector<float>.Count)
        {
            Vector<float> vx = Vector.LoadUnsafe(ref x0, i), vz = Vector.LoadUnsafe(ref z0, i);
            Vector<float> a = Vector.LoadUnsafe(ref w0, i), b = Vector.LoadUnsafe(ref w0, i + (nuint)columns);
            Vector<float> c = Vector.LoadUnsafe(ref w0, i + 2 * (nuint)columns), d = Vector.LoadUnsafe(ref w0, i + 3 * (nuint)columns);
            ax = Vector.FusedMultiplyAdd(a, vx, ax);
            az = Vector.FusedMultiplyAdd(a, vz, az);
            bx = Vector.FusedMultiplyAdd(b, vx, bx);
            bz = Vector.FusedMultiplyAdd(b, vz, bz);
            cx = Vector.FusedMultiplyAdd(c, vx, cx);
            cz = Vector.FusedMultiplyAdd(c, vz, cz);
            dx = Vector.FusedMultiplyAdd(d, vx, dx);
            dz = Vector.FusedMultiplyAdd(d, vz, dz);
        }
        (results[0], results[1], results[2], results[3]) = (Vector.Sum(ax), Vector.Sum(bx), Vector.Sum(cx), Vector.Sum(dx));
        (results[4], results[5], results[6], results[7]) = (Vector.Sum(az), Vector.Sum(bz), Vector.Sum(cz), Vector.Sum(dz));
        AddTail(w, x, (int)i, results);
        AddTail(w, z, (int)i, results[TileRows..]);
    }

    private static void Tile4x1(ReadOnlySpan<float> w, ReadOnlySpan<float> x, Span<float> results)
    {
        int columns = x.Length;
        ref float w0 = ref MemoryMarshal.GetReference(w), x0 = ref MemoryMarshal.GetReference(x);
        Vector<float> ax = default, bx = default, cx = default, dx = default;
        nuint i = 0;
        for (; (int)i + Vector<float>.Count <= columns; i += (nuint)Vector<float>.Count)
        {
            Vector<float> vx = Vector.LoadUnsafe(ref x0, i);
            ax = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref w0, i), vx, ax);
            bx = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref w0, i + (nuint)columns), vx, bx);
            cx = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref w0, i + 2 * (nuint)columns), vx, cx);
            dx = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref w0, i + 3 * (nuint)columns), vx, dx);
        }
        (results[0], results[1], results[2], results[3]) = (Vector.Sum(ax), Vector.Sum(bx), Vector.Sum(cx), Vector.Sum(dx));
        AddTail(w, x, (int)i, results);
    }

    private static void AddTail(ReadOnlySpan<float> w, ReadOnlySpan<float> x, int from, Span<float> results)
    {
        for (int r = 0; r < TileRows; r++)
        {
            for (int i = from; i < x.Length; i++)
                results[r] = MathF.FusedMultiplyAdd(w[r * x.Length + i], x[i], results[r]);
        }
    }
}
