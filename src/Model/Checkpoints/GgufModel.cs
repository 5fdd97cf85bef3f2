using MeKi.Kernels;
using MeKi.Model.Architectures;
using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Checkpoints;

/// <summary>A GGUF file of one of the architectures that run, memory-mapped. Keys: docs/formats.md.</summary>
internal sealed class GgufModel : WeightSource
{
    public const string IdentityKey = "meki.identity";
    private const string EmbeddingName = "token_embd.weight";

    private readonly GgufFile _file;

    private GgufModel(GgufFile file)
    {
        _file = file;
        Config = ReadConfig(file);
    }

    public override string Path => _file.File.Path;

    public override ModelConfig Config { get; }

    protected override IEnumerable<string> Names => Tensors.Select(tensor => tensor.Name);

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
            // A file of another engine has its table, and no identity.
            if (!Metadata.Contains(IdentityKey) && Config.Architecture.Tensors.FirstOrDefault(spec => spec.Role == Role.RowTable) is { } table)
                throw Missing(table, Config, 0);
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
    /// <param name="copy">Whether to read it into memory instead of mapping it, but for a table whose rows are read one by one.</param>
    public static GgufModel Open(string path, bool copy = false)
    {
        GgufFile file = GgufFile.Open(path, copy, Architecture.IsTable);
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
    /// Begins to map the weights that are used where they lie, on a thread of its own while the caller goes on loading: the first token would spend most of
    /// its time on page faults. Every token reads all of them, so that nothing is brought in that would not be; rows of an embedding that is no head are left
    /// to the tokens that come.
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
        metadata["general.architecture"] = config.Family;
        if (GgufRopeScaling.Tensors(config).Keys.Any(role => config.Architecture.Tensors.All(spec => spec.Role != role)))
            throw new ModelFileException(metadata.Path, "RoPE scaling", $"is one that GGUF has no tensor for in the architecture '{config.Family}'",
                "Run the checkpoint as it is");
        foreach (ConfigKey key in config.Architecture.Keys)
            key.Write(config, metadata);
    }

    public override string FirstFile => Path;

    public override long FileBytes =>
        Files.Sum(file => file.Length) - Tensors.Where(tensor => Architecture.IsTable(tensor.Name)).Sum(tensor => tensor.ByteLength);

    // What lies before the tensors is the tokenizer, but for a few numbers.
    public override long TextBytes => Tensors.Where(tensor => tensor.File == Files[0]).Select(tensor => tensor.Offset).DefaultIfEmpty(0).Min();

    public override (long InPlace, long Packed, long Read) BytesOf(TensorSpec spec, int layer)
    {
        TensorPlace place = spec.InGguf(Config, layer);
        if (!_file.TryGetTensor(place.Name, out GgufTensor? tensor) || !GgmlTypeLayout.IsPanels(tensor.Type))
            return base.BytesOf(spec, layer);
        return (place.Part is { } part ? tensor.ByteLength / part.Period * part.Rows : tensor.ByteLength, 0, 0);
    }

    public override PanelMatrix Panels(TensorSpec spec, int layer, ComputePool pool)
    {
        (int rows, int columns) = (spec.Rows(Config, layer), spec.Columns(Config, layer));
        TensorPlace place = spec.InGguf(Config, layer);
        if (place.Part is not { } part)
            return MappedPanels(place.Name, rows, columns) ?? base.Panels(spec, layer, pool);
        return MappedPanels(place.Name, part.Period, columns)?.Slice(part.First / PanelFormat.Rows, part.Rows / PanelFormat.Rows)
            ?? base.Panels(spec, layer, pool);
    }

    /// <summary>The tensor where it lies in panels; null where it does not or there is none.</summary>
    public unsafe PanelMatrix? MappedPanels(string name, int rows, int columns)
    {
        if (!_file.TryGetTensor(name, out GgufTensor? found) || !GgmlTypeLayout.IsPanels(found.Type))
            return null;
        GgufTensor tensor = Fitting(found, rows, columns);
        PanelFormat format = PanelFormat.Find(GgmlTypeLayout.BlockType(tensor.Type))!;
        if (rows % PanelFormat.Rows != 0)
            throw new ModelFileException(Path, UntrustedText.Tensor(name), $"has {rows} rows, which are not whole panels of {PanelFormat.Rows}",
                "The file is damaged");
        return new(format, rows, columns, tensor.File!.Pointer + tensor.Offset);
    }

    /// <summary>The tensor in rows, [rows × columns].</summary>
    /// <exception cref="ModelFileException">There is none, or it has another shape or an undecodable type.</exception>
    public unsafe WeightMatrix Matrix(string name, int rows, int columns)
    {
        GgufTensor tensor = Fitting(_file.GetTensor(name), rows, columns);
        BlockFormat format = BlockFormat.Find(tensor.Type) ?? throw Undecodable(tensor);
        return new(format, rows, columns, tensor.File!.Pointer + tensor.Offset);
    }

    protected override IEnumerable<TensorPlace> Places(TensorSpec spec, ModelConfig config, int layer) =>
        spec.OnlyInCheckpoints ? [] : [spec.InGguf(config, layer)];

    protected override bool Has(string name) => _file.TryGetTensor(name, out _);

    protected override WeightMatrix Whole(string name, int rows, int columns, bool overVocabulary) => Matrix(name, rows, columns);

    /// <summary>The format that a tensor's blocks have.</summary>
    /// <exception cref="ModelFileException">There is none, or it has an undecodable type.</exception>
    public BlockFormat FormatOf(TensorSpec spec, int layer)
    {
        GgufTensor tensor = _file.GetTensor(spec.InGguf(Config, layer).Name);
        return BlockFormat.Find(GgmlTypeLayout.BlockType(tensor.Type)) ?? throw Undecodable(tensor);
    }

    protected override void LetGo(string name)
    {
        GgufTensor tensor = _file.GetTensor(name);
        tensor.File!.LetGo(tensor.Offset, tensor.ByteLength);
    }

    protected override RowTable Table(string name)
    {
        GgufTensor tensor = _file.GetTensor(name);
        (long rows, long columns) = tensor.Sides is [long width, long height] ? (height, width) : (0, 0);
        return new(tensor.File!.Path, name, tensor.Type, rows, columns, tensor.Offset, tensor.File.Length);
    }

    private ModelFileException Undecodable(GgufTensor tensor) => new(Path, UntrustedText.Tensor(tensor.Name),
        GgmlTypeLayout.IsPanels(tensor.Type) ? "lies in panels where rows are needed" : $"type {tensor.Type} is not supported",
        $"Quantise to one of {string.Join(", ", BlockFormat.All.Select(each => each.Name))}");

    private GgufTensor Fitting(GgufTensor tensor, int rows, int columns) =>
        tensor.Is(rows, columns) ? tensor : throw new ModelFileException(Path, UntrustedText.Tensor(tensor.Name),
        $"has dimensions [{string.Join(", ", tensor.Dimensions)}] where the metadata makes it [{columns}{(rows == 1 ? "" : ", " + rows)}]",
            "Convert the checkpoint again");

    public override bool TryAddReference() => _file.TryAddReference();

    public override void ReleaseReference() => _file.ReleaseReference();

    public override void FreeCopies() => _file.FreeCopies();

    public override void Dispose() => _file.Dispose();

    private ModelConfig ReadConfig(GgufFile file)
    {
        Architecture architecture = Architecture.OfGguf(file.Metadata.Get<string>("general.architecture"), file.File.Path);
        ModelConfig config = new(architecture)
        {
            VocabularySize = Vocabulary(file.GetTensor(EmbeddingName)),
            PairsAreNeighbours = architecture.Tensors.Any(spec => spec.PairsRows),
        };
        GgufKeys keys = new(file, architecture.Name);
        foreach (ConfigKey key in architecture.Keys)
            key.Read(keys, config);
        // Each layer has tensors: a number that the file cannot hold is not worth a list.
        if (config.Layers > file.Tensors.Count)
            throw keys.Fault("block_count", $"tells of {config.Layers} layers where the file has {file.Tensors.Count} tensors", "The file is damaged");
        _ = config.Checked(Path);
        config.Present = FindOptional(config);
        config.Lacking = FindLacking(config);
        CheckTensors(config, [.. Enumerable.Range(config.Layers, config.PredictingLayers).Select(layer => $"blk.{layer}.")]);
        return config;
    }

    private int Vocabulary(GgufTensor embedding) => embedding.Sides is [_, long rows]
        ? (int)Math.Min(rows, int.MaxValue)
        : throw new ModelFileException(Path, UntrustedText.Tensor(EmbeddingName),
            $"has dimensions [{string.Join(", ", embedding.Dimensions)}] where a matrix is needed", "Convert the checkpoint again");
}
