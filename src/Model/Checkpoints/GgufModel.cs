using MeKi.Kernels;
using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Quant;
using MeKi.Quant.Panels;
using MeKi.Store;

namespace MeKi.Model.Checkpoints;

/// <summary>A GGUF file of the architectures <c>qwen3</c> (dense, any writer's) and <c>qwen3meki</c> (folded, ours), memory-mapped. Keys: docs/formats.md.</summary>
internal sealed class GgufModel : WeightSource
{
    public const string DenseArchitecture = "qwen3";
    public const string MeKiArchitecture = "qwen3meki";
    public const string IdentityKey = "meki.identity";
    private const string EmbeddingName = "token_embd.weight";
    private const string HeadName = "output.weight";

    // Layers that guess further tokens; nobody has more, and they are no part of the decoder.
    private const int MaxPredictingLayers = 16;

    private readonly GgufFile _file;

    private GgufModel(GgufFile file)
    {
        (_file, Config) = (file, ReadConfig(file, out int predicting));
        bool divided = file.TryGetTensor(GgufRopeScaling.DivisorsName, out _);
        if (divided)
            Config = (Config with { RopeScaling = new DividedRopeScaling(Vector(GgufRopeScaling.DivisorsName, Config.HeadDimension / 2)) }).Checked(Path);
        List<string> global = [EmbeddingName, "output_norm.weight"];
        if (!Config.TiedHead)
            global.Add(HeadName);
        if (divided)
            global.Add(GgufRopeScaling.DivisorsName);
        CheckTensors(Config,
            global,
            [.. ModelTensors.Layer, .. Config.QkNorm ? ModelTensors.QkNorms : [], .. Config.HasMeKi ? ModelTensors.Branch : []],
            [.. Enumerable.Range(Config.Layers, predicting).Select(layer => $"blk.{layer}.")]);
    }

    public override string Path => _file.File.Path;

    public ModelConfig Config { get; }

    public GgufMetadata Metadata => _file.Metadata;

    /// <summary>The file, or the files it is split into.</summary>
    public IReadOnlyList<MappedFile> Files => _file.Files;

    /// <summary>The tensors, in file order.</summary>
    public IReadOnlyList<GgufTensor> Tensors => _file.Tensors;

    /// <summary>The checkpoint a folded model was made from; null for a dense one.</summary>
    public ModelIdentity? Identity
    {
        get
        {
            if (!Config.HasMeKi)
                return null;
            try
            {
                return ModelIdentity.Parse(Metadata.Get<string>(IdentityKey));
            }
            catch (FormatException failure)
            {
                throw new ModelFileException(Path, $"metadata key '{IdentityKey}'", failure.Message.TrimEnd('.'), "Convert the checkpoint again", failure);
            }
        }
    }

    /// <param name="path">The file.</param>
    /// <param name="copy">Whether to read it into memory instead of mapping it.</param>
    public static GgufModel Open(string path, bool copy = false)
    {
        GgufFile file = GgufFile.Open(path, copy);
        try
        {
            return new(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Begins to map the weights that are used where they lie, on a thread of its own while the caller goes on loading: of the first token's 90 ms, 70 were page faults (0.6B, Q4_0, file in the
    /// page cache). Every token reads all of them, so that nothing is brought in that would not be; rows of an embedding that is no head are left to the tokens that come.
    /// </summary>
    public void ReadAhead()
    {
        GgufTensor[] panels = [.. Tensors.Where(tensor => GgmlTypeLayout.IsPanels(tensor.Type) && (Config.TiedHead || tensor.Name != EmbeddingName))];
        if (panels.Length == 0 || !TryAddReference())
            return;
        new Thread(() =>
        {
            foreach (GgufTensor tensor in panels)
                tensor.File!.Touch(tensor.Offset, tensor.ByteLength);
            ReleaseReference();
        }) { IsBackground = true, Name = "MeKi read ahead" }.Start();
    }

    /// <summary>Writes a model's sizes as metadata: the inverse of what <see cref="Open"/> reads.</summary>
    public static void WriteConfig(ModelConfig config, GgufMetadata metadata)
    {
        string a = config.HasMeKi ? MeKiArchitecture : DenseArchitecture;
        metadata["general.architecture"] = a;
        metadata[$"{a}.context_length"] = (uint)config.ContextLength;
        metadata[$"{a}.embedding_length"] = (uint)config.HiddenSize;
        metadata[$"{a}.block_count"] = (uint)config.Layers;
        metadata[$"{a}.feed_forward_length"] = (uint)config.FeedForwardSize;
        metadata[$"{a}.attention.head_count"] = (uint)config.Heads;
        metadata[$"{a}.attention.head_count_kv"] = (uint)config.KvHeads;
        metadata[$"{a}.attention.key_length"] = (uint)config.HeadDimension;
        metadata[$"{a}.attention.value_length"] = (uint)config.HeadDimension;
        metadata[$"{a}.attention.layer_norm_rms_epsilon"] = config.NormEps;
        metadata[$"{a}.rope.freq_base"] = config.RopeTheta;
        GgufRopeScaling.Write(config.RopeScaling, metadata, a);
        SlidingWindows.Write(config.Windows, metadata, a);
        metadata[$"{a}.vocab_size"] = (uint)config.VocabularySize;
        if (config.HasMeKi)
        {
            metadata[$"{a}.meki.dimension"] = (uint)config.MemoryDimension;
            metadata[$"{a}.meki.gate_input"] = VariantNames.GateInput.Of(config.GateInput);
            metadata[$"{a}.meki.fusion"] = VariantNames.Fusion.Of(config.Fusion);
            metadata[$"{a}.meki.placement"] = VariantNames.Placement.Of(config.Placement);
        }
    }

    public override unsafe WeightMatrix? Find(string name, int rows, int columns)
    {
        if (Locate(name, rows, columns) is not { } tensor)
            return null;
        BlockFormat format = BlockFormat.Find(tensor.Type) ?? throw new ModelFileException(Path, UntrustedText.Tensor(name),
            GgmlTypeLayout.IsPanels(tensor.Type) ? "lies in panels where rows are needed" : $"type {tensor.Type} is not supported",
            $"Quantise to one of {string.Join(", ", BlockFormat.All.Select(each => each.Name))}");
        return new(format, rows, columns, tensor.File!.Pointer + tensor.Offset);
    }

    public override PanelMatrix Panels(string name, int rows, int columns, ComputePool pool) => MappedPanels(name, rows, columns) ?? base.Panels(name, rows, columns, pool);

    /// <summary>The tensor where it lies in panels; null where it does not or there is none.</summary>
    public unsafe PanelMatrix? MappedPanels(string name, int rows, int columns)
    {
        if (Locate(name, rows, columns) is not { } tensor || !GgmlTypeLayout.IsPanels(tensor.Type))
            return null;
        PanelFormat format = PanelFormat.Find(GgmlTypeLayout.BlockType(tensor.Type))!;
        if (rows % PanelFormat.Rows != 0)
            throw new ModelFileException(Path, UntrustedText.Tensor(name), $"has {rows} rows, which are not whole panels of {PanelFormat.Rows}", "The file is damaged");
        return new(format, rows, columns, tensor.File!.Pointer + tensor.Offset);
    }

    private GgufTensor? Locate(string name, int rows, int columns)
    {
        if (!_file.TryGetTensor(name, out GgufTensor? tensor))
            return null;
        return tensor.Is(rows, columns) ? tensor : throw new ModelFileException(Path, UntrustedText.Tensor(name),
            $"has dimensions [{string.Join(", ", tensor.Dimensions)}] where the metadata makes it [{columns}{(rows == 1 ? "" : ", " + rows)}]", "Convert the checkpoint again");
    }

    public override string OriginalName(string name) => name;

    protected override IEnumerable<string> FileNames => Tensors.Select(tensor => tensor.Name);

    protected override string? NameInFile(string name) => _file.TryGetTensor(name, out _) ? name : null;

    public override bool TryAddReference() => _file.TryAddReference();

    public override void ReleaseReference() => _file.ReleaseReference();

    public override void FreeCopies() => _file.FreeCopies();

    public override void Dispose() => _file.Dispose();

    private static ModelConfig ReadConfig(GgufFile file, out int predicting)
    {
        GgufMetadata metadata = file.Metadata;
        string path = file.File.Path;
        string a = metadata.Get<string>("general.architecture");
        if (a is not (DenseArchitecture or MeKiArchitecture))
        {
            throw new ModelFileException(path, "metadata key 'general.architecture'", $"architecture {UntrustedText.Quote(a)} is not known",
                $"This engine runs '{DenseArchitecture}' and '{MeKiArchitecture}'");
        }
        predicting = metadata.TryGetInt($"{a}.nextn_predict_layers") ?? 0;
        Refuse(predicting is < 0 or > MaxPredictingLayers, "nextn_predict_layers", $"0 to {MaxPredictingLayers}");
        int blocks = metadata.GetInt($"{a}.block_count"), layers = blocks - predicting;
        // Each layer has tensors: a number that the file cannot hold is not worth a list.
        if (blocks > file.Tensors.Count)
        {
            throw new ModelFileException(path, $"metadata key '{a}.block_count'",
                $"tells of {blocks} layers where the file has {file.Tensors.Count} tensors", "The file is damaged");
        }
        int heads = SameInAllLayers("attention.head_count") ?? metadata.GetInt($"{a}.attention.head_count");
        int head = metadata.TryGetInt($"{a}.attention.key_length") ?? metadata.GetInt($"{a}.embedding_length") / Math.Max(heads, 1);
        Refuse((metadata.TryGetInt($"{a}.attention.value_length") ?? head) != head, "attention.value_length", "the key length");
        Refuse((metadata.TryGetInt($"{a}.rope.dimension_count") ?? head) != head, "rope.dimension_count", "the key length");

        bool folded = a == MeKiArchitecture;
        int memory = folded ? metadata.GetInt($"{a}.meki.dimension") : 0;
        Refuse(folded && memory == 0, "meki.dimension", "a positive number");
        return new ModelConfig
        {
            VocabularySize = Vocabulary(file.GetTensor(EmbeddingName)),
            Layers = layers,
            HiddenSize = metadata.GetInt($"{a}.embedding_length"),
            FeedForwardSize = SameInAllLayers("feed_forward_length") ?? metadata.GetInt($"{a}.feed_forward_length"),
            Heads = heads,
            KvHeads = SameInAllLayers("attention.head_count_kv") ?? heads,
            HeadDimension = head,
            NormEps = metadata.TryGetFloat($"{a}.attention.layer_norm_rms_epsilon") ?? 1e-6f,
            RopeTheta = metadata.TryGetFloat($"{a}.rope.freq_base") ?? 10000,
            RopeScaling = GgufRopeScaling.Read(metadata, a, file.TryGetTensor(GgufRopeScaling.DivisorsName, out _)),
            Windows = SlidingWindows.Read(metadata, a, layers),
            ContextLength = metadata.GetInt($"{a}.context_length"),
            // Where one layer has one of them, all layers must have both.
            QkNorm = file.Tensors.Any(tensor => tensor.Name.StartsWith("blk.", StringComparison.Ordinal)
                && ModelTensors.QkNorms.Any(norm => tensor.Name.EndsWith(norm, StringComparison.Ordinal))),
            TiedHead = !file.TryGetTensor(HeadName, out _),
            MemoryDimension = memory,
            GateInput = Variant("meki.gate_input", VariantNames.GateInput),
            Fusion = Variant("meki.fusion", VariantNames.Fusion),
            Placement = Variant("meki.placement", VariantNames.Placement),
        }.Checked(path);

        int Vocabulary(GgufTensor embedding) => embedding.Sides is [_, long rows]
            ? (int)Math.Min(rows, int.MaxValue)
            : throw new ModelFileException(path, UntrustedText.Tensor(EmbeddingName),
                $"has dimensions [{string.Join(", ", embedding.Dimensions)}] where a matrix is needed", "Convert the checkpoint again");

        // Some writers tell some sizes for each layer.
        int? SameInAllLayers(string key)
        {
            key = $"{a}.{key}";
            if (!metadata.IsArray(key))
                return metadata.TryGetInt(key);
            Array each = metadata.Get<Array>(key);
            if (each.Length != blocks || blocks == 0)
                throw Bad($"tells of {each.Length} layers where the model has {blocks}", "The file is damaged");
            object first = each.GetValue(0)!;
            return each.Cast<object>().All(first.Equals)
                ? new GgufMetadata(path) { [key] = first }.TryGetInt(key)
                : throw Bad("differs from layer to layer, which this engine does not run", "Take a model of equal layers");

            ModelFileException Bad(string problem, string remedy) => new(path, $"metadata key '{key}'", problem, remedy);
        }

        T Variant<T>(string key, VariantNames<T> names)
            where T : struct, Enum
        {
            if (!folded)
                return default;
            T? variant = names.Find(metadata.Get<string>($"{a}.{key}"));
            Refuse(variant is null, key, names.List);
            return variant!.Value;
        }

        void Refuse(bool unsupported, string key, string supported)
        {
            if (unsupported)
                throw new ModelFileException(path, $"metadata key '{a}.{key}'", "has a value that this engine does not run", $"Supported is {supported}");
        }
    }
}
