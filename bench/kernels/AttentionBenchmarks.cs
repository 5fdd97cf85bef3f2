using BenchmarkDotNet.Attributes;
using MeKi.Kernels;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Operations;

namespace MeKi.Benchmarks;

/// <summary>Decode attention of one layer at several depths of the KV cache.</summary>
public class AttentionBenchmarks : IStreams
{
    private ComputePool _pool = null!;
    private Attention _attention = null!;
    private LayerCache _cache = null!;
    private ActivationMatrix _queries = null!, _output = null!;

    public static IEnumerable<ModelShape> Shapes => ModelShape.All;

    [ParamsSource(nameof(Shapes))]
    public ModelShape Shape { get; set; } = ModelShape.All[0];

    [Params(512, 4096)]
    public int Depth { get; set; }

    [Params(KvFormat.F16, KvFormat.Q8_0, KvFormat.F32)]
    public KvFormat Format { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _pool = new(Environment.ProcessorCount);
        _attention = new(_pool);
        _cache = new(new(new(Shape.KvHeads, Shape.HeadDimension, Format, Format), layers: 28)); // As a model has: its pages share huge ones.
        _queries = new(Shape.Heads * Shape.HeadDimension);
        _output = new(Shape.Heads * Shape.HeadDimension);
        _queries.Reserve(1);
        _queries.Row(0).Fill(0.1f);
        float[] keys = [.. Enumerable.Range(0, Shape.KvHeads * Shape.HeadDimension).Select(i => MathF.Sin(i))];
        _cache.Reserve(0, Depth);
        for (int position = 0; position < Depth; position++)
            _cache.Store(position, keys, keys);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _pool.Dispose();
        _cache.Dispose();
    }

    [Benchmark]
    public void Attend() => _attention.Run(_queries, 0, 1, Depth - 1, _cache, _output);

    public long BytesOf(string method) => Depth * _cache.Layout.BytesPerPosition;
}
