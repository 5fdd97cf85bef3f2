using System.Diagnostics;
using MeKi.Bench;
using MeKi.Kernels;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Operations;
using MeKi.Quant;
using MeKi.Tool.Benchmarking;

namespace MeKi.Regress;

/// <summary>
/// Every kernel at the Qwen3-0.6B shape against a yardstick: reading memory for those that stream, multiply-adds or dot products on registers for the rest.
/// </summary>
internal sealed unsafe class KernelCases : IDisposable
{
    private const int Hidden = 1024, FeedForward = 3072, Heads = 16, KvHeads = 8, HeadDimension = 128, MemoryDimension = 128;

    // A prompt passes through the layers by 256 (MeKiSession.BatchTokens). Attention's cases take fewer, since each token walks 2,048 positions.
    private const int BatchTokens = 256, AttendingTokens = 64;
    private const int Depth = 2048;
    private const long StreamBytes = 96L << 20;

    private readonly ComputePool _pool = new(Environment.ProcessorCount);
    private readonly ComputePool _one = new(1);
    private readonly MemoryRead _memory;
    private readonly FusedMultiplyAddPeak _peak, _peakOfOne;
    private readonly DotProductPeak _dotProducts;
    private readonly List<NativeWeights> _weights = [];
    private readonly List<LayerCache> _caches = [];

    public KernelCases()
    {
        _memory = new(_pool, 128L << 20);
        (_peak, _peakOfOne) = (new(_pool), new(_one));
        _dotProducts = new(_pool);
    }

    public IEnumerable<RatioCase> All()
    {
        Func<double> floatTiles = null!;
        foreach (BlockFormat format in PanelFormat.All.Select(panels => panels.Block))
        {
            // Larger than the caches, as a model is: else the ratio compares the third-level cache with the memory, which neighbours share differently.
            NativeWeights stream = new(format, (int)(StreamBytes / format.RowBytes(Hidden)) / 8 * 8, Hidden), weights = new(format, FeedForward, Hidden);
            _weights.AddRange([stream, weights]);
            // Near both limits: a neighbour that takes memory bandwidth moves one of these ratios, one that takes the cores the other, a slower kernel both.
            Func<double> product = Product(_pool, stream.Matrix, 1, stream.Matrix.ByteLength);
            yield return new($"matvec {format.Name} / memory", product, _memory.Run);
            yield return new($"matvec {format.Name} / multiply-adds", product, _peak.Run);
            Func<double> tiles = Product(_pool, weights.Matrix, BatchTokens, (long)BatchTokens * FeedForward * Hidden);
            if (format.Type == GgmlType.F32)
                floatTiles = tiles;
            yield return format.BlockSize > 1
                ? new($"matmul {format.Name} / dot products", tiles, _dotProducts.Run)
                : new($"matmul {format.Name} / multiply-adds", tiles, _peak.Run);
            // A neighbour on the same core takes room in its caches, which arithmetic on registers does not notice and products of floats do: in eight
            // processes of one build q6_k was 0.69 to 0.77 of the dot products and 1.91 to 2.14 of these. What slows all tiles alike, the walk they share, is
            // F32's to notice.
            if (format.Type != GgmlType.F32)
                yield return new($"matmul {format.Name} / matmul f32", tiles, floatTiles);
        }
        PanelMatrix matrix = _weights[^1].Matrix;
        yield return new("matmul, all threads / one", Product(_pool, matrix, BatchTokens, 1), Product(_one, matrix, BatchTokens, 1));
        foreach (KvFormat format in new[] { KvFormat.F16, KvFormat.Q8_0 })
        {
            LayerCache[] layers = LayersAtDepth(format);
            Func<double> attention = Attend(layers, tokens: 1, layers.Sum(layer => layer.ByteLength));
            yield return new($"attention {format} at {Depth} / memory", attention, _memory.Run);
            yield return new($"attention {format} at {Depth} / multiply-adds", attention, _peak.Run);
            Func<double> prompt = Attend(layers[..1], AttendingTokens, 2.0 * AttendingTokens * Depth * Heads * HeadDimension);
            yield return new($"attention {format}, {AttendingTokens} tokens at {Depth} / multiply-adds", prompt, _peak.Run);
            yield return new($"attention {format}, {AttendingTokens} tokens at {Depth} / matmul f32", prompt, floatTiles);
        }
        // One thread against one: two virtual cores are 1.0 to 1.9 times one, from one second to the next, and that was in these ratios.
        yield return new("RMSNorm / multiply-adds of one", Repeat(1000, RmsNormOnce(), Hidden), _peakOfOne.Run);
        yield return new("RoPE / multiply-adds of one", Repeat(100, RopeOnce(), Heads * HeadDimension), _peakOfOne.Run);
        yield return new("SwiGLU / multiply-adds of one", Repeat(200, SwiGluOnce(), FeedForward), _peakOfOne.Run);
        yield return new("row fuse / multiply-adds of one", Repeat(2000, RowFuseOnce(), MemoryDimension), _peakOfOne.Run);
    }

    public void Dispose()
    {
        _memory.Dispose();
        _pool.Dispose();
        _one.Dispose();
        _weights.ForEach(weights => weights.Dispose());
        _caches.ForEach(cache => cache.Dispose());
    }

    private static Func<double> Product(ComputePool pool, PanelMatrix weight, int tokens, double work)
    {
        MatMul matMul = new(pool);
        ActivationMatrix x = Activations(tokens, weight.Columns), y = new(weight.Rows);
        return Repeat(1, () => matMul.Run(tokens, (x, weight, y)), work);
    }

    // Together larger than the caches, as the layers of a model are: one layer of 8 MB read four times was 0.8 to 1.4 times as fast as memory, as neighbours
    // left room in the third-level cache.
    private LayerCache[] LayersAtDepth(KvFormat format)
    {
        KvLayout layout = new(KvHeads, HeadDimension, format, format);
        LayerCache[] layers = new LayerCache[StreamBytes / (layout.PageBytes * (Depth / KvPage.Positions)) + 1];
        PageAllocator memory = new(layout, layers.Length);
        ActivationMatrix keys = Activations(1, KvHeads * HeadDimension);
        for (int layer = 0; layer < layers.Length; layer++)
            _caches.Add(layers[layer] = new(memory));
        for (int position = 0; position < Depth; position++)
        {
            foreach (LayerCache layer in layers)
            {
                layer.Reserve(position, 1);
                layer.Store(position, keys.Row(0), keys.Row(0));
            }
        }
        return layers;
    }

    private Func<double> Attend(LayerCache[] layers, int tokens, double work)
    {
        Attention attention = new(_pool);
        ActivationMatrix queries = Activations(tokens, Heads * HeadDimension), output = new(Heads * HeadDimension);
        return Repeat(1, () => Array.ForEach(layers, layer => attention.Run(queries, 0, tokens, Depth - tokens, layer, output)), work);
    }

    private static Action RmsNormOnce()
    {
        ActivationMatrix x = Activations(1, Hidden), y = Activations(1, Hidden);
        float[] weight = [.. Enumerable.Repeat(1f, Hidden)];
        return () => RmsNorm.Normalize(x.Row(0), weight, 1e-6f, y.Row(0));
    }

    private static Action RopeOnce()
    {
        ActivationMatrix x = Activations(1, Heads * HeadDimension);
        Rope rope = new(HeadDimension, 1e6f);
        rope.Prepare([1000]);
        return () => rope.Rotate(x.Row(0), 0);
    }

    private Action SwiGluOnce()
    {
        ActivationMatrix gate = Activations(1, FeedForward), up = Activations(1, FeedForward);
        RowFusion inner = FusionFor(FeedForward, Fusion.MultiplicativeSilu);
        return () => inner.Fuse(0, StoredRow.OfFloats(up.Row(0)), gate.Row(0));
    }

    private Action RowFuseOnce()
    {
        byte[] row = new byte[MemoryDimension], scale = new byte[sizeof(float)];
        StoredRow.Encode(RowType.Int8, Activations(1, MemoryDimension).Row(0), row, scale);
        ActivationMatrix gate = Activations(1, MemoryDimension);
        RowFusion fusion = FusionFor(MemoryDimension, Fusion.AdditiveSigmoid);
        return () => fusion.Fuse(0, new(RowType.Int8, row, scale), gate.Row(0));
    }

    // To 8-bit blocks.
    private RowFusion FusionFor(int dimension, Fusion fusion)
    {
        NativeWeights output = new(BlockFormat.Of(GgmlType.Q8_0), Hidden, dimension);
        _weights.Add(output);
        RowFusion fused = new(fusion);
        fused.Reserve(1, output.Matrix);
        return fused;
    }

    private static Func<double> Repeat(int times, Action run, double work = 1) => () =>
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < times; i++)
            run();
        return times * work / Stopwatch.GetElapsedTime(start).TotalSeconds;
    };

    private static ActivationMatrix Activations(int rows, int columns)
    {
        Random random = new(columns);
        ActivationMatrix x = new(columns);
        x.Reserve(rows);
        foreach (ref float value in x.Rows(0, rows))
            value = random.NextSingle() * 2 - 1;
        return x;
    }
}
