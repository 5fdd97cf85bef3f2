using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Model.Layers;

namespace MeKi.Model.Architectures;

/// <summary>
/// Gemma 3 (Gemma Team, arXiv 2503.19786), text: five layers that see the last positions to one that sees all, whose rotary frequencies are scaled from 4B on.
/// </summary>
internal sealed class Gemma3 : Gemma
{
    // 27B is the only one whose scores are scaled by the width of the stream, and GGUF has no key for it.
    private const int LayersOf27B = 62;

    public override string Name => "gemma3";

    public override IReadOnlyList<string> ModelTypes => ["gemma3", "gemma3_text"];

    public override IReadOnlyList<ConfigKey> Keys { get; } =
    [
        .. GemmaKeys.Decoder(new(Vocabulary: 262_208, Context: 131_072, Window: 4096, Period: 6)),
        .. GemmaKeys.Heads(kvHeads: 4, twoSizes: false),
        GemmaKeys.Cap(0, 0),
        new ScaleKey(),
    ];

    public override IReadOnlyList<TensorSpec> Tensors => field ??= [.. Decoder(), .. Closing()];

    public override bool MayGoWithoutWindow => true;

    protected override bool NormsAddOne => true;

    public override void Layer(Pass p, LayerWeights w) => Blocks(p, w);

    /// <summary>What scores are multiplied with.</summary>
    private sealed record ScaleKey() : ConfigKey("attention.scale", "query_pre_attn_scalar")
    {
        public override void Read(GgufKeys gguf, ModelConfig config) => config.AttentionScale =
            gguf.TryFloat(Gguf!) ?? (config.Layers == LayersOf27B ? 1 / MathF.Sqrt((float)config.HiddenSize / Math.Max(config.Heads, 1)) : 0);

        public override void Read(JsonPlace json, ModelConfig config)
        {
            float scalar = json.TryFloat(Json!) ?? 256;
            config.AttentionScale = scalar > 0 && float.IsFinite(scalar) ? 1 / MathF.Sqrt(scalar)
                : throw json.Field(Json!).Fault("is out of range", "Correct it");
        }

        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            if (config.AttentionScale > 0)
                metadata[InGguf(config)] = config.AttentionScale;
        }
    }
}
