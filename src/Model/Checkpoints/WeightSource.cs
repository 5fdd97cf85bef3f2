using MeKi.Kernels;
using MeKi.Kernels.Allocation;

namespace MeKi.Model.Checkpoints;

/// <summary>Tensors by the names that GGUF gives them (docs/formats.md), wherever they lie and whatever the file calls them.</summary>
internal abstract class WeightSource : IDisposable
{
    private readonly Arena _packed = new(64 << 20, hugePages: true);

    /// <summary>The file or folder that errors name.</summary>
    public abstract string Path { get; }

    /// <summary>What a user should know of the files and no error says; see <see cref="LoadReport.Warnings"/>. Untrusted text in a line is quoted.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>The tensor, or null where the source has none of that name.</summary>
    /// <exception cref="ModelFileException">The tensor has another shape or an undecodable type.</exception>
    public abstract WeightMatrix? Find(string name, int rows, int columns);

    /// <summary>What the file itself calls a tensor, for messages.</summary>
    public abstract string OriginalName(string name);

    /// <summary>The tensor, [rows × columns].</summary>
    /// <exception cref="ModelFileException">There is none of that name, or it has another shape or an undecodable type.</exception>
    public WeightMatrix Matrix(string name, int rows, int columns) => Find(name, rows, columns) ?? throw Missing(name);

    /// <summary>The tensor in panels: where the file has them, else packed anew, [rows × columns].</summary>
    /// <exception cref="ModelFileException">As for <see cref="Matrix"/>.</exception>
    public virtual PanelMatrix Panels(string name, int rows, int columns, ComputePool pool) => PanelMatrix.Pack(Matrix(name, rows, columns), pool, arena: _packed);

    /// <summary>The tensor, decoded to float32, [length].</summary>
    /// <exception cref="ModelFileException">As for <see cref="Matrix"/>.</exception>
    public float[] Vector(string name, int length)
    {
        float[] values = new float[length];
        Matrix(name, 1, length).DecodeRow(0, values);
        return values;
    }

    /// <summary>Keeps the mapped files in place while weights are used; false once disposed.</summary>
    public abstract bool TryAddReference();

    /// <summary>Undoes a successful <see cref="TryAddReference"/>.</summary>
    public abstract void ReleaseReference();

    /// <summary>Gives back the memory of files that were read and not mapped, once no matrix lies in them.</summary>
    public abstract void FreeCopies();

    public abstract void Dispose();

    /// <summary>What the file itself calls its tensors.</summary>
    protected abstract IEnumerable<string> FileNames { get; }

    /// <summary>What the file calls the tensor that it has for one of our names; null where it has none.</summary>
    protected abstract string? NameInFile(string name);

    /// <summary>Whether any layer has a tensor.</summary>
    /// <param name="config">The model.</param>
    /// <param name="name">The tensor, without the <c>blk.N.</c> of the layer.</param>
    protected bool HasInAnyLayer(ModelConfig config, string name) =>
        Enumerable.Range(0, config.Layers).Any(layer => NameInFile($"blk.{layer}.{name}") is not null);

    /// <summary>Refuses a file that lacks a tensor, and one with a tensor that would not be used: what was trained would not be computed.</summary>
    /// <param name="config">The model, checked.</param>
    /// <param name="global">Tensors beside the layers that it needs, by our names.</param>
    /// <param name="ofLayer">Tensors that each layer needs, without their <c>blk.N.</c></param>
    /// <param name="ofNoUse">Tensors that may be there, by the file's names; a name that ends in a dot is what such names begin with.</param>
    /// <exception cref="ModelFileException">There is such a tensor.</exception>
    protected void CheckTensors(ModelConfig config, IEnumerable<string> global, IReadOnlyList<string> ofLayer, IReadOnlyCollection<string> ofNoUse)
    {
        HashSet<string> used = [];
        foreach (string name in global)
            used.Add(NameInFile(name) ?? throw Missing(name));
        // Ends at the first that is missing: a number of layers is believed only as far as the file goes.
        for (int layer = 0; layer < config.Layers; layer++)
        {
            foreach (string name in ofLayer)
                used.Add(NameInFile($"blk.{layer}.{name}") ?? throw Missing($"blk.{layer}.{name}"));
        }
        string? unused = FileNames.FirstOrDefault(name => !used.Contains(name) && !UnusedTensors.Contain(name)
            && !ofNoUse.Any(each => each.EndsWith('.') ? name.StartsWith(each, StringComparison.Ordinal) : name == each));
        if (unused is not null)
        {
            throw new ModelFileException(Path, UntrustedText.Tensor(unused),
                $"is none that this model of {config.Layers} layers uses: it would compute something else than what was trained",
                "Take a file of a supported variant, or correct the configuration");
        }
    }

    private ModelFileException Missing(string name) =>
        new(Path, $"tensor '{OriginalName(name)}'", "is missing", "The checkpoint is incomplete or its configuration tells of another model");
}
