using System.Collections.Immutable;
using MeKi.Model.Files;
using MeKi.Quant;

namespace MeKi.Model.Gguf;

/// <summary>Where one tensor of a GGUF file lies and what it is.</summary>
public sealed class GgufTensor
{
    internal const int MaxDimensions = 4;

    /// <summary>The name, unique in its file.</summary>
    public required string Name { get; init; }

    /// <summary>How the values are stored.</summary>
    public required GgmlType Type { get; init; }

    /// <summary>Values along each dimension in GGUF order: the first runs fastest. At most four; none for a single value.</summary>
    public required ImmutableArray<long> Dimensions { get; init; }

    /// <summary>First byte, counted from the start of the file; a multiple of the file's alignment.</summary>
    public required long Offset { get; init; }

    /// <summary>Size in bytes, without padding.</summary>
    public required long ByteLength { get; init; }

    /// <summary>The size in bytes of a tensor.</summary>
    /// <exception cref="ModelFileException">Unknown type, more than four dimensions, a row of broken blocks, or a size beyond 2^63.</exception>
    internal static long Measure(string path, string name, GgmlType type, ImmutableArray<long> dimensions)
    {
        if (!GgmlTypeLayout.TryGetLayout(type, out int blockSize, out int blockBytes))
            throw Wrong($"has the unknown type {(uint)type}", "The file needs a newer version of this engine, or is damaged");
        if (dimensions.Length > MaxDimensions)
            throw Wrong($"has {dimensions.Length} dimensions where at most {MaxDimensions} are allowed", "The file is damaged");
        foreach (long dimension in dimensions)
        {
            if (dimension < 0)
                throw Wrong($"has the dimension {(ulong)dimension}, which is out of range", "The file is damaged");
        }
        long row = dimensions.IsEmpty ? 1 : dimensions[0];
        if (row % blockSize != 0)
            throw Wrong($"has rows of {row} values, which is not a multiple of the {blockSize} values in a block of {type}", "The file is damaged");
        try
        {
            long bytes = checked(row / blockSize * blockBytes);
            for (int i = 1; i < dimensions.Length; i++)
                bytes = checked(bytes * dimensions[i]);
            return bytes;
        }
        catch (OverflowException e)
        {
            string problem = $"is larger than any file ({string.Join(" x ", dimensions)})";
            throw new ModelFileException(path, UntrustedText.Tensor(name), problem, "The file is damaged", e);
        }

        ModelFileException Wrong(string problem, string remedy) => new(path, UntrustedText.Tensor(name), problem, remedy);
    }
}
