using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using MeKi.Model.Files;
using MeKi.Quant;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Model.Gguf;

/// <summary>
/// Reads the part of a GGUF file before the tensor data, by position: nothing of it stays mapped. Nothing is allocated for a length or count before the
/// remaining bytes are known
/// to hold it.
/// </summary>
/// <param name="path">The file, for messages.</param>
/// <param name="file">The file.</param>
/// <param name="fileBytes">Its length.</param>
internal sealed class GgufHeaderReader(string path, SafeFileHandle file, long fileBytes)
{
    private const int MinKeyValueBytes = 8 + 4 + 1;
    private const int MinTensorInfoBytes = 8 + 4 + 4 + 8;
    private const int BufferBytes = 64 << 10;

    private readonly int _end = (int)Math.Min(fileBytes, GgufLayout.MaxHeaderBytes);

    // What was read ahead: bytes from _next to _filled, the first of all at _start of the file.
    private byte[] _buffer = new byte[Math.Min(fileBytes, BufferBytes)];
    private int _start, _next, _filled;

    // What is read, for messages: put together only there.
    private string _what = "";
    private string? _name;
    private int _arrays;

    /// <summary>The next byte to read.</summary>
    internal int Position => _start + _next;

    private bool IsCut => _end < fileBytes;

    private string What => _name is null ? _what : _what + UntrustedText.Quote(_name);

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
        CheckCount(tensors, MinTensorInfoBytes, "tensors", GgufLayout.MaxTensors);
        CheckCount(keyValues, MinKeyValueBytes, "metadata keys", GgufLayout.MaxKeys);
        return ((int)tensors, (int)keyValues);
    }

    /// <summary>Reads one key with its value.</summary>
    internal void ReadKeyValue(GgufMetadata metadata)
    {
        int start = Position;
        string key = ReadName("a metadata key");
        if (metadata.Contains(key))
            throw Wrong(start, $"the metadata key {UntrustedText.Quote(key)} appears twice", "The file is damaged");
        (_what, _name) = ("the value of metadata key ", key);
        metadata[key] = ReadValue((GgufValueType)Read<uint>());
    }

    /// <summary>Reads one tensor info.</summary>
    internal GgufTensorInfo ReadTensor()
    {
        string name = ReadName("a tensor name");
        (_what, _name) = ("the description of tensor ", name);
        uint rank = Read<uint>();
        ReadOnlySpan<byte> sizes = Take((long)rank * sizeof(long));
        if (rank > GgufTensor.MaxDimensions)
            throw Damaged(name, $"has {rank} dimensions where at most {GgufTensor.MaxDimensions} are allowed");
        ImmutableArray<long> dimensions = [.. MemoryMarshal.Cast<byte, long>(sizes)];
        var type = (GgmlType)Read<uint>();
        ulong offset = Read<ulong>();
        return offset <= long.MaxValue ? new(name, type, dimensions, (long)offset) : throw Damaged(name, $"its offset {offset} is out of range");
    }

    private object ReadValue(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 => (object)Read<byte>(),
        GgufValueType.Int8 => Read<sbyte>(),
        GgufValueType.UInt16 => Read<ushort>(),
        GgufValueType.Int16 => Read<short>(),
        GgufValueType.UInt32 => Read<uint>(),
        GgufValueType.Int32 => Read<int>(),
        GgufValueType.Float32 => Read<float>(),
        GgufValueType.Bool => ReadBool(),
        // Descriptions are shown whatever their bytes are.
        GgufValueType.String => Encoding.UTF8.GetString(ReadText(GgufLayout.MaxHeaderBytes)),
        GgufValueType.Array => ReadArray(depth: 1),
        GgufValueType.UInt64 => Read<ulong>(),
        GgufValueType.Int64 => Read<long>(),
        GgufValueType.Float64 => Read<double>(),
        _ => throw UnknownType(type),
    };

    private object ReadArray(int depth)
    {
        if (depth > GgufLayout.MaxArrayDepth)
            throw Wrong(Position, $"{What} nests arrays deeper than {GgufLayout.MaxArrayDepth}", "The file is damaged");
        var type = (GgufValueType)Read<uint>();
        ulong count = Read<ulong>();
        return type switch
        {
            GgufValueType.UInt8 => ReadNumbers<byte>(count),
            GgufValueType.Int8 => ReadNumbers<sbyte>(count),
            GgufValueType.UInt16 => ReadNumbers<ushort>(count),
            GgufValueType.Int16 => ReadNumbers<short>(count),
            GgufValueType.UInt32 => ReadNumbers<uint>(count),
            GgufValueType.Int32 => ReadNumbers<int>(count),
            GgufValueType.Float32 => ReadNumbers<float>(count),
            GgufValueType.Bool => ReadBools(count),
            GgufValueType.String => ReadStrings(count),
            GgufValueType.Array => ReadArrays(count, depth),
            GgufValueType.UInt64 => ReadNumbers<ulong>(count),
            GgufValueType.Int64 => ReadNumbers<long>(count),
            GgufValueType.Float64 => ReadNumbers<double>(count),
            _ => throw UnknownType(type),
        };
    }

    private T[] ReadNumbers<T>(ulong count) where T : unmanaged
    {
        CheckCount(count, Unsafe.SizeOf<T>(), "values");
        var values = new T[count];
        Copy(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    private bool[] ReadBools(ulong count)
    {
        CheckCount(count, 1, "values");
        bool[] values = new bool[count];
        for (int i = 0; i < values.Length; i++)
            values[i] = ReadBool();
        return values;
    }

    private Utf8Strings ReadStrings(ulong count)
    {
        CheckCount(count, sizeof(ulong), "strings");
        // Twice over the same bytes, so that no more memory is taken than the strings need.
        int from = Position, total = 0;
        int[] ends = new int[count];
        for (int i = 0; i < ends.Length; i++)
            ends[i] = total += ReadItem(default);
        byte[] bytes = new byte[total];
        (_start, _next, _filled) = (from, 0, 0);
        for (int i = 0, start = 0; i < ends.Length; start = ends[i++])
            ReadItem(bytes.AsSpan(start));
        return new(bytes, ends);
    }

    /// <summary>Reads a string of an array.</summary>
    /// <param name="target">Receives its bytes, with U+FFFD for what is not UTF-8; empty to measure only.</param>
    /// <returns>Bytes of the string.</returns>
    private int ReadItem(Span<byte> target)
    {
        int at = Position;
        ReadOnlySpan<byte> text = ReadText(GgufLayout.MaxHeaderBytes);
        bool isValid = Utf8.IsValid(text);
        // Another token in the place of the one that was meant would be a wrong result.
        if (!isValid && _name!.StartsWith("tokenizer.", StringComparison.Ordinal))
            throw Wrong(at, $"{What} is not valid UTF-8", "The file is damaged");
        if (!isValid)
            return Repair(text, target);
        if (!target.IsEmpty)
            text.CopyTo(target);
        return text.Length;
    }

    private static int Repair(ReadOnlySpan<byte> text, Span<byte> target)
    {
        int length = 0;
        Span<byte> utf8 = stackalloc byte[4];
        while (!text.IsEmpty)
        {
            Rune.DecodeFromUtf8(text, out Rune rune, out int read);
            text = text[read..];
            int written = rune.EncodeToUtf8(utf8);
            if (!target.IsEmpty)
                utf8[..written].CopyTo(target[length..]);
            length += written;
        }
        return length;
    }

    private Array[] ReadArrays(ulong count, int depth)
    {
        CheckCount(count, sizeof(uint) + sizeof(ulong), "arrays", GgufLayout.MaxArrays - _arrays);
        _arrays += (int)count;
        var values = new Array[count];
        for (int i = 0; i < values.Length; i++)
            values[i] = ReadArray(depth + 1) switch { Utf8Strings texts => texts.ToArray(), object array => (Array)array };
        return values;
    }

    private bool ReadBool()
    {
        byte value = Read<byte>();
        return value <= 1 ? value == 1 : throw Wrong(Position - 1, $"{What} is {value} where a Boolean is 0 or 1", "The file is damaged");
    }

    private string ReadName(string what)
    {
        (_what, _name) = (what, null);
        int start = Position;
        ReadOnlySpan<byte> text = ReadText(GgufLayout.MaxNameBytes);
        return Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw Wrong(start, $"{What} is not valid UTF-8", "The file is damaged");
    }

    private ReadOnlySpan<byte> ReadText(int maxBytes)
    {
        int start = Position;
        ulong length = Read<ulong>();
        return length <= (ulong)maxBytes
            ? Take((long)length)
            : throw Wrong(start, $"{What} claims {length} bytes where at most {maxBytes} are allowed", "The file is damaged");
    }

    private T Read<T>(string what) where T : unmanaged
    {
        _what = what;
        return Read<T>();
    }

    // Models are little-endian and so is every machine this engine runs on.
    private T Read<T>() where T : unmanaged => MemoryMarshal.Read<T>(Take(Unsafe.SizeOf<T>()));

    private ReadOnlySpan<byte> Take(long count, string what)
    {
        _what = what;
        return Take(count);
    }

    /// <summary>The next bytes; valid until the next call.</summary>
    private ReadOnlySpan<byte> Take(long count)
    {
        if (count > _end - Position)
            throw TooShort();
        if (count > _filled - _next)
            Fill((int)count);
        _next += (int)count;
        return _buffer.AsSpan(_next - (int)count, (int)count);
    }

    /// <summary>Copies the next bytes, of which there are so many.</summary>
    private void Copy(Span<byte> target)
    {
        int ready = Math.Min(target.Length, _filled - _next);
        _buffer.AsSpan(_next, ready).CopyTo(target);
        _next += ready;
        if (ready == target.Length)
            return;
        // All that was read ahead is used: the rest comes from the file as it is.
        (_start, _next, _filled) = (Position, 0, 0);
        for (int at = ready; at < target.Length;)
            at += Load(target[at..], ref _start);
    }

    /// <summary>Reads ahead, so many bytes at least.</summary>
    private void Fill(int count)
    {
        byte[] target = count <= _buffer.Length ? _buffer : new byte[count];
        int kept = _filled - _next;
        _buffer.AsSpan(_next, kept).CopyTo(target);
        (_start, _next, _filled, _buffer) = (Position, 0, kept, target);
        int end = _start + kept;
        while (_filled < count)
            _filled += Load(target.AsSpan(_filled), ref end);
    }

    private int Load(Span<byte> target, ref int position)
    {
        int read = RandomAccess.Read(file, target, position);
        position += read;
        return read > 0 ? read : throw Wrong(position, "the file ends here; it became shorter while it was read", "Copy it again");
    }

    private void CheckCount(ulong count, int minBytes, string things, int most = int.MaxValue)
    {
        int remaining = _end - Position;
        if (count > (ulong)(remaining / minBytes))
        {
            string bound = IsCut ? "this engine still reads before the tensors" : "that follow";
            throw Wrong(Position, $"{count} {things}{Where()} do not fit into the {remaining} bytes {bound}",
                "The file is damaged or its download is incomplete");
        }
        if (count > (ulong)most)
            throw Wrong(Position, $"{count} {things}{Where()} are more than the {most} this engine reads", "The file is damaged or not for this engine");
    }

    private string Where() => _name is null ? "" : $" in {What}";

    private ModelFileException TooShort() => IsCut
        ? Wrong(Position, $"{What} lies beyond {GgufLayout.MaxHeaderBytes >> 20} MiB, the most this engine reads before the tensors", "The file is damaged")
        : Wrong(Position, $"the file ends after {_end} bytes, inside {What}", "Download it again; it is incomplete");

    private ModelFileException UnknownType(GgufValueType type) => Wrong(Position, $"{What} has the unknown type {(uint)type}", "The file is damaged");

    private ModelFileException Damaged(string tensor, string problem) => new(path, UntrustedText.Tensor(tensor), problem, "The file is damaged");

    private ModelFileException Wrong(long position, string problem, string remedy) => new(path, $"byte {position}", problem, remedy);
}
