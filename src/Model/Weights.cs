using MeKi.Kernels;
using MeKi.Model.Checkpoints;

namespace MeKi.Model;

/// <summary>The weights that stay in memory, seen in their mapped files. Names follow the paper; shapes are [output × input].</summary>
internal sealed record Weights
{
    public required WeightMatrix Embedding { get; init; }       // E     [V × d]
    public required LayerWeights[] Layers { get; init; }
    public required float[] FinalNorm { get; init; }            //       [d]
    public required WeightMatrix Head { get; init; }            //       [V × d], E itself where the head is tied

    /// <summary>Bytes that one token's forward pass reads.</summary>
    public long BytesPerToken => Embedding.RowBytes + Layers.Sum(layer => layer.ByteLength) + sizeof(float) * FinalNorm.Length + Head.ByteLength;

    public static Weights Load(WeightSource source, ModelConfig config)
    {
        WeightMatrix embedding = source.Matrix("token_embd.weight", config.VocabularySize, config.HiddenSize);
        return new()
        {
            Embedding = embedding,
            Layers = [.. Enumerable.Range(0, config.Layers).Select(layer => LayerWeights.Load(source, config, $"blk.{layer}"))],
            FinalNorm = source.Vector("output_norm.weight", config.HiddenSize),
            Head = config.TiedHead ? embedding : source.Matrix("output.weight", config.VocabularySize, config.HiddenSize),
        };
    }
}

/// <summary>One layer's weights.</summary>
internal sealed record LayerWeights
{
    public required float[] AttentionNorm { get; init; }        //       [d]
    public required WeightMatrix Query { get; init; }           //       [heads · D × d]
    public required WeightMatrix Key { get; init; }             //       [KV heads · D × d]
    public required WeightMatrix Value { get; init; }           //       [KV heads · D × d]
    public required float[]? QueryNorm { get; init; }           //       [D], null where the model has no q/k norm
    public required float[]? KeyNorm { get; init; }             //       [D]
    public required WeightMatrix AttentionOutput { get; init; } //       [d × heads · D]
    public required float[] FeedForwardNorm { get; init; }      //       [d]
    public required WeightMatrix Gate { get; init; }            //       [FFN × d]
    public required WeightMatrix Up { get; init; }              //       [FFN × d]
    public required WeightMatrix Down { get; init; }            //       [d × FFN]
    public required MeKiWeights? MeKi { get; init; }            //       null where the model has no branch

    public long ByteLength => Query.ByteLength + Key.ByteLength + Value.ByteLength + AttentionOutput.ByteLength + Gate.ByteLength + Up.ByteLength + Down.ByteLength
        + (MeKi is null ? 0 : MeKi.Gate.ByteLength + MeKi.Output.ByteLength)
        + sizeof(float) * (AttentionNorm.Length + FeedForwardNorm.Length + (QueryNorm?.Length ?? 0) + (KeyNorm?.Length ?? 0) + (MeKi?.PostNorm.Length ?? 0));

    public static LayerWeights Load(WeightSource source, ModelConfig config, string layer)
    {
        (int d, int ffn, int m) = (config.HiddenSize, config.FeedForwardSize, config.MemoryDimension);
        (int queries, int keys) = (config.Heads * config.HeadDimension, config.KvHeads * config.HeadDimension);
        return new()
        {
            AttentionNorm = source.Vector($"{layer}.attn_norm.weight", d),
            Query = source.Matrix($"{layer}.attn_q.weight", queries, d),
            Key = source.Matrix($"{layer}.attn_k.weight", keys, d),
            Value = source.Matrix($"{layer}.attn_v.weight", keys, d),
            QueryNorm = config.QkNorm ? source.Vector($"{layer}.attn_q_norm.weight", config.HeadDimension) : null,
            KeyNorm = config.QkNorm ? source.Vector($"{layer}.attn_k_norm.weight", config.HeadDimension) : null,
            AttentionOutput = source.Matrix($"{layer}.attn_output.weight", d, queries),
            FeedForwardNorm = source.Vector($"{layer}.ffn_norm.weight", d),
            Gate = source.Matrix($"{layer}.ffn_gate.weight", ffn, d),
            Up = source.Matrix($"{layer}.ffn_up.weight", ffn, d),
            Down = source.Matrix($"{layer}.ffn_down.weight", d, ffn),
            MeKi = config.HasMeKi
                ? new(source.Matrix($"{layer}.meki_gate.weight", m, d), source.Matrix($"{layer}.meki_out.weight", d, m), source.Vector($"{layer}.meki_post_norm.weight", d))
                : null,
        };
    }
}

/// <summary>What the MeKi branch of one layer keeps in memory.</summary>
/// <param name="Gate">W_g, [m × d] (equation 4).</param>
/// <param name="Output">W_o, [d × m] (equation 6).</param>
/// <param name="PostNorm">Weight of the RMSNorm after W_o, [d] (equation 6).</param>
internal sealed record MeKiWeights(WeightMatrix Gate, WeightMatrix Output, float[] PostNorm);
