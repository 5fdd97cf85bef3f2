using System.Globalization;
using System.Text.Json;
using MeKi.Kernels;
using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using MeKi.Model.Gguf;

namespace MeKi.Model.Architectures;

/// <summary>What transformers' configuration of a family means where a checkpoint's does not tell.</summary>
internal sealed record GemmaDefaults(int Vocabulary, int Context, int Window, int Period)
{
    /// <summary>Values of a token's row in each layer.</summary>
    public int RowValues { get; init; }

    /// <summary>Whether the last layer sees all positions, whatever is told of it.</summary>
    public bool EndsInFull { get; init; }
}

/// <summary>The configuration that Gemma's families have.</summary>
internal static class GemmaKeys
{
    /// <summary>Sizes, windows, rotary embeddings.</summary>
    public static IEnumerable<ConfigKey> Decoder(GemmaDefaults defaults) =>
    [
        new IntKey("context_length", "max_position_embeddings", c => c.ContextLength, (c, v) => c.ContextLength = v) { JsonDefault = _ => defaults.Context },
        new IntKey("embedding_length", "hidden_size", c => c.HiddenSize, (c, v) => c.HiddenSize = v),
        new IntKey("block_count", "num_hidden_layers", c => c.Layers, (c, v) => c.Layers = v),
        new AbsentKey("expert_count", "num_experts", "a mixture of experts"),
        new FixedKey("enable_moe_block", "false"),
        new LayersKey(defaults),
        new IntKey("attention.head_count", "num_attention_heads", c => c.Heads, (c, v) => c.Heads = v) { JsonDefault = _ => 8 },
        new FloatKey("attention.layer_norm_rms_epsilon", "rms_norm_eps", c => c.NormEps, (c, v) => c.NormEps = v) { Default = 1e-6f, Range = (0, 1) },
        new VocabularyKey(defaults.Vocabulary),
        new FixedKey("hidden_activation", "gelu_pytorch_tanh"),
        new FixedKey("attention_bias", "false"),
        new FixedKey("attn_logit_softcapping", "0"),
        new FixedKey("use_bidirectional_attention", "false", "vision"),
        new RuleKey(c => c.EmbeddingScale = MathF.Sqrt(c.HiddenSize)),
    ];

    /// <summary>Key/value heads and the sizes of heads, where sliding layers may have others than the rest.</summary>
    public static IEnumerable<ConfigKey> Heads(int kvHeads, bool twoSizes) => [new HeadsKey(kvHeads, twoSizes), new RotaryKeys()];

    /// <summary>The rows of per-layer inputs, and how they join the stream: as the branch of MeKi's residual variant behind the FFN.</summary>
    /// <param name="values">Values of a row in each layer where <c>config.json</c> does not tell.</param>
    public static IEnumerable<ConfigKey> Rows(int values) =>
    [
        new IntKey("embedding_length_per_layer_input", "hidden_size_per_layer_input", c => c.MemoryDimension, (c, v) => c.MemoryDimension = v)
        {
            Default = _ => 0,
            JsonDefault = _ => values,
        },
        new RuleKey(c => (c.Fusion, c.GateInput, c.Placement) = (Fusion.MultiplicativeGelu, GateInput.Residual, Placement.AfterFeedForward)),
    ];

    /// <summary>The soft cap of logits.</summary>
    /// <param name="ofGguf">The cap of GGUF files that do not tell, as llama.cpp has it.</param>
    /// <param name="ofJson">That of <c>config.json</c>.</param>
    public static ConfigKey Cap(float ofGguf, float ofJson) => new CapKey(ofGguf, ofJson);

    /// <summary>What follows from the family.</summary>
    public sealed record RuleKey(Action<ModelConfig> Rule) : ConfigKey(null, null)
    {
        public override void Read(GgufKeys gguf, ModelConfig config) => Rule(config);

        public override void Read(JsonPlace json, ModelConfig config) => Rule(config);

        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            // The family says it.
        }
    }

    // V. Per-layer tables may have fewer rows than the embedding; what lies beyond is no text.
    private sealed record VocabularyKey(int Default) : ConfigKey("vocab_size", "vocab_size")
    {
        public override void Read(GgufKeys gguf, ModelConfig config)
        {
            // The embedding was there first.
        }

        public override void Read(JsonPlace json, ModelConfig config) =>
            config.VocabularySize = Math.Min(json.TryInt(Json!) ?? Default, json.TryInt("vocab_size_per_layer_input") ?? int.MaxValue);

        public override void Write(ModelConfig config, GgufMetadata metadata) => metadata[InGguf(config)] = (uint)config.VocabularySize;
    }

    // Which layers slide and how far they see; the layers at the end that have no keys and values; widths of the FFN.
    private sealed record LayersKey(GemmaDefaults Defaults) : ConfigKey("feed_forward_length", "intermediate_size")
    {
        private const string Window = "attention.sliding_window", Shared = "attention.shared_kv_layers";

        public override void Read(GgufKeys gguf, ModelConfig config)
        {
            int? window = gguf.TryInt(Window);
            if (window is null && !Architecture(config).MayGoWithoutWindow)
                throw gguf.Missing(Window);
            if (window <= 0)
                throw gguf.Fault(Window, $"{window} is out of range", "The file is damaged");
            config.Windows = SlidingWindows.Read(gguf.Metadata, gguf.Architecture, config.Layers, Defaults.Period);
            // A count; some converters write it with a fraction.
            bool isFraction = gguf.Metadata.TryGet<object>($"{gguf.Architecture}.{Shared}", out object? told) && told is float or double;
            float? shared = isFraction ? gguf.TryFloat(Shared) : gguf.TryInt(Shared);
            config.SharingLayers = (int)Math.Clamp(shared ?? Architecture(config).SharingLayers(config.Layers), int.MinValue / 2, int.MaxValue / 2);
            SetFeedForward(config, gguf.TryInts(Gguf!, config.Layers) ?? throw gguf.Missing(Gguf!));
        }

        public override void Read(JsonPlace json, ModelConfig config)
        {
            config.Windows = SlidingWindows.ReadTypes(json, config.Layers, Defaults);
            config.SharingLayers = json.TryInt("num_kv_shared_layers") ?? Architecture(config).DefaultSharingLayers;
            JsonPlace width = json.Field(Json!);
            int[] widths = width.Element.ValueKind == JsonValueKind.Array
                ? [.. width.Items().Select(item => (int)Math.Clamp(item.Number(), 0, int.MaxValue / 2))]
                : config.Layers is > 0 and <= ModelConfig.MaxLayers ? [.. Enumerable.Repeat(json.Int(Json!), config.Layers)] : [json.Int(Json!)];
            if (config.Layers is > 0 and <= ModelConfig.MaxLayers && widths.Length != config.Layers)
                throw width.Fault($"tells of {widths.Length} layers where the model has {config.Layers}", "Correct it");
            int first = config.Layers - config.SharingLayers;
            if (json.TryFlag("use_double_wide_mlp") == true && first > 0)
                widths = [.. widths.Select((each, layer) => layer >= first ? checked(2 * Math.Min(each, int.MaxValue / 2)) : each)];
            SetFeedForward(config, widths);
        }

        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            SlidingWindows.Write(config.Windows, metadata, config.Architecture.Name);
            if (config.SharingLayers > 0)
                metadata[$"{config.Architecture.Name}.{Shared}"] = (uint)config.SharingLayers;
            metadata[InGguf(config)] = config.FeedForwardSizes.Count == 0 ? (uint)config.FeedForwardSize : config.FeedForwardSizes.ToArray();
        }

        private static Gemma Architecture(ModelConfig config) => (Gemma)config.Architecture;

        private static void SetFeedForward(ModelConfig config, int[] widths)
        {
            config.FeedForwardSize = widths.Max();
            config.FeedForwardSizes = widths.Distinct().Count() > 1 ? widths : [];
        }
    }

    // Full layers may have larger heads, and fewer of them for keys and values.
    private sealed record HeadsKey(int KvHeads, bool TwoSizes) : ConfigKey("attention.head_count_kv", "num_key_value_heads")
    {
        private const string Length = "attention.key_length", ValueLength = "attention.value_length", Sliding = "_swa";

        public override void Read(GgufKeys gguf, ModelConfig config)
        {
            SetKvHeads(config, gguf.TryInts(Gguf!, config.Layers) ?? throw gguf.Missing(Gguf!));
            config.HeadDimension = gguf.TryInt(Length) ?? config.HiddenSize / Math.Max(config.Heads, 1);
            config.SlidingHeadDimension = gguf.TryInt(Length + Sliding) ?? config.HeadDimension;
            if ((gguf.TryInt(ValueLength) ?? config.HeadDimension) != config.HeadDimension)
                throw gguf.Fault(ValueLength, "has a value that this engine does not run", "Supported is the key length");
            if ((gguf.TryInt(ValueLength + Sliding) ?? config.SlidingHeadDimension) != config.SlidingHeadDimension)
                throw gguf.Fault(ValueLength + Sliding, "has a value that this engine does not run", "Supported is the key length");
        }

        public override void Read(JsonPlace json, ModelConfig config)
        {
            int heads = json.TryInt(Json!) ?? KvHeads, size = json.TryInt("head_dim") ?? 256;
            (config.HeadDimension, config.SlidingHeadDimension) = (size, size);
            int full = heads;
            if (TwoSizes)
            {
                JsonPlace? layer = FirstFull(json, config);
                config.HeadDimension = json.TryInt("global_head_dim") ?? layer?.TryInt("head_dim") ?? 512;
                // Only where keys are values, too, do full layers have their own number of heads.
                full = layer?.TryInt(Json!) ?? (json.TryFlag("attention_k_eq_v") == true ? json.TryInt("num_global_key_value_heads") : null) ?? heads;
            }
            SetKvHeads(config, config.Windows.Count == 0 ? [full] : [.. config.Windows.Select(window => window == int.MaxValue ? full : heads)]);
        }

        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            string a = config.Architecture.Name;
            metadata[InGguf(config)] = config.KvHeadsOfLayers.Count == 0 ? (uint)config.KvHeads : config.KvHeadsOfLayers.ToArray();
            metadata[$"{a}.{Length}"] = metadata[$"{a}.{ValueLength}"] = (uint)config.HeadDimension;
            if (TwoSizes)
                metadata[$"{a}.{Length}{Sliding}"] = metadata[$"{a}.{ValueLength}{Sliding}"] = (uint)config.SlidingHeadDimension;
        }

        // Later transformers write what differs from the rest as an object for each full layer.
        private static JsonPlace? FirstFull(JsonPlace json, ModelConfig config)
        {
            int first = config.Windows.ToList().IndexOf(int.MaxValue);
            return json.TryField("per_layer_config")?.TryField(first.ToString(CultureInfo.InvariantCulture));
        }

        private static void SetKvHeads(ModelConfig config, int[] heads)
        {
            config.KvHeads = heads.Max();
            config.KvHeadsOfLayers = heads.Distinct().Count() > 1 ? heads : [];
        }
    }

    // Two bases. What scales or divides frequencies does so in full layers.
    private sealed record RotaryKeys() : ConfigKey("rope.freq_base", "rope_theta")
    {
        private const float Full = 1e6f, Local = 1e4f;
        private const string LocalBase = "rope.freq_base_swa", LocalDimension = "rope.dimension_count_swa";

        public override void Read(GgufKeys gguf, ModelConfig config)
        {
            config.RopeTheta = gguf.TryFloat(Gguf!) ?? Local;
            config.SlidingRopeTheta = gguf.TryFloat(LocalBase) ?? Local;
            config.RotaryDimension = gguf.TryInt("rope.dimension_count") ?? config.HeadDimension;
            if ((gguf.TryInt(LocalDimension) ?? config.SlidingHeadDimension) != config.SlidingHeadDimension)
                throw gguf.Fault(LocalDimension, "has a value that this engine does not run", "Supported is the key length of sliding layers");
            config.RopeScaling = GgufRopeScaling.Read(gguf, config);
        }

        public override void Read(JsonPlace json, ModelConfig config)
        {
            JsonPlace? kinds = json.TryField("rope_parameters"), scaling = json.TryField("rope_scaling");
            JsonPlace? full = kinds?.TryField("full_attention"), sliding = kinds?.TryField("sliding_attention");
            if (full is null && sliding is null && kinds?.TryField("rope_type") is not null)
                full = kinds;
            config.RopeTheta = full?.TryFloat("rope_theta") ?? json.TryFloat(Json!) ?? Full;
            config.SlidingRopeTheta = sliding?.TryFloat("rope_theta") ?? json.TryFloat("rope_local_base_freq") ?? Local;
            config.RotaryDimension = config.HeadDimension;
            if (sliding?.TryText("rope_type") is { } kind and not "default")
                throw sliding.Value.Fault($"has the kind {UntrustedText.Quote(kind)}, which this engine does not run", "Supported is default");
            config.RopeScaling = (full ?? scaling) is { } parameters ? ConfigRopeScaling.Read(parameters, json, config)
                : kinds is null && ((Gemma)config.Architecture).TurnsInProportion ? ConfigRopeScaling.Proportional(config, 0.25f, 1)
                : null;
        }

        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            string a = config.Architecture.Name;
            metadata[InGguf(config)] = config.RopeTheta;
            metadata[$"{a}.{LocalBase}"] = config.SlidingRopeTheta;
            metadata[$"{a}.rope.dimension_count"] = (uint)config.RotaryDimension;
            if (config.SlidingHeadDimension != config.HeadDimension)
                metadata[$"{a}.{LocalDimension}"] = (uint)config.SlidingHeadDimension;
            GgufRopeScaling.Write(config.RopeScaling, metadata, a);
        }
    }

    private sealed record CapKey(float OfGguf, float OfJson) : ConfigKey("final_logit_softcapping", "final_logit_softcapping")
    {
        public override void Read(GgufKeys gguf, ModelConfig config) => config.LogitCap = gguf.TryFloat(Gguf!) ?? OfGguf;

        // A null says that there is none.
        public override void Read(JsonPlace json, ModelConfig config) =>
            config.LogitCap = json.TryFloat(Json!) ?? (json.Element.TryGetProperty(Json!, out _) ? 0 : OfJson);

        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            if (config.LogitCap > 0 || OfGguf > 0)
                metadata[InGguf(config)] = config.LogitCap;
        }
    }
}
