using BenchmarkDotNet.Attributes;
using MeKi.Bench;
using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Quant;

namespace MeKi.Benchmarks;

/// <summary>The passes over one token's activations.</summary>
public class ElementwiseBenchmarks
{
    private ActivationMatrix _hidden = null!, _normalized = null!, _heads = null!, _gate = null!, _up = null!, _memory = null!;
    private float[] _norm = [];
    private Rope _rope = null!;
    private RowFusion _fusion = null!, _inner = null!;
    private NativeWeights _output = null!, _down = null!;
    private byte[] _row = [], _scales = [];

    public static IEnumerable<ModelShape> Shapes => ModelShape.All;

    [ParamsSource(nameof(Shapes))]
    public ModelShape Shape { get; set; } = ModelShape.All[0];

    [Params(RowType.F16, RowType.Int8, RowType.Int4)]
    public RowType RowType { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        (_hidden, _normalized, _heads) = (Row(Shape.Hidden), Row(Shape.Hidden), Row(Shape.Heads * Shape.HeadDimension));
        (_gate, _up) = (Row(Shape.FeedForward), Row(Shape.FeedForward));
        _memory = Row(Shape.Memory);
        (_row, _scales) = (new byte[StoredRow.RowBytes(RowType, Shape.Memory)], new byte[StoredRow.ScaleBytes(RowType, Shape.Memory)]);
        StoredRow.Encode(RowType, _memory.Row(0), _row, _scales);
        _output = new(BlockFormat.Of(GgmlType.Q8_0), Shape.Hidden, Shape.Memory);
        _fusion = new(Fusion.AdditiveSigmoid);
        _fusion.Reserve(1, _output.Matrix);
        _down = new(BlockFormat.Of(GgmlType.Q8_0), Shape.Hidden, Shape.FeedForward);
        _inner = new(Fusion.MultiplicativeSilu);
        _inner.Reserve(1, _down.Matrix);
        _norm = [.. Enumerable.Repeat(1f, Shape.Hidden)];
        _rope = new(Shape.HeadDimension, 1e6f);
        _rope.Prepare([1000]);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _output.Dispose();
        _down.Dispose();
    }

    [Benchmark]
    public void RmsNormOfHidden() => RmsNorm.Normalize(_hidden.Row(0), _norm, 1e-6f, _normalized.Row(0));

    [Benchmark]
    public void RopeOfQueries() => _rope.Rotate(_heads.Row(0), 0);

    [Benchmark]
    public void SwiGluOfFeedForward() => _inner.Fuse(0, StoredRow.OfFloats(_up.Row(0)), _gate.Row(0));

    [Benchmark]
    public void FuseOfMemory() => _fusion.Fuse(0, new(RowType, _row, _scales), _memory.Row(0));

    private static ActivationMatrix Row(int columns)
    {
        ActivationMatrix row = new(columns);
        row.Reserve(1);
        for (int i = 0; i < columns; i++)
            row.Row(0)[i] = MathF.Sin(i);
        return row;
    }
}
