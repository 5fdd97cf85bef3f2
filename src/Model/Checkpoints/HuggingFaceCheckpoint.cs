using MeKi.Kernels;
using MeKi.Model.Architectures;
using MeKi.Model.Files;
using MeKi.Model.Tokenization;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Checkpoints;

/// <summary>
/// A Hugging Face folder: <c>config.json</c> and safetensors, memory-mapped, in any of the naming schemes, with or without the training form of the
/// MeKi branch. Nothing is copied: stacked tensors are seen through strided views.
/// </summary>
internal sealed class HuggingFaceCheckpoint : WeightSource
{
    private readonly SafetensorsFolder _folder;
    private readonly TensorNaming _naming;

    private HuggingFaceCheckpoint(SafetensorsFolder folder, JsonPlace json, string configPath)
    {
        _folder = folder;
        Architecture named = Architecture.OfModelType(json.TryText("model_type") ?? "", configPath);
        _naming = TensorNaming.Recognize(new(named), Has, Path);
        // Models that also see or hear tell of their text part in an object of its own.
        Config = ReadConfig(json.TryField("text_config") ?? json, named, configPath);
    }

    public override string Path => _folder.Path;

    public override ModelConfig Config { get; }

    /// <summary>Every tensor of the checkpoint, used or not.</summary>
    public IEnumerable<SafetensorsTensor> Tensors => _folder.Tensors.Values;

    protected override IEnumerable<string> Names => _folder.Tensors.Keys;

    /// <param name="path">The folder.</param>
    /// <param name="copy">Whether to read its tensors into memory instead of mapping them, but for a table whose rows are read one by one.</param>
    public static HuggingFaceCheckpoint Open(string path, bool copy = false)
    {
        string configPath = System.IO.Path.Combine(path, "config.json");
        return JsonPlace.Read(configPath, json =>
        {
            SafetensorsFolder folder = SafetensorsFolder.Open(path, copy, Architecture.IsTableOfCheckpoint);
            try
            {
                return new HuggingFaceCheckpoint(folder, json, configPath);
            }
            catch
            {
                folder.Dispose();
                throw;
            }
        });
    }

    public override string FirstFile => _folder.Files[0].File.Path;

    public override long FileBytes =>
        _folder.Files.Sum(file => file.File.Length) - Tensors.Where(tensor => Architecture.IsTableOfCheckpoint(tensor.Name)).Sum(tensor => tensor.ByteLength);

    public override long TextBytes => TokenizerFolder.PathIn(_folder.Path) is var path && File.Exists(path) ? new FileInfo(path).Length : 0;

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

    protected override IEnumerable<TensorPlace> Places(TensorSpec spec, ModelConfig config, int layer) => _naming.Places(spec, config, layer);

    protected override float OffsetOf(TensorSpec spec) => spec.CheckpointOffset;

    protected override bool Has(string name) => _folder.Tensors.ContainsKey(name);

    protected override unsafe WeightMatrix Whole(string name, int rows, int columns, bool overVocabulary)
    {
        SafetensorsTensor tensor = _folder.Tensors[name];
        bool padded = overVocabulary && (_naming.PadsVocabulary || Config.Architecture.PadsVocabulary) && tensor.Shape is [long more and < 1 << 24, _]
            && more > rows;
        if (!tensor.Is(padded ? tensor.Shape[0] : rows, columns))
        {
            throw new ModelFileException(tensor.File.Path, UntrustedText.Tensor(name),
                $"has shape [{string.Join(", ", tensor.Shape)}] where the configuration makes it [{(rows == 1 ? "" : rows + ", ")}{columns}]",
                    "Correct config.json or take the checkpoint's own");
        }
        WeightMatrix whole = new(BlockFormat.Of(TypeOf(tensor)), padded ? (int)tensor.Shape[0] : rows, columns, tensor.File.Pointer + tensor.Offset);
        return padded ? whole.Take(rows) : whole;
    }

    protected override void LetGo(string name)
    {
        SafetensorsTensor tensor = _folder.Tensors[name];
        tensor.File.LetGo(tensor.Offset, tensor.ByteLength);
    }

    protected override RowTable Table(string name)
    {
        SafetensorsTensor tensor = _folder.Tensors[name];
        (long rows, long columns) = tensor.Shape is [long height, long width] ? (height, width) : (0, 0);
        return new(tensor.File.Path, name, TypeOf(tensor), rows, columns, tensor.Offset, tensor.File.Length);
    }

    private static GgmlType TypeOf(SafetensorsTensor tensor) => tensor.DType switch
    {
        SafetensorsDType.F32 => GgmlType.F32,
        SafetensorsDType.F16 => GgmlType.F16,
        SafetensorsDType.BF16 => GgmlType.BF16,
        SafetensorsDType.Unknown => throw new ModelFileException(tensor.File.Path, UntrustedText.Tensor(tensor.Name),
            $"has the unknown dtype {UntrustedText.Quote(tensor.DTypeName)}", "Save the checkpoint as F32, F16 or BF16"),
        _ => throw new ModelFileException(tensor.File.Path, UntrustedText.Tensor(tensor.Name),
            $"has dtype {tensor.DType}", "Save the checkpoint as F32, F16 or BF16"),
    };

    private ModelConfig ReadConfig(JsonPlace json, Architecture named, string path)
    {
        ModelConfig config = new(named);
        Architecture architecture = named.Refine(json, spec => _naming.Places(spec, config, 0).Any(place => Has(place.Name)));
        config = new(architecture) { GateInput = _naming.DefaultGateInput, MemoryDimension = MixNormLength(architecture) };
        foreach (ConfigKey key in architecture.Keys)
            key.Read(json, config);
        if (config.Layers > _folder.Tensors.Count)
            throw json.Field("num_hidden_layers").Fault($"tells of {config.Layers} layers where the folder has {_folder.Tensors.Count} tensors", "Correct it");
        _ = config.Checked(path);
        HashSet<Role> present = FindOptional(config);
        if (json.TryFlag("tie_word_embeddings") is { } tied)
            _ = tied ? present.Remove(Role.Head) : present.Add(Role.Head);
        if (json.TryFlag("qk_norm") == true)
            present.UnionWith([Role.QueryNorm, Role.KeyNorm]);
        present.UnionWith(GgufRopeScaling.Tensors(config).Keys);
        config.Present = present;
        config.Lacking = FindLacking(config);
        CheckFlag(json, "qk_norm", Role.QueryNorm, config);
        CheckFlag(json, "meki_projection_norm", Role.ProjectionNorm, config);
        CheckTensors(config, OfNoUse(config));
        return config;
    }

    private List<string> OfNoUse(ModelConfig config)
    {
        List<string> names = [];
        if (config.PredictingLayers > 0)
            names.AddRange(["mtp.", "model.mtp.", "model.mtp_layers.",
                .. Enumerable.Range(config.Layers, config.PredictingLayers).Select(layer => $"model.layers.{layer}.")]);
        foreach (TensorSpec spec in config.Architecture.Tensors.Where(spec => spec.Role is Role.Head or Role.Beta && !config.Present.Contains(spec.Role)))
            names.AddRange(spec.Layers(config).SelectMany(layer => Places(spec, config, layer)).Select(place => place.Name).Where(Has));
        if (names.FirstOrDefault(name => config.TiedHead && Places(config.SpecOf(Role.Head), config, 0).Any(place => place.Name == name)) is { } head
            && !IsEmbedding(head, config))
        {
            throw new ModelFileException(Path, UntrustedText.Tensor(head), "is another matrix than the embedding, though tie_word_embeddings is true",
                "Set tie_word_embeddings to false to use it, or take it out");
        }
        return names;
    }

    private bool IsEmbedding(string name, ModelConfig config)
    {
        const int Step = 1 << 20;
        SafetensorsTensor head = _folder.Tensors[name],
            embedding = _folder.Tensors[Places(config.SpecOf(Role.Embedding), config, 0).First(place => Has(place.Name)).Name];
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

    // What a flag says of a tensor, the tensor must say, too.
    private void CheckFlag(JsonPlace json, string flag, Role role, ModelConfig config)
    {
        if (json.TryFlag(flag) is not { } told || told == config.Present.Contains(role)
            || config.Architecture.Tensors.FirstOrDefault(each => each.Role == role) is not { } spec)
            return;
        throw json.Field(flag)
            .Fault($"is {(told ? "true" : "false")}, but the tensor '{Places(spec, config, 0).First().Name}' is {(told ? "absent" : "present")}",
            "Correct the configuration");
    }

    private int MixNormLength(Architecture architecture) =>
        architecture.Tensors.FirstOrDefault(spec => spec.Role == Role.MixNorm) is { } mixNorm
            && _naming.Places(mixNorm, new(architecture), 0).FirstOrDefault(place => Has(place.Name)).Name is { } name
            && _folder.Tensors[name].Shape is [long length and < 1 << 20, ..]
            ? (int)length : 0;
}
