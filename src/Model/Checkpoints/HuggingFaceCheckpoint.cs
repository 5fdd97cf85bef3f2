using MeKi.Kernels;
using MeKi.Model.Files;
using MeKi.Quant;

namespace MeKi.Model.Checkpoints;

/// <summary>
/// A Hugging Face folder: <c>config.json</c> and safetensors, memory-mapped, in any of the three naming schemes, with or without the training form of the
/// MeKi branch. Nothing is copied: stacked tensors are seen through strided views.
/// </summary>
internal sealed class HuggingFaceCheckpoint : WeightSource
{
    // Layers that guess further tokens; nobody has more, and they are no part of the decoder.
    private const int MaxPredictingLayers = 16;

    // Of Qwen3Config, as of most others.
    private const float DefaultRopeTheta = 10000;

    private readonly SafetensorsFolder _folder;
    private readonly TensorNaming _naming;

    private HuggingFaceCheckpoint(SafetensorsFolder folder, TensorNaming naming, ModelConfig sizes)
    {
        (_folder, _naming) = (folder, naming);
        Config = sizes;
    }

    public override string Path => _folder.Path;

    public ModelConfig Config { get; private set; }

    /// <summary>Every tensor of the checkpoint, used or not.</summary>
    public IEnumerable<SafetensorsTensor> Tensors => _folder.Tensors.Values;

    /// <param name="path">The folder.</param>
    /// <param name="copy">Whether to read its tensors into memory instead of mapping them.</param>
    public static HuggingFaceCheckpoint Open(string path, bool copy = false)
    {
        string configPath = System.IO.Path.Combine(path, "config.json");
        return JsonPlace.Read(configPath, config =>
        {
            ModelConfig sizes = ReadSizes(config, configPath);
            SafetensorsFolder folder = SafetensorsFolder.Open(path, copy);
            try
            {
                HuggingFaceCheckpoint checkpoint = new(folder, TensorNaming.Recognize(folder.Tensors.Keys, path), sizes);
                checkpoint.CompleteConfig(config, configPath);
                checkpoint.CheckTensors(config);
                return checkpoint;
            }
            catch
            {
                folder.Dispose();
                throw;
            }
        });
    }

    public override unsafe WeightMatrix? Find(string name, int rows, int columns)
    {
        foreach (TensorPlace place in _naming.Places(name, Config))
        {
            if (!_folder.Tensors.TryGetValue(place.Name, out SafetensorsTensor? tensor))
                continue;
            int wanted = place.Period == 0 ? rows : rows / place.Rows * place.Period;
            bool overVocabulary = name is "token_embd.weight" or "output.weight" || name.EndsWith(".meki_memory.weight", StringComparison.Ordinal);
            bool padded = overVocabulary && _naming.PadsVocabulary && tensor.Shape is [long more and < 1 << 24, _] && more > rows;
            if (!tensor.Is(padded ? tensor.Shape[0] : wanted, columns))
            {
                throw new ModelFileException(tensor.File.Path, $"tensor '{place.Name}'",
                    $"has shape [{string.Join(", ", tensor.Shape)}] where the configuration makes it [{(wanted == 1 ? "" : wanted + ", ")}{columns}]", "Correct config.json or take the checkpoint's own");
            }
            GgmlType type = tensor.DType switch
            {
                SafetensorsDType.F32 => GgmlType.F32,
                SafetensorsDType.F16 => GgmlType.F16,
                SafetensorsDType.BF16 => GgmlType.BF16,
                SafetensorsDType.Unknown => throw new ModelFileException(
                    tensor.File.Path, $"tensor '{place.Name}'", $"has the unknown dtype {UntrustedText.Quote(tensor.DTypeName)}",
                    "Save the checkpoint as F32, F16 or BF16"),
                _ => throw new ModelFileException(tensor.File.Path, $"tensor '{place.Name}'", $"has dtype {tensor.DType}", "Save the checkpoint as F32, F16 or BF16"),
            };
            WeightMatrix whole = new(BlockFormat.Of(type), padded ? (int)tensor.Shape[0] : wanted, columns, tensor.File.Pointer + tensor.Offset);
            return place.Period != 0 ? whole.Slice(place.First, place.Rows, place.Period) : padded ? whole.Take(rows) : whole;
        }
        return null;
    }

    public override string OriginalName(string name) => _naming.Places(name, Config).First().Name;

    protected override IEnumerable<string> FileNames => _folder.Tensors.Keys;

    protected override string? NameInFile(string name) => _naming.Places(name, Config).FirstOrDefault(place => _folder.Tensors.ContainsKey(place.Name)).Name;

    public override bool TryAddReference()
    {
        for (int i = 0; i < _folder.Files.Count; i++)
        {
            if (_folder.Files[i].File.TryAddReference())
                continue;
            while (--i >= 0)
                _folder.Files[i].File.ReleaseReference();
            return false;
        }
        return true;
    }

    public override void ReleaseReference()
    {
        // By index: an enumerator of the interface would be allocated for each token.
        for (int i = 0; i < _folder.Files.Count; i++)
            _folder.Files[i].File.ReleaseReference();
    }

    public override void FreeCopies()
    {
        foreach (SafetensorsFile each in _folder.Files)
            each.File.FreeCopy();
    }

    public override void Dispose() => _folder.Dispose();

    private static ModelConfig ReadSizes(JsonPlace config, string path)
    {
        string architecture = config.TryText("model_type") ?? "";
        if (architecture is not ("qwen3" or "qwen3_meki"))
            throw new ModelFileException(path, "$.model_type", $"architecture {UntrustedText.Quote(architecture)} is not known", "This engine runs 'qwen3' and 'qwen3_meki'");
        Refuse(config.TryText("hidden_act") is not (null or "silu"), "hidden_act", "silu");
        Refuse(config.TryFlag("attention_bias") == true, "attention_bias", "false");
        int hidden = config.Int("hidden_size"), heads = config.Int("num_attention_heads"), context = config.Int("max_position_embeddings");
        JsonPlace? rope = ConfigRopeScaling.Parameters(config);
        Refuse((rope?.TryFloat("partial_rotary_factor") ?? config.TryFloat("partial_rotary_factor") ?? 1) != 1, "partial_rotary_factor", "1");
        RopeScaling? ropeScaling = ConfigRopeScaling.Read(config, ref context);
        return new ModelConfig
        {
            VocabularySize = config.Int("vocab_size"),
            Layers = config.Int("num_hidden_layers"),
            HiddenSize = hidden,
            FeedForwardSize = config.Int("intermediate_size"),
            Heads = heads,
            KvHeads = config.TryInt("num_key_value_heads") ?? heads,
            HeadDimension = config.TryInt("head_dim") ?? hidden / Math.Max(heads, 1),
            NormEps = config.TryFloat("rms_norm_eps") ?? 1e-6f,
            RopeTheta = rope?.TryFloat("rope_theta") ?? config.TryFloat("rope_theta") ?? DefaultRopeTheta,
            RopeScaling = ropeScaling,
            Windows = SlidingWindows.Read(config, config.Int("num_hidden_layers")),
            ContextLength = context,
            // What follows is completed from the tensors present.
            QkNorm = false,
            TiedHead = false,
            MemoryDimension = config.TryInt("mem_dim") ?? config.TryInt("meki_dim") ?? config.TryInt("d_mem") ?? 0,
        }.Checked(path);

        void Refuse(bool unsupported, string name, string supported)
        {
            if (unsupported)
                throw new ModelFileException(path, $"$.{name}", "has a value that this engine does not run", $"Supported is {supported}");
        }
    }

    private void CompleteConfig(JsonPlace config, string path)
    {
        Config = (Config with
        {
            MemoryDimension = Config.HasMeKi ? Config.MemoryDimension : LengthOf("blk.0.meki_mix_norm.weight"),
            QkNorm = config.TryFlag("qk_norm") ?? ModelTensors.QkNorms.Any(norm => HasInAnyLayer(Config, norm)),
            TiedHead = config.TryFlag("tie_word_embeddings") ?? !Has("output.weight"),
            GateInput = Variant("meki_gate_input", VariantNames.GateInput) ?? _naming.DefaultGateInput,
            Fusion = Variant("meki_fusion", VariantNames.Fusion) ?? default,
            Placement = Variant("meki_placement", VariantNames.Placement) ?? default,
        }).Checked(path);
        bool normed = Has("blk.0.meki_projection_norm.weight");
        if (config.TryFlag("meki_projection_norm") is { } told && told != normed)
        {
            throw new ModelFileException(path, "$.meki_projection_norm",
                $"is {(told ? "true" : "false")}, but the tensor '{OriginalName("blk.0.meki_projection_norm.weight")}' is {(normed ? "present" : "absent")}", "Correct the configuration");
        }

        T? Variant<T>(string field, VariantNames<T> names)
            where T : struct, Enum
            => config.TryText(field) is not { } name ? null
                : names.Find(name) ?? throw new ModelFileException(path, $"$.{field}", $"{UntrustedText.Quote(name)} is not known", $"Write one of {names.List}");
    }

    private void CheckTensors(JsonPlace config)
    {
        List<string> ofLayer = [.. ModelTensors.Layer, .. Config.QkNorm ? ModelTensors.QkNorms : []], ofNoUse = [];
        if (Config.HasMeKi)
        {
            ofLayer.AddRange([.. ModelTensors.Branch, .. ModelTensors.TrainingForm]);
            if (HasInAnyLayer(Config, ModelTensors.Memory))
                ofLayer.Add(ModelTensors.Memory);
            if (ModelTensors.Projection.Any(name => HasInAnyLayer(Config, name)))
                ofLayer.AddRange([.. ModelTensors.Projection, ModelTensors.Beta]);
            else
                ofNoUse.AddRange(Enumerable.Range(0, Config.Layers).Select(layer => NameInFile($"blk.{layer}.{ModelTensors.Beta}")).OfType<string>());
            if (HasInAnyLayer(Config, ModelTensors.ProjectionNorm))
                ofLayer.Add(ModelTensors.ProjectionNorm);
        }
        if (config.TryInt("num_nextn_predict_layers") is { } predicting and not 0)
        {
            if (predicting is < 0 or > MaxPredictingLayers)
                throw config.Field("num_nextn_predict_layers").Fault($"is not in 0 to {MaxPredictingLayers}", "Correct it");
            ofNoUse.AddRange(["mtp.", "model.mtp.", "model.mtp_layers."]);
            ofNoUse.AddRange(Enumerable.Range(Config.Layers, predicting).Select(layer => $"model.layers.{layer}."));
        }
        if (Config.TiedHead && NameInFile("output.weight") is { } head)
        {
            if (!IsEmbedding(_folder.Tensors[head]))
            {
                throw new ModelFileException(Path, UntrustedText.Tensor(head), "is another matrix than the embedding, though tie_word_embeddings is true",
                    "Set tie_word_embeddings to false to use it, or take it out");
            }
            ofNoUse.Add(head);
        }
        CheckTensors(Config, ["token_embd.weight", "output_norm.weight", .. Config.TiedHead ? Array.Empty<string>() : ["output.weight"]], ofLayer, ofNoUse);
    }

    private bool IsEmbedding(SafetensorsTensor head)
    {
        const int Step = 1 << 20;
        SafetensorsTensor embedding = _folder.Tensors[NameInFile("token_embd.weight")!];
        if (head.DType != embedding.DType || !head.Shape.SequenceEqual(embedding.Shape))
            return false;
        for (long at = 0; at < head.ByteLength; at += Step)
        {
            int length = (int)Math.Min(Step, head.ByteLength - at);
            if (!head.File.Span(head.Offset + at, length).SequenceEqual(embedding.File.Span(embedding.Offset + at, length)))
                return false;
        }
        return true;
    }

    private bool Has(string name) => NameInFile(name) is not null;

    private int LengthOf(string name)
    {
        foreach (TensorPlace place in _naming.Places(name, Config))
        {
            if (_folder.Tensors.TryGetValue(place.Name, out SafetensorsTensor? tensor) && tensor.Shape is [long length and < 1 << 20])
                return (int)length;
        }
        return 0;
    }
}
