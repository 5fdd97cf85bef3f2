using MeKi.Kernels;
using MeKi.Kernels.Allocation;

namespace MeKi.Model.Checkpoints;

/// <summary>Tensors by the names that GGUF gives them (docs/formats.md), wherever they lie and whatever the file calls them.</summary>
internal abstract class WeightSource : IDisposable
{
    private readonly Arena _packed = new(64 << 20, hugePages: true);

    /// <summary>The file or folder that errors name.</summary>
    public abstract string Path { get; }

    /// <summary>The tensor, or null where the source has none of that name.</summary>
    /// <exception cref="ModelFileException">The tensor has another shape or an undecodable type.</exception>
    public abstract WeightMatrix? Find(string name, int rows, int columns);

    /// <summary>What the file itself calls a tensor, for messages.</summary>
    public abstract string OriginalName(string name);

    /// <summary>The tensor, [rows × columns].</summary>
    /// <exception cref="ModelFileException">There is none of that name, or it has another shape or an undecodable type.</exception>
    public WeightMatrix Matrix(string name, int rows, int columns) => Find(name, rows, columns)
        ?? throw new ModelFileException(Path, $"tensor '{OriginalName(name)}'", "is missing", "The checkpoint is incomplete or its configuration tells of another model");

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
}
