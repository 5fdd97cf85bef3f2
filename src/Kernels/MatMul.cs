using MeKi.Kernels.Panels;
using MeKi.Quant.Panels;

namespace MeKi.Kernels;

/// <summary>
/// <c>y = x · Wᵀ</c> for one or several matrices that share their input, as one region of panels: [tokens × columns] · [rows × columns]ᵀ → [tokens × rows].
/// Weights in block formats meet activations quantised once per region to 8-bit blocks; float weights meet them as they are.
/// </summary>
/// <remarks>
/// Each output is computed by one thread in one order, the same for one token and for many: the bits depend neither on the number of threads nor on how a prompt is cut
/// into chunks, and prefill equals decode exactly.
/// </remarks>
public sealed unsafe class MatMul : Region
{
    // What a thread claims of a product by one token: 4 µs at 16 GB/s, long against a claim (50 ns), short against a region's end.
    private const long ChunkBytes = 64 << 10;

    [ThreadStatic]
    private static float[]? t_results;

    private readonly (PanelMatrix Weight, ActivationMatrix Output)[] _products = new (PanelMatrix, ActivationMatrix)[4];
    private readonly QuantizedActivations _quantized = new();
    private readonly ComputePool _pool;
    private readonly TokenLoop _groups;
    private readonly Action<int> _quantizeGroup;
    private readonly PanelKernels _kernels = PanelKernels.Selected;
    private int _count;
    private ActivationMatrix _input = null!;
    private int _firstToken;
    private int _tokens;

    /// <summary>Prepares to multiply.</summary>
    /// <param name="pool">The threads to run on.</param>
    public MatMul(ComputePool pool)
    {
        (_pool, _groups) = (pool, new(pool));
        _quantizeGroup = group => _quantized.Quantize(_input, _firstToken, group);
    }

    /// <summary>Computes every product for the tokens <paramref name="first"/> … <paramref name="first"/> + <paramref name="tokens"/> − 1 of the input; outputs start at row 0.</summary>
    /// <param name="x">The input, [tokens × columns].</param>
    /// <param name="first">First row of the input.</param>
    /// <param name="tokens">Rows of the input.</param>
    /// <param name="products">Up to four matrices of as many columns, and where each one's result goes, [tokens × its rows].</param>
    /// <exception cref="ArgumentException">Columns or output widths do not fit.</exception>
    public void Run(ActivationMatrix x, int first, int tokens, params ReadOnlySpan<(PanelMatrix Weight, ActivationMatrix Output)> products)
    {
        if (tokens == 0)
            return;
        int chunks = 0;
        bool quantized = false;
        foreach ((PanelMatrix weight, ActivationMatrix output) in products)
        {
            if (weight.Columns != x.Columns || weight.Rows != output.Columns)
                throw new ArgumentException($"A weight of [{weight.Rows} × {weight.Columns}] does not map {x.Columns} values to {output.Columns}.", nameof(products));
            output.Reserve(tokens);
            chunks += ChunksOf(weight, tokens);
            quantized |= weight.Format.Block.BlockSize > 1;
        }
        products.CopyTo(_products);
        (_count, _input, _firstToken, _tokens) = (products.Length, x, first, tokens);
        _quantized.Reserve(tokens, quantized ? x.Columns : 0);
        if (quantized)
            _groups.Run(_quantized.Groups, _quantizeGroup);
        _pool.Run(this, chunks, chunk: 1);
    }

    /// <inheritdoc/>
    public override void Execute(int begin, int end)
    {
        for (int item = begin; item < end; item++)
        {
            int chunk = item;
            int p = 0;
            while (chunk >= ChunksOf(_products[p].Weight, _tokens))
                chunk -= ChunksOf(_products[p++].Weight, _tokens);
            (PanelMatrix weight, ActivationMatrix output) = _products[p];
            int panels = PanelsOfChunk(weight, _tokens), first = chunk * panels;
            panels = Math.Min(panels, weight.Panels - first);
            if (_tokens == 1)
                MultiplyVector(weight, first, panels, output);
            else
                MultiplyTiles(weight, first, output);
        }
    }

    private static int PanelsOfChunk(PanelMatrix weight, int tokens) => tokens > 1 ? 2 : (int)Math.Max(1, ChunkBytes / weight.PanelBytes);

    private static int ChunksOf(PanelMatrix weight, int tokens)
    {
        int panels = PanelsOfChunk(weight, tokens);
        return (weight.Panels + panels - 1) / panels;
    }

    private static float[] Results(int length)
    {
        if (t_results is null || t_results.Length < length)
            t_results = GC.AllocateUninitializedArray<float>(length, pinned: true);
        return t_results;
    }

    private void MultiplyVector(PanelMatrix weight, int first, int panels, ActivationMatrix output)
    {
        float[] results = Results(PanelFormat.Rows * panels);
        fixed (float* y = results, x = _input.Row(_firstToken))
            _kernels.MultiplyVector(weight, first, panels, _quantized.Group(0), x, y);
        int row = first * PanelFormat.Rows;
        results.AsSpan(0, Math.Min(PanelFormat.Rows * panels, weight.Rows - row)).CopyTo(output.Row(0)[row..]);
    }

    private void MultiplyTiles(PanelMatrix weight, int panel, ActivationMatrix output)
    {
        const int Pair = 2 * PanelFormat.Rows;
        float[] results = Results(Pair * (_tokens + QuantizedActivations.TileTokens));
        fixed (float* y = results, x = _input.Row(_firstToken))
            _kernels.MultiplyTiles(weight, panel, _quantized, x, y);
        int row = panel * PanelFormat.Rows, rows = Math.Min(Pair, weight.Rows - row);
        // A copy of constant length is two vector moves; of unknown length it is a call, 5 % of a prompt's time.
        for (int token = 0; token < _tokens; token++)
        {
            if (rows == Pair)
                results.AsSpan(Pair * token, Pair).CopyTo(output.Row(token).Slice(row, Pair));
            else
                results.AsSpan(Pair * token, rows).CopyTo(output.Row(token)[row..]);
        }
    }
}
