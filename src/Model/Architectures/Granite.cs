namespace MeKi.Model.Architectures;

/// <summary>
/// Granite 3, dense (IBM): layers of <see cref="Llama"/> with four multipliers, of the embedding, of what each block adds, of attention's scores and of the
/// logits.
/// </summary>
internal sealed class Granite : Llama
{
    public override string Name => "granite";

    public override IReadOnlyList<string> ModelTypes => ["granite"];

    public override IReadOnlyList<ConfigKey> Keys { get; } =
    [
        .. CommonKeys.Decoder(),
        new FloatKey("embedding_scale", "embedding_multiplier", c => c.EmbeddingScale, (c, v) => c.EmbeddingScale = v) { Default = 1 },
        new FloatKey("residual_scale", "residual_multiplier", c => c.ResidualScale, (c, v) => c.ResidualScale = v) { Default = 1 },
        new FloatKey("attention.scale", "attention_multiplier", c => c.AttentionScale, (c, v) => c.AttentionScale = v) { Default = 1 },
        new FloatKey("logit_scale", "logits_scaling", c => c.LogitDivisor, (c, v) => c.LogitDivisor = v) { Default = 1 },
    ];
}
