using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using MeKi.Model.Gguf;

namespace MeKi.Model.Architectures;

/// <summary>The configuration that decoders of all families have, under the names they share.</summary>
internal static class CommonKeys
{
    /// <summary>Sizes, the norm's epsilon and the rotary embedding. What only some families have stands in their own files.</summary>
    /// <param name="normEps">The epsilon of checkpoints that do not tell: transformers' default for the family.</param>
    /// <param name="theta">Likewise the rotary base.</param>
    public static IEnumerable<ConfigKey> Decoder(float normEps = 1e-6f, float theta = 10000) =>
    [
        new IntKey("context_length", "max_position_embeddings", c => c.ContextLength, (c, v) => c.ContextLength = v),
        new IntKey("embedding_length", "hidden_size", c => c.HiddenSize, (c, v) => c.HiddenSize = v),
        new IntKey("block_count", "num_hidden_layers", c => c.Layers, (c, v) => c.Layers = v),
        new PredictingLayersKey(),
        new IntKey("feed_forward_length", "intermediate_size", c => c.FeedForwardSize, (c, v) => c.FeedForwardSize = v),
        new IntKey("attention.head_count", "num_attention_heads", c => c.Heads, (c, v) => c.Heads = v),
        new IntKey("attention.head_count_kv", "num_key_value_heads", c => c.KvHeads, (c, v) => c.KvHeads = v) { Default = c => c.Heads },
        new IntKey("attention.key_length", "head_dim", c => c.HeadDimension,
            (c, v) => c.HeadDimension = v) { Default = c => c.HiddenSize / Math.Max(c.Heads, 1) },
        new ValueLengthKey(),
        new FloatKey("attention.layer_norm_rms_epsilon", "rms_norm_eps", c => c.NormEps, (c, v) => c.NormEps = v) { Default = normEps, Range = (0, 1) },
        new RotaryKeys(theta),
        new WindowKeys(),
        new VocabularyKey(),
        new AbsentKey("expert_count", "num_local_experts", "a mixture of experts"),
        new AbsentKey("expert_count", "num_experts", "a mixture of experts"),
        new FixedKey("hidden_act", "silu"),
    ];

    /// <summary>V. In GGUF the embedding's rows count, and the key is for other readers.</summary>
    private sealed record VocabularyKey() : ConfigKey("vocab_size", "vocab_size")
    {
        public override void Read(GgufKeys gguf, ModelConfig config)
        {
            // The embedding was there first.
        }

        public override void Read(JsonPlace json, ModelConfig config) => config.VocabularySize = json.Int(Json!);

        public override void Write(ModelConfig config, GgufMetadata metadata) => metadata[InGguf(config)] = (uint)config.VocabularySize;
    }

    /// <summary>Blocks behind the layers that guess further tokens: GGUF counts them among its blocks, <c>config.json</c> does not.</summary>
    private sealed record PredictingLayersKey() : ConfigKey("nextn_predict_layers", "num_nextn_predict_layers")
    {
        // Nobody has more.
        private const int Most = 16;

        public override void Read(GgufKeys gguf, ModelConfig config)
        {
            config.PredictingLayers = gguf.TryInt(Gguf!) ?? 0;
            if (config.PredictingLayers is < 0 or > Most)
                throw gguf.Fault(Gguf!, "has a value that this engine does not run", $"Supported is 0 to {Most}");
            config.Layers -= config.PredictingLayers;
        }

        public override void Read(JsonPlace json, ModelConfig config)
        {
            config.PredictingLayers = json.TryInt(Json!) ?? 0;
            if (config.PredictingLayers is < 0 or > Most)
                throw json.Field(Json!).Fault($"is not in 0 to {Most}", "Correct it");
        }

        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            // They are not written.
        }
    }

    /// <summary>Values are as long as keys in every family that runs.</summary>
    private sealed record ValueLengthKey() : ConfigKey("attention.value_length", null)
    {
        public override void Read(GgufKeys gguf, ModelConfig config)
        {
            if ((gguf.TryInt(Gguf!) ?? config.HeadDimension) != config.HeadDimension)
                throw gguf.Fault(Gguf!, "has a value that this engine does not run", "Supported is the key length");
        }

        public override void Read(JsonPlace json, ModelConfig config)
        {
            // config.json has no such key.
        }

        public override void Write(ModelConfig config, GgufMetadata metadata) => metadata[InGguf(config)] = (uint)config.HeadDimension;
    }

    /// <summary>The rotary embedding: base, turned values of a head, scaling.</summary>
    private sealed record RotaryKeys(float Theta) : ConfigKey("rope.freq_base", "rope_theta")
    {
        public override void Read(GgufKeys gguf, ModelConfig config)
        {
            config.RopeTheta = gguf.TryFloat(Gguf!) ?? 10000;
            config.RotaryDimension = gguf.TryInt("rope.dimension_count") ?? config.HeadDimension;
            config.RopeScaling = GgufRopeScaling.Read(gguf, config);
        }

        public override void Read(JsonPlace json, ModelConfig config)
        {
            JsonPlace? parameters = ConfigRopeScaling.Parameters(json);
            config.RopeTheta = parameters?.TryFloat("rope_theta") ?? json.TryFloat(Json!) ?? Theta;
            config.RotaryDimension =
                (int)(config.HeadDimension * (parameters?.TryFloat("partial_rotary_factor") ?? json.TryFloat("partial_rotary_factor") ?? 1));
            config.RopeScaling = ConfigRopeScaling.Read(json, config);
        }

        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            metadata[InGguf(config)] = config.RopeTheta;
            if (config.RotaryDimension != config.HeadDimension)
                metadata[$"{config.Architecture.Name}.rope.dimension_count"] = (uint)config.RotaryDimension;
            GgufRopeScaling.Write(config.RopeScaling, metadata, config.Architecture.Name);
        }
    }

    /// <summary>Layers that see only the last positions.</summary>
    private sealed record WindowKeys() : ConfigKey("attention.sliding_window", "sliding_window")
    {
        public override void Read(GgufKeys gguf, ModelConfig config) => config.Windows = SlidingWindows.Read(gguf.Metadata, gguf.Architecture, config.Layers);

        public override void Read(JsonPlace json, ModelConfig config) => config.Windows = config.Architecture.ReadWindows(json, config.Layers);

        public override void Write(ModelConfig config, GgufMetadata metadata) => SlidingWindows.Write(config.Windows, metadata, config.Architecture.Name);
    }
}
