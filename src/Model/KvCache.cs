using MeKi.Kernels;

namespace MeKi.Model;

/// <summary>The KV cache of one sequence: the rotated keys and the values of every layer and position so far.</summary>
internal sealed class KvCache
{
    public KvCache(ModelConfig config)
    {
        Layers = new KeyValuePages[config.Layers];
        for (int layer = 0; layer < Layers.Length; layer++)
            Layers[layer] = new KeyValuePages(config.KvHeads, config.HeadDimension);
    }

    public KeyValuePages[] Layers { get; }

    /// <summary>Tokens in the cache: the position of the next one.</summary>
    public int Length { get; set; }

    public long ByteLength => Layers.Sum(layer => layer.ByteLength);
}
