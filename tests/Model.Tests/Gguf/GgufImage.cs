using System.Text;
using MeKi.Quant;

namespace MeKi.Model.Tests.Gguf;

/// <summary>A GGUF file made by hand, independent of the writer under test; every count can be overridden to tell a lie.</summary>
internal sealed class GgufImage
{
    private readonly List<byte[]> _keyValues = [];
    private readonly List<byte[]> _tensors = [];

    public byte[] Magic { get; set; } = "GGUF"u8.ToArray();

    public uint Version { get; set; } = 3;

    public ulong? TensorCount { get; set; }

    public ulong? KeyValueCount { get; set; }

    public int Alignment { get; set; } = 32;

    public int DataBytes { get; set; }

    /// <summary>A sound file with two keys and two tensors that fill its data to the last byte.</summary>
    public static GgufImage Sound() => new GgufImage { DataBytes = 96 }
        .Key("general.architecture", 8, Text("meki"))
        .Key("meki.block_count", 4, Bytes(2u))
        .Tensor("token_embd.weight", [4, 4], GgmlType.F32, 0)
        .Tensor("output_norm.weight", [16], GgmlType.F16, 64);

    public static byte[] Bytes(uint value) => BitConverter.GetBytes(value);

    public static byte[] Bytes(ulong value) => BitConverter.GetBytes(value);

    public static byte[] Text(string text) => Text(Encoding.UTF8.GetBytes(text));

    public static byte[] Text(byte[] utf8) => [.. Bytes((ulong)utf8.Length), .. utf8];

    public static byte[] Array(uint type, ulong count, params byte[] content) => [.. Bytes(type), .. Bytes(count), .. content];

    public GgufImage Key(string key, uint type, params byte[] value) => Key(Text(key), type, value);

    public GgufImage Key(byte[] key, uint type, params byte[] value)
    {
        _keyValues.Add([.. key, .. Bytes(type), .. value]);
        return this;
    }

    public GgufImage Tensor(string name, ulong[] dimensions, GgmlType type, ulong offset) =>
        Tensor([.. Text(name), .. Bytes((uint)dimensions.Length), .. dimensions.SelectMany(Bytes), .. Bytes((uint)type), .. Bytes(offset)]);

    public GgufImage Tensor(byte[] info)
    {
        _tensors.Add(info);
        return this;
    }

    public byte[] Build()
    {
        List<byte> file = [.. Magic, .. Bytes(Version), .. Bytes(TensorCount ?? (ulong)_tensors.Count), .. Bytes(KeyValueCount ?? (ulong)_keyValues.Count)];
        foreach (byte[] part in _keyValues.Concat(_tensors))
            file.AddRange(part);
        file.AddRange(new byte[(Alignment - (file.Count % Alignment)) % Alignment]);
        file.AddRange(Enumerable.Range(0, DataBytes).Select(i => (byte)i));
        return [.. file];
    }
}
