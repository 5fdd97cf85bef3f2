using MeKi.Kernels.Kv;

namespace MeKi.Model;

/// <summary>The KV cache of one sequence: the rotated keys and the values of every layer and position so far.</summary>
internal sealed class KvCache : IDisposable
{
    public KvCache(ModelConfig config, KvLayout layout)
    {
        Layers = new LayerCache[config.Layers];
        PageAllocator memory = new(layout, Layers.Length);
        for (int layer = 0; layer < Layers.Length; layer++)
            Layers[layer] = new(memory);
    }

    private KvCache(LayerCache[] layers, int length) => (Layers, Length) = (layers, length);

    public LayerCache[] Layers { get; }

    /// <summary>Tokens in the cache: the position of the next one.</summary>
    public int Length { get; set; }

    public long ByteLength => Layers.Sum(layer => layer.ByteLength);

    /// <summary>A second sequence that begins as this one does; the pages are shared until one of both writes to them.</summary>
    public KvCache Fork(int length)
    {
        PageAllocator memory = new(Layers[0].Layout, Layers.Length);
        return new([.. Layers.Select(layer => layer.Fork(length, memory))], length);
    }

    public void Dispose()
    {
        foreach (LayerCache layer in Layers)
            layer.Dispose();
    }
}
