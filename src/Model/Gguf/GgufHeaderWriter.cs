using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using MeKi.Model.Files;

namespace MeKi.Model.Gguf;

/// <summary>Builds the part of a GGUF file before the tensor data; refuses whatever <see cref="GgufHeaderReader"/> would not read back.</summary>
internal sealed class GgufHeaderWriter
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _path;
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private string _place = "";
    private int _arrays;

    private GgufHeaderWriter(string path) => _path = path;

    /// <summary>The header, padded to the alignment.</summary>
    /// <param name="metadata">The key-value section.</param>
    /// <param name="tensors">The tensors.</param>
    /// <param name="offsets">Where each begins, relative to the tensor data.</param>
    /// <param name="alignment">The alignment in bytes.</param>
    internal static ReadOnlyMemory<byte> Write(GgufMetadata metadata, IReadOnlyList<GgufTensorSource> tensors, long[] offsets, int alignment)
    {
        var writer = new GgufHeaderWriter(metadata.Path);
        if (metadata.Count > GgufLayout.MaxKeys || tensors.Count > GgufLayout.MaxTensors)
        {
            throw writer.Wrong($"has {metadata.Count} keys and {tensors.Count} tensors "
                + $"where at most {GgufLayout.MaxKeys} and {GgufLayout.MaxTensors} are allowed");
        }
        writer.WriteBytes(GgufLayout.Magic);
        writer.WriteNumber((uint)GgufLayout.Version);
        writer.WriteNumber((ulong)tensors.Count);
        writer.WriteNumber((ulong)metadata.Count);
        foreach ((string key, object value) in metadata.Raw)
            writer.WriteKeyValue(key, value);
        for (int i = 0; i < offsets.Length; i++)
            writer.WriteTensor(tensors[i], offsets[i]);
        writer._place = $"metadata key '{GgufLayout.AlignmentKey}'";
        long padding = GgufLayout.AlignUp(writer._bytes.WrittenCount, alignment) - writer._bytes.WrittenCount;
        writer.Reserve(padding);
        writer.WriteBytes(new byte[padding]);
        return writer._bytes.WrittenMemory;
    }

    private void WriteKeyValue(string key, object value)
    {
        _place = $"metadata key {UntrustedText.Quote(key)}";
        WriteString(key, GgufLayout.MaxNameBytes);
        WriteNumber((uint)(value is Utf8Strings ? GgufValueType.Array : TypeOf(value.GetType())));
        WriteValue(value);
    }

    private void WriteTensor(GgufTensorSource tensor, long offset)
    {
        _place = UntrustedText.Tensor(tensor.Name);
        WriteString(tensor.Name, GgufLayout.MaxNameBytes);
        WriteNumber((uint)tensor.Dimensions.Length);
        foreach (long dimension in tensor.Dimensions)
            WriteNumber(dimension);
        WriteNumber((uint)tensor.Type);
        WriteNumber(offset);
    }

    private void WriteValue(object value)
    {
        switch (value)
        {
            case byte v: WriteNumber(v); break;
            case sbyte v: WriteNumber(v); break;
            case ushort v: WriteNumber(v); break;
            case short v: WriteNumber(v); break;
            case uint v: WriteNumber(v); break;
            case int v: WriteNumber(v); break;
            case float v: WriteNumber(v); break;
            case bool v: WriteNumber((byte)(v ? 1 : 0)); break;
            case string v: WriteString(v, GgufLayout.MaxHeaderBytes); break;
            case ulong v: WriteNumber(v); break;
            case long v: WriteNumber(v); break;
            case double v: WriteNumber(v); break;
            case Utf8Strings v: WriteTexts(v); break;
            default: WriteArray((Array)value, depth: 1); break;
        }
    }

    private void WriteTexts(Utf8Strings texts)
    {
        WriteNumber((uint)GgufValueType.String);
        WriteNumber((ulong)texts.Count);
        for (int i = 0; i < texts.Count; i++)
        {
            WriteNumber((ulong)texts.Bytes(i).Length);
            WriteBytes(texts.Bytes(i));
        }
    }

    private void WriteArray(Array array, int depth)
    {
        if (depth > GgufLayout.MaxArrayDepth)
            throw Wrong($"nests arrays deeper than {GgufLayout.MaxArrayDepth}");
        GgufValueType type = TypeOf(array.GetType().GetElementType()!);
        WriteNumber((uint)type);
        WriteNumber((ulong)array.Length);
        switch (array)
        {
            case string[] strings:
                foreach (string text in strings)
                    WriteString(text, GgufLayout.MaxHeaderBytes);
                break;
            case Array[] arrays:
                _arrays += arrays.Length;
                if (_arrays > GgufLayout.MaxArrays)
                    throw Wrong($"has more than {GgufLayout.MaxArrays} arrays within arrays");
                foreach (Array inner in arrays)
                    WriteArray(inner, depth + 1);
                break;
            default:
                Reserve((long)array.Length * SizeOf(type));
                WriteBytes(MemoryMarshal.CreateReadOnlySpan(ref MemoryMarshal.GetArrayDataReference(array), Buffer.ByteLength(array)));
                break;
        }
    }

    private void WriteString(string text, int maxBytes)
    {
        byte[] bytes;
        try
        {
            bytes = StrictUtf8.GetBytes(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new ModelFileException(_path, _place, "holds half of a surrogate pair, which UTF-8 cannot say", "", e);
        }
        if (bytes.Length > maxBytes)
            throw Wrong($"holds a name or text of {bytes.Length} bytes where at most {maxBytes} are allowed");
        WriteNumber((ulong)bytes.Length);
        WriteBytes(bytes);
    }

    private void WriteNumber<T>(T value) where T : unmanaged => WriteBytes(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    private void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        _bytes.Write(bytes);
    }

    private void Reserve(long count)
    {
        if (count > GgufLayout.MaxHeaderBytes - _bytes.WrittenCount)
            throw Wrong($"makes the header larger than {GgufLayout.MaxHeaderBytes >> 20} MiB");
    }

    private GgufValueType TypeOf(Type type) => type.IsEnum ? throw NoSuchType(type) : Type.GetTypeCode(type) switch
    {
        TypeCode.Byte => GgufValueType.UInt8,
        TypeCode.SByte => GgufValueType.Int8,
        TypeCode.UInt16 => GgufValueType.UInt16,
        TypeCode.Int16 => GgufValueType.Int16,
        TypeCode.UInt32 => GgufValueType.UInt32,
        TypeCode.Int32 => GgufValueType.Int32,
        TypeCode.Single => GgufValueType.Float32,
        TypeCode.Boolean => GgufValueType.Bool,
        TypeCode.String => GgufValueType.String,
        TypeCode.UInt64 => GgufValueType.UInt64,
        TypeCode.Int64 => GgufValueType.Int64,
        TypeCode.Double => GgufValueType.Float64,
        // A rectangular array (int[,]) has no place in the format: only vectors.
        _ => type == typeof(Array) || type.IsSZArray ? GgufValueType.Array : throw NoSuchType(type),
    };

    private static int SizeOf(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        _ => 8,
    };

    private ModelFileException NoSuchType(Type type) => Wrong($"has type {type.Name}, which GGUF does not have");

    private ModelFileException Wrong(string problem) => new(_path, _place, problem);
}
