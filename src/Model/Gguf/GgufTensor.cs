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

    /// <summary>The file that holds the bytes; null for a tensor that a <see cref="GgufWriter"/> will write.</summary>
    public MappedFile? File { get; init; }

    /// <summary>First byte, counted from the start of the file; a multiple of the file's alignment.</summary>
    public required long Offset { get; init; }

    /// <summary>Size in bytes, without padding. For a type that this engine does not know: up to the next tensor or the end of the file.</summary>
    public required long ByteLength { get; init; }

    /// <summary>The dimensions without those of 1 at the end, which say nothing: [k, n, 1] is a matrix, and [n, 1] one of a row.</summary>
    internal ReadOnlySpan<long> Sides
    {
        get
        {
            ReadOnlySpan<long> sides = Dimensions.AsSpan();
            while (sides is [_, _, .., 1])
                sides = sides[..^1];
            return sides;
        }
    }

    /// <summary>Whether the tensor is a matrix of these sides, or several that have them together, or a vector where it has one row.</summary>
    internal bool Is(long rows, long columns) => Sides switch
    {
        [long length] => rows == 1 && length == columns,
        [long width, long height] => width == columns && height == rows,
        [long width, long height, long slices] => width == columns && (Int128)height * slices == rows,
        _ => false,
    };

    /// <summary>The size in bytes of a tensor; null where the type is not known.</summary>
    /// <exception cref="ModelFileException">More than four dimensions, a row of broken blocks, or a size beyond 2^63.</exception>
    internal static long? Measure(string path, string name, GgmlType type, ImmutableArray<long> dimensions)
    {
        if (dimensions.Length > MaxDimensions)
            throw Wrong($"has {dimensions.Length} dimensions where at most {MaxDimensions} are allowed");
        foreach (long dimension in dimensions)
        {
            if (dimension < 0)
                throw Wrong($"has the dimension {(ulong)dimension}, which is out of range");
        }
        if (!GgmlTypeLayout.TryGetLayout(type, out int blockSize, out int blockBytes))
            return dimensions.Contains(0) ? 0 : null;
        long row = dimensions.IsEmpty ? 1 : dimensions[0];
        if (row % blockSize != 0)
            throw Wrong($"has rows of {row} values, which is not a multiple of the {blockSize} values in a block of {type}");
        try
        {
            long bytes = checked(row / blockSize * blockBytes);
            for (int i = 1; i < dimensions.Length; i++)
                bytes = checked(bytes * dimensions[i]);
            return bytes;
        }
        catch (OverflowException e)
        {
            throw Wrong($"is larger than any file ({string.Join(" x ", dimensions)})", e);
        }

        ModelFileException Wrong(string problem, Exception? cause = null) => new(path, UntrustedText.Tensor(name), problem, "The file is damaged", cause);
    }
}
