using System.Collections.Immutable;

namespace MeKi.Model.Files;

/// <summary>The element types of a safetensors file that fill whole bytes; names as in the format.</summary>
public enum SafetensorsDType
{
    /// <summary>One byte, 0 or 1.</summary>
    BOOL,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>8-bit float, 5 exponent and 2 mantissa bits.</summary>
    F8_E5M2,

    /// <summary>8-bit float, 4 exponent and 3 mantissa bits.</summary>
    F8_E4M3,

    /// <summary>8-bit power of two (OCP microscaling scale).</summary>
    F8_E8M0,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>IEEE 754 binary16.</summary>
    F16,

    /// <summary>The upper half of a binary32.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>IEEE 754 binary64.</summary>
    F64,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,

    /// <summary>A type that this engine does not know. Such a tensor cannot be used.</summary>
    Unknown,
}

/// <summary>One tensor of a safetensors file.</summary>
public sealed class SafetensorsTensor
{
    /// <summary>The file that holds the bytes.</summary>
    public required MappedFile File { get; init; }

    /// <summary>The name, unique in its file.</summary>
    public required string Name { get; init; }

    /// <summary>How the values are stored.</summary>
    public required SafetensorsDType DType { get; init; }

    /// <summary>The type's name in the file.</summary>
    internal string DTypeName { get; init; } = "";

    /// <summary>Values along each dimension in row-major order: the last runs fastest. Empty for a single value.</summary>
    public required ImmutableArray<long> Shape { get; init; }

    /// <summary>First byte, counted from the start of the file. The format promises no alignment.</summary>
    public required long Offset { get; init; }

    /// <summary>Size in bytes.</summary>
    public required long ByteLength { get; init; }

    /// <summary>
    /// Whether the tensor is a matrix of these sides, a vector where it has one row, or a single value. Dimensions of 1 at the end do not count: [n, 1] is a
    /// vector, [n, k, 1] a matrix.
    /// </summary>
    internal bool Is(long rows, long columns)
    {
        for (ReadOnlySpan<long> sides = Shape.AsSpan(); ; sides = sides[..^1])
        {
            bool fits = sides switch
            {
                [] => rows == 1 && columns == 1,
                [long length] => rows == 1 && length == columns,
                [long height, long width] => height == rows && width == columns,
                _ => false,
            };
            if (fits || sides is not [.., _, 1])
                return fits;
        }
    }
}
