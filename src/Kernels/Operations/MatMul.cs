using MeKi.Kernels.Allocation;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Operations;

/// <summary>
/// <c>y = x · Wᵀ</c> for several matrices and inputs as one region of panels: [tokens × columns] · [rows × columns]ᵀ → [tokens × rows].
/// Weights in block formats meet activations in 8-bit blocks, made once per input and region, or by whoever made the input; float weights meet them as they
/// are.
/// </summary>
/// <remarks>
/// Each output is computed by one thread in one order, the same for one token and for many: the bits depend neither on the number of threads nor on how a
/// prompt is cut into chunks, and prefill equals decode exactly.
/// </remarks>
internal sealed unsafe class MatMul : Region
{
    // What a thread claims of a product by one token: a sixth of its share, so that it waits little for the others at the region's end, but not so little that
    // most of it is the beginning of a stream, which the machine has yet to recognise (docs/lab/2026-11-28-redesign.md).
    private const int ChunksOfThread = 6;
    private const long LeastChunkBytes = 64 << 10, MostChunkBytes = 256 << 10;
    private const int MostProducts = 4;

    // So few do not outweigh reading the panels.
    private const int FewTokens = 16;

    [ThreadStatic]
    private static PinnedFloats? t_sums;

    private readonly Product[] _products = new Product[MostProducts];
    private readonly QuantizedActivations[] _codes = [.. Enumerable.Range(0, MostProducts).Select(_ => new QuantizedActivations())];
    private readonly ComputePool _pool;
    private readonly ParallelLoop _groups;
    private readonly PanelKernels _kernels = KernelSet.Selected.Panels;
    private readonly LowRankSums _terms = new();
    private int _tokens;
    private long _chunkBytes;

    /// <summary>Prepares to multiply.</summary>
    /// <param name="pool">The threads to run on.</param>
    public MatMul(ComputePool pool) => (_pool, _groups) = (pool, new(pool));

    /// <summary>Adds a low-rank term to a product of the next <see cref="Run"/>: no region more.</summary>
    /// <param name="product">Which, in the order of its products, those without a weight counted.</param>
    /// <param name="term">The term.</param>
    public void Add(int product, in LowRankTerm term) => _terms.Add(product, term);

    /// <summary>Computes every product for the first <paramref name="tokens"/> rows of its input.</summary>
    /// <param name="tokens">Rows of the inputs and outputs.</param>
    /// <param name="products">
    /// Up to four: the input, [tokens × columns], a matrix of as many columns, and where the result goes, [tokens × its rows]. What has no weight is left out.
    /// </param>
    /// <exception cref="ArgumentException">Columns, output widths, tokens or the form of a fused input do not fit.</exception>
    public void Run(int tokens, params ReadOnlySpan<(ActivationMatrix Input, PanelMatrix? Weight, ActivationMatrix Output)> products)
    {
        try
        {
            if (tokens > 0)
                RunProducts(tokens, products);
        }
        finally
        {
            _terms.Clear();
        }
    }

    private void RunProducts(int tokens, ReadOnlySpan<(ActivationMatrix Input, PanelMatrix? Weight, ActivationMatrix Output)> products)
    {
        _tokens = tokens;
        int count = 0, chunks = 0;
        long bytes = 0;
        foreach ((_, PanelMatrix? weight, _) in products)
            bytes += weight?.ByteLength ?? 0;
        _chunkBytes = Math.Clamp(bytes / (ChunksOfThread * _pool.Threads), LeastChunkBytes, MostChunkBytes);
        for (int i = 0; i < products.Length; i++)
        {
            (ActivationMatrix input, PanelMatrix? weight, ActivationMatrix output) = products[i];
            if (weight is null)
                continue;
            if (weight.Columns != input.Columns || weight.Rows != output.Columns)
                throw new ArgumentException($"A weight of [{weight.Rows} × {weight.Columns}] does not map {input.Columns} values to {output.Columns}.",
                    nameof(products));
            if (input.Codes is { } made && (!weight.TakesCodes || made.Tokens != tokens))
                throw new ArgumentException($"The input was made for another weight than {weight.Format.Block.Name}, or for other tokens than {tokens}.",
                    nameof(products));
            output.Reserve(tokens);
            _products[count] = new(input, weight, output, CodesOf(input, weight, count), i, _terms.Has(i));
            if (tokens > 1 && _kernels.TakesSignMagnitudes(weight))
                SeparateSigns(_products[count].Codes);
            chunks += ChunksOf(weight);
            if (_products[count].HasTerms)
                _terms.Prepare(i, tokens, input, _products[count].Codes, weight);
            count++;
        }
        _pool.Run(this, _terms.Items + chunks, chunk: 1);
    }

    /// <inheritdoc/>
    public override void Execute(int begin, int end)
    {
        for (int item = begin; item < end; item++)
        {
            int chunk = item - _terms.Items;
            if (chunk < 0)
            {
                _terms.Multiply(item);
                continue;
            }
            int p = 0;
            while (chunk >= ChunksOf(_products[p].Weight))
                chunk -= ChunksOf(_products[p++].Weight);
            Product product = _products[p];
            int panels = PanelsOfChunk(product.Weight), first = chunk * panels;
            int there = Math.Min(panels, product.Weight.Panels - first);
            if (_tokens == 1)
            {
                MultiplyVector(product, first, there);
            }
            else
            {
                if (product.HasTerms)
                    _terms.Prefetch(product.Number, first, there);
                MultiplyTiles(product, first, there);
            }
            if (product.HasTerms)
                _terms.AddTo(product.Number, first, there, product.Output);
        }
    }

    /// <summary>The input in the form that the weight takes: made with the input, for a product before, or now.</summary>
    private QuantizedActivations CodesOf(ActivationMatrix input, PanelMatrix weight, int product)
    {
        if (input.Codes is { } made)
            return made;
        for (int before = 0; before < product; before++)
        {
            if (_products[before].Input == input && _products[before].Weight.TakesCodes == weight.TakesCodes)
                return _products[before].Codes;
        }
        QuantizedActivations codes = _codes[product];
        codes.Reserve(_tokens, weight.TakesCodes ? input.Columns : 0);
        if (weight.TakesCodes)
            _groups.Run(codes.Groups, new QuantizeGroup(codes, input));
        return codes;
    }

    private void SeparateSigns(QuantizedActivations codes)
    {
        if (codes.HasSignMagnitudes)
            return;
        codes.ReserveSignMagnitudes();
        _groups.Run(codes.Groups, new SeparateGroup(codes));
    }

    // By one token pairs: a chunk's two halves are read together. By many as many as a call takes: 128 bytes in a row of the output or more, so that two
    // threads seldom write to one pair of lines. By few several such, since the last one asks in vain for what comes next: another thread takes it.
    private int PanelsOfChunk(PanelMatrix weight)
    {
        int pairs = (int)Math.Max(1, _chunkBytes / 2 / Math.Max(1, weight.PanelBytes));
        if (_tokens == 1)
            return 2 * pairs;
        int tile = _kernels.TilePanels(weight);
        return _tokens > FewTokens ? tile : Math.Max(1, 2 * pairs / tile) * tile;
    }

    private int ChunksOf(PanelMatrix weight)
    {
        int panels = PanelsOfChunk(weight);
        return (weight.Panels + panels - 1) / panels;
    }

    // Straight to the output: a thread's own buffer would grow, and allocate, with the first claim of its size that the thread happens to get.
    private void MultiplyVector(in Product product, int first, int panels)
    {
        float* rest = stackalloc float[PanelFormat.Rows];
        int row = PanelFormat.Rows * first, rows = product.Weight.Rows - row, whole = Math.Min(panels, rows / PanelFormat.Rows);
        NextReads after = product.HasTerms ? _terms.Reads(product.Number, first, panels) : default;
        // Matrices of activations do not move.
        fixed (float* x = product.Floats, y = product.Output.Row(0)[row..])
        {
            _kernels.MultiplyVector(product.Weight, first, whole, product.Codes.Group(0), x, y, after);
            if (whole == panels)
                return;
            _kernels.MultiplyVector(product.Weight, first + whole, 1, product.Codes.Group(0), x, rest);
            new Span<float>(rest, rows % PanelFormat.Rows).CopyTo(new(y + PanelFormat.Rows * whole, rows % PanelFormat.Rows));
        }
    }

    private void MultiplyTiles(in Product product, int first, int panels)
    {
        float* sums = (t_sums ??= new()).Reserve(checked(TileOutput.Width * PanelKernels.PaddedTokens(_tokens)));
        // Matrices of activations do not move.
        fixed (float* x = product.Floats, y = product.Output.Row(0))
        {
            for (int panel = first; panel < first + panels; panel += _kernels.TilePanels(product.Weight))
            {
                int row = panel * PanelFormat.Rows;
                TileOutput output = new(y + row, product.Output.Columns, product.Weight.Rows - row, _tokens);
                _kernels.MultiplyTiles(product.Weight, panel, product.Codes, x, sums, output);
            }
        }
    }

    private readonly struct QuantizeGroup(QuantizedActivations codes, ActivationMatrix input) : ILoopStep
    {
        public void Invoke(int group) => codes.Quantize(input, group);
    }

    private readonly struct SeparateGroup(QuantizedActivations codes) : ILoopStep
    {
        public void Invoke(int group) => codes.SeparateSigns(group);
    }

    private readonly record struct Product(
        ActivationMatrix Input, PanelMatrix Weight, ActivationMatrix Output, QuantizedActivations Codes, int Number, bool HasTerms)
    {
        /// <summary>The input's values, for weights of floats.</summary>
        public ReadOnlySpan<float> Floats => Weight.TakesCodes ? default : Input.Row(0);
    }
}
