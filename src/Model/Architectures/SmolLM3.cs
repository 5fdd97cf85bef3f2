using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using MeKi.Model.Gguf;

namespace MeKi.Model.Architectures;

/// <summary>SmolLM3: layers of <see cref="Llama"/>, every fourth of them without rotation (Yang et al., "NoPE", arXiv 2501.18795).</summary>
internal sealed class SmolLM3 : Llama
{
    public override string Name => "smollm3";

    public override IReadOnlyList<string> ModelTypes => ["smollm3"];

    public override IReadOnlyList<ConfigKey> Keys { get; } = [.. CommonKeys.Decoder(theta: 2_000_000), new RotatedLayersKey()];

    public override LayerGeometry Geometry(ModelConfig config, int layer)
    {
        LayerGeometry turned = base.Geometry(config, layer);
        return config.UnturnedLayers.Contains(layer) ? turned with { Rotary = null } : turned;
    }

    public override IReadOnlyList<int> ReadWindows(JsonPlace json, int layers) => SlidingWindows.ReadQwen(json, layers);

    /// <summary>
    /// Which layers do not turn queries and keys: in GGUF always every fourth, in <c>config.json</c> a list of ones (turned) and zeros, or an interval.
    /// </summary>
    private sealed record RotatedLayersKey() : ConfigKey(null, "no_rope_layers")
    {
        public override void Read(GgufKeys gguf, ModelConfig config) => config.UnturnedLayers = Every(4, config.Layers);

        public override void Read(JsonPlace json, ModelConfig config)
        {
            if (json.TryField(Json!) is not { } list)
            {
                config.UnturnedLayers = Every(json.TryInt("no_rope_layer_interval") ?? 4, config.Layers);
                return;
            }
            int[] turned = [.. list.Items().Select(item => item.Id())];
            if (turned.Length != config.Layers)
                throw list.Fault($"tells of {turned.Length} layers where the model has {config.Layers}", "Correct it");
            config.UnturnedLayers = [.. Enumerable.Range(0, config.Layers).Where(layer => turned[layer] == 0)];
        }

        // GGUF cannot say anything else than every fourth.
        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            if (!config.UnturnedLayers.SequenceEqual(Every(4, config.Layers)))
                throw new ModelFileException(metadata.Path, $"$.{Json}", "tells of other layers than every fourth, which GGUF has no key for",
                    "Run the checkpoint as it is");
        }

        // Of more layers than are allowed, which is told later, no list is made.
        private static int[] Every(int interval, int layers) =>
            interval <= 0 ? [] : [.. Enumerable.Range(0, Math.Clamp(layers, 0, ModelConfig.MaxLayers)).Where(layer => (layer + 1) % interval == 0)];
    }
}
