using BenchmarkDotNet.Attributes;
using MeKi.Kernels;

namespace MeKi.Benchmarks;

/// <summary>The passes over one token's activations.</summary>
public class ElementwiseBenchmarks
{
    private ActivationMatrix _hidden = null!, _normalized = null!, _heads = null!, _gate = null!, _up = null!, _inner = null!, _expert = null!, _memory = null!;
    private float[] _norm = [];
    private Rope _rope = null!;

    public static IEnumerable<ModelShape> Shapes => ModelShape.All;

    [ParamsSource(nameof(Shapes))]
    public ModelShape Shape { get; set; } = ModelShape.All[0];

    [GlobalSetup]
    public void Setup()
    {
        (_hidden, _normalized, _heads) = (Row(Shape.Hidden), Row(Shape.Hidden), Row(Shape.Heads * Shape.HeadDimension));
        (_gate, _up, _inner) = (Row(Shape.FeedForward), Row(Shape.FeedForward), Row(Shape.FeedForward));
        (_expert, _memory) = (Row(Shape.Memory), Row(Shape.Memory));
        _norm = [.. Enumerable.Repeat(1f, Shape.Hidden)];
        _rope = new(Shape.HeadDimension, 1e6f);
        _rope.Prepare(1000, 1);
    }

    [Benchmark]
    public void RmsNormOfHidden() => RmsNorm.Normalize(_hidden.Row(0), _norm, 1e-6f, _normalized.Row(0));

    [Benchmark]
    public void RopeOfQueries() => _rope.Rotate(_heads.Row(0), 0);

    [Benchmark]
    public void SwiGluOfFeedForward() => SwiGlu.Activate(_gate.Row(0), _up.Row(0), _inner.Row(0));

    [Benchmark]
    public void SigmoidAddOfMemory() => SigmoidAdd.Fuse(_expert.Row(0), _memory.Row(0), _memory.Row(0));

    private static ActivationMatrix Row(int columns)
    {
        ActivationMatrix row = new(columns);
        row.Reserve(1);
        for (int i = 0; i < columns; i++)
            row.Row(0)[i] = MathF.Sin(i);
        return row;
    }
}
