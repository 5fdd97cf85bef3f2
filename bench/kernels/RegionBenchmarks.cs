using BenchmarkDotNet.Attributes;
using MeKi.Bench;
using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Quant;

namespace MeKi.Benchmarks;

/// <summary>The regions of a layer, decode (1 token) and prefill (64), at the three shapes: {q, k, v}, {o}, {gate, up, meki gate}, {down, meki out}.</summary>
public class RegionBenchmarks : IStreams
{
    private readonly List<NativeWeights> _weights = [];
    private ComputePool _pool = null!;
    private MatMul _matMul = null!;
    private ActivationMatrix _hidden = null!, _heads = null!, _inner = null!, _memory = null!;
    private (ActivationMatrix, PanelMatrix?, ActivationMatrix)[] _qkv = [], _output = [], _gateUp = [], _down = [];

    public static IEnumerable<ModelShape> Shapes => ModelShape.All;

    public static IEnumerable<GgmlType> Types => PanelFormat.All.Select(format => format.Block.Type);

    [ParamsSource(nameof(Shapes))]
    public ModelShape Shape { get; set; } = ModelShape.All[0];

    [ParamsSource(nameof(Types))]
    public GgmlType Type { get; set; }

    [Params(1, 64)]
    public int Tokens { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _pool = new(Environment.ProcessorCount);
        _matMul = new(_pool);
        int queries = Shape.Heads * Shape.HeadDimension, keys = Shape.KvHeads * Shape.HeadDimension;
        (_hidden, _heads, _inner, _memory) = (Input(Shape.Hidden), Input(queries), Input(Shape.FeedForward), Input(Shape.Memory));
        _qkv = [Product(_hidden, queries), Product(_hidden, keys), Product(_hidden, keys)];
        _output = [Product(_heads, Shape.Hidden)];
        _gateUp = [Product(_hidden, Shape.FeedForward), Product(_hidden, Shape.FeedForward), Product(_hidden, Shape.Memory)];
        _down = [Product(_inner, Shape.Hidden), Product(_memory, Shape.Hidden)];
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _pool.Dispose();
        _weights.ForEach(weights => weights.Dispose());
    }

    [Benchmark]
    public void QueryKeyValue() => _matMul.Run(Tokens, _qkv);

    [Benchmark]
    public void AttentionOutput() => _matMul.Run(Tokens, _output);

    [Benchmark]
    public void GateUpMeKiGate() => _matMul.Run(Tokens, _gateUp);

    [Benchmark]
    public void DownMeKiOutput() => _matMul.Run(Tokens, _down);

    public long BytesOf(string method)
    {
        int queries = Shape.Heads * Shape.HeadDimension, keys = Shape.KvHeads * Shape.HeadDimension;
        (int rows, int columns) = method switch
        {
            nameof(QueryKeyValue) => (queries + 2 * keys, Shape.Hidden),
            nameof(AttentionOutput) => (Shape.Hidden, queries),
            nameof(GateUpMeKiGate) => (2 * Shape.FeedForward + Shape.Memory, Shape.Hidden),
            _ => (Shape.Hidden, Shape.FeedForward + Shape.Memory),
        };
        return rows * BlockFormat.Of(Type).RowBytes(columns);
    }

    private (ActivationMatrix, PanelMatrix?, ActivationMatrix) Product(ActivationMatrix x, int rows)
    {
        NativeWeights weights = new(BlockFormat.Of(Type), rows, x.Columns);
        _weights.Add(weights);
        return (x, weights.Matrix, new(rows));
    }

    private ActivationMatrix Input(int columns)
    {
        ActivationMatrix x = new(columns);
        x.Reserve(Tokens);
        Random random = new(columns);
        foreach (ref float value in x.Rows(0, Tokens))
            value = random.NextSingle() * 2 - 1;
        return x;
    }
}
