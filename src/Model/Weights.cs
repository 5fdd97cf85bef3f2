using MeKi.Kernels;
using MeKi.Model.Checkpoints;

namespace MeKi.Model;

/// <summary>The weights that stay in memory: in their mapped file where it has panels, else packed at load. Names follow the paper; shapes are [output × input].</summary>
internal sealed record Weights
{
    public required PanelMatrix Embedding { get; init; }       // E     [V × d]
    public required LayerWeights[] Layers { get; init; }
    public required float[] FinalNorm { get; init; }            //       [d]
    public required PanelMatrix Head { get; init; }            //       [V × d], E itself where the head is tied

    /// <summary>Every matrix once.</summary>
    public IEnumerable<PanelMatrix> Matrices => Layers.SelectMany(layer => layer.Matrices).Prepend(Embedding).Concat(ReferenceEquals(Head, Embedding) ? [] : [Head]);

    /// <summary>Bytes that one token's forward pass reads.</summary>
    public long BytesPerToken => Embedding.RowBytes + Layers.Sum(layer => layer.ByteLength) + sizeof(float) * FinalNorm.Length + Head.ByteLength;

    public static Weights Load(WeightSource source, ModelConfig config, ComputePool pool)
    {
        PanelMatrix embedding = source.Panels("token_embd.weight", config.VocabularySize, config.HiddenSize, pool);
        return new()
        {
            Embedding = embedding,
            Layers = [.. Enumerable.Range(0, config.Layers).Select(layer => LayerWeights.Load(source, config, $"blk.{layer}", pool))],
            FinalNorm = source.Vector("output_norm.weight", config.HiddenSize),
            Head = config.TiedHead ? embedding : source.Panels("output.weight", config.VocabularySize, config.HiddenSize, pool),
        };
    }
}

/// <summary>One layer's weights.</summary>
internal sealed record LayerWeights
{
    public required float[] AttentionNorm { get; init; }        //       [d]
    public required PanelMatrix Query { get; init; }           //       [heads · D × d]
    public required PanelMatrix Key { get; init; }             //       [KV heads · D × d]
    public required PanelMatrix Value { get; init; }           //       [KV heads · D × d]
    public required float[]? QueryNorm { get; init; }           //       [D], null where the model has no q/k norm
    public required float[]? KeyNorm { get; init; }             //       [D]
    public required PanelMatrix AttentionOutput { get; init; } //       [d × heads · D]
    public required float[] FeedForwardNorm { get; init; }      //       [d]
    public required PanelMatrix Gate { get; init; }            //       [FFN × d]
    public required PanelMatrix Up { get; init; }              //       [FFN × d]
    public required PanelMatrix Down { get; init; }            //       [d × FFN]
    public required MeKiWeights? MeKi { get; init; }            //       null where the model has no branch

    public IEnumerable<PanelMatrix> Matrices => [Query, Key, Value, AttentionOutput, Gate, Up, Down, .. MeKi is null ? Array.Empty<PanelMatrix>() : [MeKi.Gate, MeKi.Output]];

    public long ByteLength => Matrices.Sum(matrix => matrix.ByteLength)
        + sizeof(float) * (AttentionNorm.Length + FeedForwardNorm.Length + (QueryNorm?.Length ?? 0) + (KeyNorm?.Length ?? 0) + (MeKi?.PostNorm.Length ?? 0));

    public static LayerWeights Load(WeightSource source, ModelConfig config, string layer, ComputePool pool)
    {
        (int d, int ffn, int m) = (config.HiddenSize, config.FeedForwardSize, config.MemoryDimension);
        (int queries, int keys) = (config.Heads * config.HeadDimension, config.KvHeads * config.HeadDimension);
        return new()
        {
            AttentionNorm = source.Vector($"{layer}.attn_norm.weight", d),
            Query = source.Panels($"{layer}.attn_q.weight", queries, d, pool),
            Key = source.Panels($"{layer}.attn_k.weight", keys, d, pool),
            Value = source.Panels($"{layer}.attn_v.weight", keys, d, pool),
            QueryNorm = config.QkNorm ? source.Vector($"{layer}.attn_q_norm.weight", config.HeadDimension) : null,
            KeyNorm = config.QkNorm ? source.Vector($"{layer}.attn_k_norm.weight", config.HeadDimension) : null,
            AttentionOutput = source.Panels($"{layer}.attn_output.weight", d, queries, pool),
            FeedForwardNorm = source.Vector($"{layer}.ffn_norm.weight", d),
            Gate = source.Panels($"{layer}.ffn_gate.weight", ffn, d, pool),
            Up = source.Panels($"{layer}.ffn_up.weight", ffn, d, pool),
            Down = source.Panels($"{layer}.ffn_down.weight", d, ffn, pool),
            MeKi = config.HasMeKi
                ? new(source.Panels($"{layer}.meki_gate.weight", m, d, pool), source.Panels($"{layer}.meki_out.weight", d, m, pool), source.Vector($"{layer}.meki_post_norm.weight", d))
                : null,
        };
    }
}

/// <summary>What the MeKi branch of one layer keeps in memory.</summary>
/// <param name="Gate">W_g, [m × d] (equation 4).</param>
/// <param name="Output">W_o, [d × m] (equation 6).</param>
/// <param name="PostNorm">Weight of the RMSNorm after W_o, [d] (equation 6).</param>
internal sealed record MeKiWeights(PanelMatrix Gate, PanelMatrix Output, float[] PostNorm);
