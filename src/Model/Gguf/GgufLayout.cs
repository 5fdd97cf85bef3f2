using System.Numerics;

namespace MeKi.Model.Gguf;

/// <summary>The constants and rules of the GGUF format that its reader and its writer share.</summary>
internal static class GgufLayout
{
    internal const int Version = 3;
    internal const string AlignmentKey = "general.alignment";

    /// <summary>The specification's limit for keys; taken for tensor names too, where it has no reader of its own.</summary>
    internal const int MaxNameBytes = ushort.MaxValue;

    /// <summary>Deepest nesting of arrays. The specification sets none; no known file nests at all.</summary>
    internal const int MaxArrayDepth = 8;

    /// <summary>Most bytes before the tensor data. A vocabulary takes some MB; a limit keeps a damaged count from filling the memory.</summary>
    internal const int MaxHeaderBytes = 256 << 20;

    /// <summary>Most keys, tensors, and arrays within arrays of a file. None has a tenth of them, and each takes many times as much memory as its bytes in
    /// the file.</summary>
    internal const int MaxKeys = 1 << 16, MaxTensors = 1 << 16, MaxArrays = 1 << 16;

    private const int DefaultAlignment = 32;

    internal static ReadOnlySpan<byte> Magic => "GGUF"u8;

    /// <summary>The alignment of tensor data in bytes.</summary>
    /// <exception cref="ModelFileException">It is not a power of two.</exception>
    internal static int AlignmentOf(GgufMetadata metadata)
    {
        int alignment = metadata.TryGetInt(AlignmentKey) ?? DefaultAlignment;
        return alignment > 0 && BitOperations.IsPow2(alignment)
            ? alignment
            : throw new ModelFileException(metadata.Path, $"metadata key '{AlignmentKey}'", $"{alignment} is not a power of two", "The file is damaged");
    }

    /// <summary>Rounds up to a multiple of a power of two.</summary>
    internal static long AlignUp(long value, int alignment) => checked(value + (alignment - 1)) & ~(alignment - 1L);
}

/// <summary>The types of a metadata value, with the ids of the GGUF specification.</summary>
internal enum GgufValueType : uint
{
    UInt8 = 0,
    Int8 = 1,
    UInt16 = 2,
    Int16 = 3,
    UInt32 = 4,
    Int32 = 5,
    Float32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    UInt64 = 10,
    Int64 = 11,
    Float64 = 12,
}
