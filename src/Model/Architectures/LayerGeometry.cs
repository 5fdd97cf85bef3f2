using MeKi.Kernels;
using MeKi.Kernels.Kv;

namespace MeKi.Model.Architectures;

/// <summary>The shape of one layer.</summary>
internal sealed record LayerGeometry
{
    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key/value heads; divides <see cref="Heads"/>.</summary>
    public required int KvHeads { get; init; }

    /// <summary>D: values of a head.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Positions a token sees, its own included; <see cref="int.MaxValue"/> for all.</summary>
    public required int Window { get; init; }

    /// <summary>How queries and keys are turned by their position; null where they are not.</summary>
    public required RotaryEmbedding? Rotary { get; init; }

    /// <summary>What q · k is multiplied with before the softmax.</summary>
    public required float ScoreScale { get; init; }

    /// <summary>Whether values are normalised by head, without a weight.</summary>
    public bool NormalizesValues { get; init; }

    /// <summary>Width of the FFN.</summary>
    public required int FeedForward { get; init; }

    /// <summary>The layer whose keys and values attention reads: this one, or an earlier one; −1 where there is none to read.</summary>
    public required int KeysFrom { get; init; }

    public int QueryWidth => Heads * HeadSize;

    public int KeyWidth => KvHeads * HeadSize;

    /// <summary>What a page of the layer's KV cache holds.</summary>
    public KvLayout Layout(KvFormat keys, KvFormat values) => new(KvHeads, HeadSize, keys, values);
}

/// <summary>A rotary position embedding.</summary>
/// <param name="Dimension">Values of a head that are turned, the first ones; even.</param>
/// <param name="Theta">The base.</param>
/// <param name="Scaling">How it reaches beyond the positions of the first training; null where it does not.</param>
/// <param name="Neighbours">Whether a pair is x[2i] and x[2i + 1]; else it is x[i] and x[i + Dimension / 2].</param>
internal sealed record RotaryEmbedding(int Dimension, float Theta, RopeScaling? Scaling, bool Neighbours);
