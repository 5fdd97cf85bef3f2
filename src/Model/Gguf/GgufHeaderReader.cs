using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using MeKi.Model.Files;
using MeKi.Quant;

namespace MeKi.Model.Gguf;

/// <summary>
/// Reads the part of a GGUF file before the tensor data. Nothing is allocated for a length or count before the remaining bytes are known to hold it.
/// </summary>
internal ref struct GgufHeaderReader
{
    private const int MinKeyValueBytes = 8 + 4 + 1;
    private const int MinTensorInfoBytes = 8 + 4 + 4 + 8;

    private readonly string _path;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly bool _isCut;
    private int _position;

    /// <param name="path">The file, for messages.</param>
    /// <param name="bytes">The file from its start, all of it or <see cref="GgufLayout.MaxHeaderBytes"/>.</param>
    /// <param name="isCut">Whether the file goes on after <paramref name="bytes"/>.</param>
    internal GgufHeaderReader(string path, ReadOnlySpan<byte> bytes, bool isCut)
    {
        _path = path;
        _bytes = bytes;
        _isCut = isCut;
    }

    /// <summary>The next byte to read.</summary>
    internal readonly int Position => _position;

    /// <summary>Reads magic, version and both counts.</summary>
    internal (int Tensors, int KeyValues) ReadCounts()
    {
        ReadOnlySpan<byte> magic = Take(4, "the magic number");
        if (!magic.SequenceEqual(GgufLayout.Magic))
            throw Wrong(0, $"is not a GGUF file: it starts with the bytes {Convert.ToHexString(magic)}", "Give a .gguf file");
        uint version = Read<uint>("the version");
        if (version != 0 && (version & 0xFFFF) == 0)
            throw Wrong(4, "is a big-endian GGUF file", "Use the little-endian file of the model");
        if (version is not (2 or 3))
            throw Wrong(4, $"is GGUF version {version}; this engine reads versions 2 and 3", "Convert the checkpoint again with a current tool");
        ulong tensors = Read<ulong>("the number of tensors");
        ulong keyValues = Read<ulong>("the number of metadata keys");
        CheckCount(tensors, MinTensorInfoBytes, "tensors");
        CheckCount(keyValues, MinKeyValueBytes, "metadata keys");
        return ((int)tensors, (int)keyValues);
    }

    /// <summary>Reads one key with its value.</summary>
    internal void ReadKeyValue(GgufMetadata metadata)
    {
        int start = _position;
        string key = ReadName("a metadata key");
        if (metadata.Contains(key))
            throw Wrong(start, $"the metadata key {UntrustedText.Quote(key)} appears twice", "The file is damaged");
        string what = $"the value of metadata key {UntrustedText.Quote(key)}";
        metadata[key] = ReadValue((GgufValueType)Read<uint>(what), what, depth: 0);
    }

    /// <summary>Reads one tensor info.</summary>
    /// <returns>The tensor with its offset still relative to the tensor data.</returns>
    internal GgufTensor ReadTensor()
    {
        string name = ReadName("a tensor name");
        string what = $"the description of {UntrustedText.Tensor(name)}";
        uint rank = Read<uint>(what);
        ImmutableArray<long> dimensions = [.. MemoryMarshal.Cast<byte, long>(Take((long)rank * sizeof(long), what))];
        var type = (GgmlType)Read<uint>(what);
        ulong offset = Read<ulong>(what);
        if (offset > long.MaxValue)
            throw new ModelFileException(_path, UntrustedText.Tensor(name), $"its offset {offset} is out of range", "The file is damaged");
        return new()
        {
            Name = name,
            Type = type,
            Dimensions = dimensions,
            Offset = (long)offset,
            ByteLength = GgufTensor.Measure(_path, name, type, dimensions),
        };
    }

    private object ReadValue(GgufValueType type, string what, int depth) => type switch
    {
        GgufValueType.UInt8 => (object)Read<byte>(what),
        GgufValueType.Int8 => Read<sbyte>(what),
        GgufValueType.UInt16 => Read<ushort>(what),
        GgufValueType.Int16 => Read<short>(what),
        GgufValueType.UInt32 => Read<uint>(what),
        GgufValueType.Int32 => Read<int>(what),
        GgufValueType.Float32 => Read<float>(what),
        GgufValueType.Bool => ReadBool(what),
        GgufValueType.String => ReadString(GgufLayout.MaxHeaderBytes, what),
        GgufValueType.Array => ReadArray(what, depth + 1),
        GgufValueType.UInt64 => Read<ulong>(what),
        GgufValueType.Int64 => Read<long>(what),
        GgufValueType.Float64 => Read<double>(what),
        _ => throw UnknownType(type, what),
    };

    private object ReadArray(string what, int depth)
    {
        if (depth > GgufLayout.MaxArrayDepth)
            throw Wrong(_position, $"{what} nests arrays deeper than {GgufLayout.MaxArrayDepth}", "The file is damaged");
        var type = (GgufValueType)Read<uint>(what);
        ulong count = Read<ulong>(what);
        return type switch
        {
            GgufValueType.UInt8 => ReadNumbers<byte>(count, what),
            GgufValueType.Int8 => ReadNumbers<sbyte>(count, what),
            GgufValueType.UInt16 => ReadNumbers<ushort>(count, what),
            GgufValueType.Int16 => ReadNumbers<short>(count, what),
            GgufValueType.UInt32 => ReadNumbers<uint>(count, what),
            GgufValueType.Int32 => ReadNumbers<int>(count, what),
            GgufValueType.Float32 => ReadNumbers<float>(count, what),
            GgufValueType.Bool => ReadBools(count, what),
            GgufValueType.String => ReadStrings(count, what),
            GgufValueType.Array => ReadArrays(count, what, depth),
            GgufValueType.UInt64 => ReadNumbers<ulong>(count, what),
            GgufValueType.Int64 => ReadNumbers<long>(count, what),
            GgufValueType.Float64 => ReadNumbers<double>(count, what),
            _ => throw UnknownType(type, what),
        };
    }

    private T[] ReadNumbers<T>(ulong count, string what) where T : unmanaged
    {
        CheckCount(count, Unsafe.SizeOf<T>(), $"values in {what}");
        return MemoryMarshal.Cast<byte, T>(Take((long)count * Unsafe.SizeOf<T>(), what)).ToArray();
    }

    private bool[] ReadBools(ulong count, string what)
    {
        CheckCount(count, 1, $"values in {what}");
        bool[] values = new bool[count];
        for (int i = 0; i < values.Length; i++)
            values[i] = ReadBool(what);
        return values;
    }

    private Utf8Strings ReadStrings(ulong count, string what)
    {
        CheckCount(count, sizeof(ulong), $"strings in {what}");
        int from = _position, total = 0;
        int[] ends = new int[count];
        for (int i = 0; i < ends.Length; i++)
            ends[i] = total += ReadText(GgufLayout.MaxHeaderBytes, what).Length;
        byte[] bytes = new byte[total];
        for (int i = 0, start = 0; i < ends.Length; start = ends[i++])
            _bytes[(from + (i + 1) * sizeof(ulong) + start)..][..(ends[i] - start)].CopyTo(bytes.AsSpan(start));
        return new(bytes, ends);
    }

    private Array[] ReadArrays(ulong count, string what, int depth)
    {
        CheckCount(count, sizeof(uint) + sizeof(ulong), $"arrays in {what}");
        var values = new Array[count];
        for (int i = 0; i < values.Length; i++)
            values[i] = ReadArray(what, depth + 1) switch { Utf8Strings texts => texts.ToArray(), object array => (Array)array };
        return values;
    }

    private bool ReadBool(string what)
    {
        byte value = Read<byte>(what);
        return value <= 1 ? value == 1 : throw Wrong(_position - 1, $"{what} is {value} where a Boolean is 0 or 1", "The file is damaged");
    }

    private string ReadName(string what) => ReadString(GgufLayout.MaxNameBytes, what);

    private string ReadString(int maxBytes, string what) => Encoding.UTF8.GetString(ReadText(maxBytes, what));

    private ReadOnlySpan<byte> ReadText(int maxBytes, string what)
    {
        int start = _position;
        ulong length = Read<ulong>(what);
        if (length > (ulong)maxBytes)
            throw Wrong(start, $"{what} claims {length} bytes where at most {maxBytes} are allowed", "The file is damaged");
        ReadOnlySpan<byte> text = Take((long)length, what);
        return Utf8.IsValid(text) ? text : throw Wrong(start, $"{what} is not valid UTF-8", "The file is damaged");
    }

    // Models are little-endian and so is every machine this engine runs on.
    private T Read<T>(string what) where T : unmanaged => MemoryMarshal.Read<T>(Take(Unsafe.SizeOf<T>(), what));

    private ReadOnlySpan<byte> Take(long count, string what)
    {
        if (count > _bytes.Length - _position)
            throw TooShort(what);
        ReadOnlySpan<byte> taken = _bytes.Slice(_position, (int)count);
        _position += (int)count;
        return taken;
    }

    private readonly void CheckCount(ulong count, int minBytes, string what)
    {
        int remaining = _bytes.Length - _position;
        if (count <= (ulong)(remaining / minBytes))
            return;
        string bound = _isCut ? "this engine still reads before the tensors" : "that follow";
        throw Wrong(_position, $"{count} {what} do not fit into the {remaining} bytes {bound}", "The file is damaged or its download is incomplete");
    }

    private readonly ModelFileException TooShort(string what) => _isCut
        ? Wrong(_position, $"{what} lies beyond {GgufLayout.MaxHeaderBytes >> 20} MiB, the most this engine reads before the tensors", "The file is damaged")
        : Wrong(_position, $"the file ends after {_bytes.Length} bytes, inside {what}", "Download it again; it is incomplete");

    private readonly ModelFileException UnknownType(GgufValueType type, string what) =>
        Wrong(_position, $"{what} has the unknown type {(uint)type}", "The file is damaged");

    private readonly ModelFileException Wrong(long position, string problem, string remedy) => new(_path, $"byte {position}", problem, remedy);
}
