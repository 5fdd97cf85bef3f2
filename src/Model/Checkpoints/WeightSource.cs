using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Kernels.Allocation;
using MeKi.Model.Architectures;
using MeKi.Store;

namespace MeKi.Model.Checkpoints;

/// <summary>The tensors of an architecture's table, wherever they lie and whatever the file calls them.</summary>
internal abstract class WeightSource : IDisposable
{
    private readonly Arena _packed = new(64 << 20, hugePages: true);

    /// <summary>The file or folder that errors name.</summary>
    public abstract string Path { get; }

    /// <summary>What the file tells of the model.</summary>
    public abstract ModelConfig Config { get; }

    /// <summary>What a user should know of the files and no error says; see <see cref="LoadReport.Warnings"/>. Untrusted text in a line is quoted.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Every tensor's name, used or not.</summary>
    protected abstract IEnumerable<string> Names { get; }

    /// <summary>Where a tensor of the table may lie, the usual place first.</summary>
    protected abstract IEnumerable<TensorPlace> Places(TensorSpec spec, ModelConfig config, int layer);

    /// <summary>Whether the source has a tensor.</summary>
    protected abstract bool Has(string name);

    /// <summary>A whole tensor of the file, [rows × columns].</summary>
    /// <param name="name">Its name; it is there.</param>
    /// <param name="rows">Rows it must have; 1 for a vector.</param>
    /// <param name="columns">Columns it must have.</param>
    /// <param name="overVocabulary">Whether it may have more rows, which no token uses.</param>
    /// <exception cref="ModelFileException">The tensor has another shape or an undecodable type.</exception>
    protected abstract WeightMatrix Whole(string name, int rows, int columns, bool overVocabulary);

    /// <summary>What the file itself calls a tensor, for messages.</summary>
    public string NameOf(TensorSpec spec, int layer) =>
        Locate(spec, Config, layer)?.Name ?? Places(spec, Config, layer).Select(place => place.Name).FirstOrDefault(spec.Gguf.Name);

    /// <summary>Whether the source has a tensor of the table.</summary>
    public bool Has(TensorSpec spec, int layer) => Locate(spec, Config, layer) is not null;

    /// <summary>A tensor, [rows × columns].</summary>
    /// <exception cref="ModelFileException">There is none, or it has another shape or an undecodable type.</exception>
    public WeightMatrix Matrix(TensorSpec spec, int layer)
    {
        if (Locate(spec, Config, layer) is not { } place)
            throw Missing(spec, Config, layer);
        (int rows, int columns) = (spec.Rows(Config, layer), spec.Columns(Config, layer));
        return place.Part is not { } part ? Whole(place.Name, rows, columns, spec.OverVocabulary)
            : Whole(place.Name, rows / part.Rows * part.Period, columns, overVocabulary: false).Slice(part.First, part.Rows, part.Period);
    }

    /// <summary>A tensor in panels: where the file has them, else packed anew, [rows × columns].</summary>
    /// <exception cref="ModelFileException">As for <see cref="Matrix"/>.</exception>
    public virtual PanelMatrix Panels(TensorSpec spec, int layer, ComputePool pool)
    {
        PanelMatrix packed = PanelMatrix.Pack(Matrix(spec, layer), pool, arena: _packed);
        // Of a stacked tensor the other parts are read once more, from the page cache.
        LetGo(Locate(spec, Config, layer)!.Value.Name);
        return packed;
    }

    /// <summary>Bytes that <see cref="Panels"/> gives: in place, or packed; and those that it reads to pack them.</summary>
    /// <exception cref="ModelFileException">As for <see cref="Matrix"/>.</exception>
    public virtual (long InPlace, long Packed, long Read) BytesOf(TensorSpec spec, int layer)
    {
        WeightMatrix rows = Matrix(spec, layer);
        return (0, PanelMatrix.FormatFor(rows).PanelsBytes(rows.Rows, rows.Columns), rows.ByteLength);
    }

    /// <summary>The file that weights lie in, or the first of several.</summary>
    public abstract string FirstFile { get; }

    /// <summary>Bytes of the files that <see cref="LoadOptions.CopyWeights"/> reads into memory.</summary>
    public abstract long FileBytes { get; }

    /// <summary>Bytes that the tokenizer is made of.</summary>
    public abstract long TextBytes { get; }

    /// <summary>A tensor, decoded to float32, [length].</summary>
    /// <exception cref="ModelFileException">As for <see cref="Matrix"/>.</exception>
    public float[] Vector(TensorSpec spec, int layer)
    {
        float[] values = new float[spec.Columns(Config, layer)];
        Matrix(spec, layer).DecodeRow(0, values);
        if (OffsetOf(spec) is not 0 and float offset)
            TensorPrimitives.Add(values, offset, values);
        return values;
    }

    /// <summary>A small matrix, decoded to float32, [rows × columns].</summary>
    /// <exception cref="ModelFileException">As for <see cref="Matrix"/>.</exception>
    public float[] Values(TensorSpec spec, int layer)
    {
        WeightMatrix matrix = Matrix(spec, layer);
        float[] values = new float[checked(matrix.Rows * matrix.Columns)];
        for (int row = 0; row < matrix.Rows; row++)
            matrix.DecodeRow(row, values.AsSpan(row * matrix.Columns, matrix.Columns));
        return values;
    }

    /// <summary>What is to be added to a tensor's values.</summary>
    protected virtual float OffsetOf(TensorSpec spec) => 0;

    /// <summary>Takes a tensor that was packed out of the process's memory.</summary>
    /// <param name="name">Its name; it is there.</param>
    protected abstract void LetGo(string name);

    /// <summary>Opens the model's table of rows where it lies; see <see cref="ModelConfig.HasTable"/>.</summary>
    /// <exception cref="ModelFileException">It does not fit the model, or the file is another one by now.</exception>
    public RowTableStore OpenTable(RowStoreOptions? options = null)
    {
        TensorSpec spec = Config.SpecOf(Role.RowTable);
        RowTable table = Table((Locate(spec, Config, 0) ?? throw Missing(spec, Config, 0)).Name);
        try
        {
            return RowTableStore.Open(table, Config.VocabularySize, Config.Layers, Config.MemoryDimension, options);
        }
        catch (RowFileException failure)
        {
            throw new ModelFileException(failure.Path, failure.Place, failure.Problem, failure.Remedy, failure);
        }
    }

    /// <summary>Where a matrix lies whose rows are read one by one; nothing of it is checked.</summary>
    /// <param name="name">Its name; it is there.</param>
    protected abstract RowTable Table(string name);

    /// <summary>Keeps the mapped files in place while weights are used; false once disposed.</summary>
    public abstract bool TryAddReference();

    /// <summary>Undoes a successful <see cref="TryAddReference"/>.</summary>
    public abstract void ReleaseReference();

    /// <summary>Lets go of files that were read into memory, once nothing is read from them any more.</summary>
    public abstract void FreeCopies();

    public abstract void Dispose();

    /// <summary>Finds which of the tensors that files may go without there are.</summary>
    protected HashSet<Role> FindOptional(ModelConfig config)
    {
        HashSet<Role> present = [];
        foreach (IGrouping<Role, TensorSpec> together in config.Architecture.Tensors.Where(spec => spec.Optional && (spec.When?.Invoke(config) ?? true))
            .GroupBy(spec => spec.With ?? spec.Role))
        {
            // What a model without a projection would multiply it with says nothing.
            if (together.Any(spec => spec.Role != Role.Beta && spec.Layers(config).Any(layer => Locate(spec, config, layer) is not null)))
                present.UnionWith(together.Select(spec => spec.Role));
        }
        return present;
    }

    /// <summary>Finds which of the tensors that files may go without in some layers are not there.</summary>
    protected HashSet<(Role Role, int Layer)> FindLacking(ModelConfig config) => [.. config.Tensors.Where(spec => spec.Spare is not null)
        .SelectMany(spec => spec.Layers(config).Where(layer => spec.Spare!(config, layer) && Locate(spec, config, layer) is null)
            .Select(layer => (spec.Role, layer)))];

    /// <summary>
    /// Refuses a model that lacks a tensor, and one with a tensor that would not be used: either computes something else than it was trained for.
    /// </summary>
    /// <param name="config">The model.</param>
    /// <param name="ofNoUse">Tensors that may be there; a name that ends in a dot is what such names begin with.</param>
    /// <exception cref="ModelFileException">There is such a tensor.</exception>
    protected void CheckTensors(ModelConfig config, IReadOnlyCollection<string> ofNoUse)
    {
        HashSet<string> used = [];
        // Layer by layer: a number of layers is believed only as far as the file goes.
        for (int layer = 0; layer < config.Layers; layer++)
        {
            foreach (TensorSpec spec in config.Tensors.Where(spec => layer == 0 || spec.PerLayer))
            {
                if (config.Has(spec, layer) && Places(spec, config, layer).Any())
                    used.Add(Locate(spec, config, layer)?.Name ?? throw Missing(spec, config, layer));
            }
        }
        string? unused = Names.FirstOrDefault(name => !used.Contains(name) && !UnusedTensors.Contain(name)
            && !ofNoUse.Any(each => each.EndsWith('.') ? name.StartsWith(each, StringComparison.Ordinal) : name == each));
        if (unused is not null)
        {
            throw new ModelFileException(Path, UntrustedText.Tensor(unused),
                $"is none that this model of {config.Layers} layers uses: it would compute something else than what was trained",
                "Take a file of a supported variant, or correct the configuration");
        }
    }

    private TensorPlace? Locate(TensorSpec spec, ModelConfig config, int layer)
    {
        foreach (TensorPlace place in Places(spec, config, layer))
        {
            if (Has(place.Name))
                return place;
        }
        return null;
    }

    protected ModelFileException Missing(TensorSpec spec, ModelConfig config, int layer) =>
        new(Path, UntrustedText.Tensor(Places(spec, config, layer).Select(place => place.Name).FirstOrDefault(spec.Gguf.Name)), "is missing",
            "The checkpoint is incomplete or its configuration tells of another model");
}
