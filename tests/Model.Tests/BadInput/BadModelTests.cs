using System.Buffers.Binary;
using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Gguf;
using MeKi.Quant;
using MeKi.Store;
using MeKi.Tests;

namespace MeKi.Model.Tests.BadInput;

/// <summary>Converted models that are incomplete, damaged or mixed: refused when loaded, with the file and the place.</summary>
public sealed class BadModelTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Missing_path() => Refused(_folder["none"], _folder["none"], "there is no such file or folder");

    [Fact]
    public void Empty_folder() => Refused(_folder.FullName, _folder.FullName, "neither model.gguf nor config.json");

    [Fact]
    public void Truncated_gguf()
    {
        string model = Copy(out string gguf, out _);
        byte[] whole = File.ReadAllBytes(gguf);
        foreach (int length in new[] { 1, 23, 100, 2_000, whole.Length / 2, whole.Length - 1 })
        {
            File.WriteAllBytes(gguf, whole[..length]);
            Refused(model, gguf, "incomplete");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(50_000)]
    [InlineData(-1)]
    public void Truncated_rows(int length)
    {
        string model = Copy(out _, out string rows);
        using (FileStream file = File.OpenWrite(rows))
            file.SetLength(length < 0 ? file.Length + length : length);
        RefusedRows(model, rows, "the file has ");
    }

    [Fact]
    public void Missing_rows()
    {
        string model = Copy(out _, out string rows);
        File.Delete(rows);
        RefusedRows(model, rows, "does not exist");
    }

    [Theory]
    [InlineData(0, "magic")]
    [InlineData(8, "version")]
    [InlineData(20, "checksum")]
    [InlineData(48, "checksum")]
    [InlineData(2_000, "checksum")]
    [InlineData(4_095, "checksum")]
    public void Damaged_header_of_the_rows(int at, string problem)
    {
        string model = Copy(out _, out string rows);
        byte[] bytes = File.ReadAllBytes(rows);
        bytes[at] ^= 0x10;
        File.WriteAllBytes(rows, bytes);
        RefusedRows(model, rows, problem);
    }

    [Theory]
    [InlineData(48, 0u, "header, vocabulary size: 0 is out of range")]
    [InlineData(52, uint.MaxValue, "header, layers: 4294967295 is out of range")]
    [InlineData(52, (1u << 23) - 1, "header, byte 76")]
    [InlineData(52, (1u << 24) - 1, "header, layers")]
    [InlineData(60, 77u, "header, row type: type 77 is unknown")]
    [InlineData(64, 1u, "header, byte 64")]
    [InlineData(76, 0u, "header, byte 76")]
    [InlineData(88, 8192u, "header, byte 88")]
    [InlineData(108, 1u, "header, byte 104")]
    public void Wrong_header_of_the_rows_with_a_right_checksum(int at, uint value, string problem)
    {
        string model = Copy(out _, out string rows);
        Write(rows, (at, value));
        RefusedRows(model, rows, problem);
    }

    [Fact]
    public void Rows_of_records_larger_than_memory()
    {
        string model = Copy(out _, out string rows);
        Write(rows, (52, 1 << 23), (56, 1 << 23));
        RefusedRows(model, rows, "header, layers: 8388608 rows of 8388608 values make a record larger than 2 GiB");
    }

    [Fact]
    public void Rows_of_another_model()
    {
        string model = Copy(out string gguf, out string rows);
        ConversionResult other = Converter.Convert(new TinyCheckpoint { Seed = 2 }.Write(_folder["c"]), _folder["other"]);
        File.Copy(other.RowsPath!, rows, overwrite: true);
        RefusedRows(model, rows, $"header: the rows belong to another model: it was made from checkpoint {other.Identity}, {gguf} from ");
    }

    [Theory]
    [InlineData(299, 2, 32)]
    [InlineData(300, 3, 32)]
    [InlineData(300, 2, 16)]
    public void Rows_of_other_dimensions(int vocabulary, int layers, int dimension)
    {
        string model = Copy(out string gguf, out string rows);
        ModelIdentity identity;
        using (RowStore own = RowStore.Open(rows))
            identity = own.Layout.Identity;
        RowFileLayout layout = new() { Identity = identity, VocabularySize = vocabulary, Layers = layers, Dimension = dimension, Type = RowType.Int8 };
        using (FileStream file = File.Create(rows))
        {
            RowFileWriter writer = new(file, layout);
            writer.Append(new byte[vocabulary * layout.RecordStride]);
            writer.Complete();
        }
        RefusedRows(model, rows, $"its {vocabulary} records of {layers} rows of {dimension} do not fit {gguf}: 300, 2, 32");
    }

    [Fact]
    public void Metadata_count_of_2_to_the_60()
    {
        string gguf = _folder.Add("model.gguf", Build(image => image.KeyValueCount = 1ul << 60));
        Refused(gguf, gguf, "byte 24: 1152921504606846976 metadata keys do not fit");
    }

    [Fact]
    public void Unknown_architecture()
    {
        string gguf = _folder.Add("model.gguf", Build(_ => { }));
        Refused(gguf, gguf, "metadata key 'general.architecture': architecture 'meki' is not known");
    }

    [Fact]
    public void Not_a_gguf_file()
    {
        string text = _folder.Add("notes.txt", "Once upon a time there was a model."u8);
        Refused(text, text, "byte 0: is not a GGUF file");
    }

    [Theory]
    [InlineData("general.architecture", "gpt2", "architecture 'gpt2' is not known")]
    [InlineData("meki.identity", "abc", "metadata key 'meki.identity'")]
    [InlineData("meki.identity", "zz", "metadata key 'meki.identity'")]
    [InlineData("qwen3meki.meki.gate_input", "sideways", "metadata key 'qwen3meki.meki.gate_input'")]
    [InlineData("qwen3meki.meki.fusion", "other", "metadata key 'qwen3meki.meki.fusion'")]
    [InlineData("qwen3meki.meki.placement", "other", "metadata key 'qwen3meki.meki.placement'")]
    [InlineData("qwen3meki.block_count", 0u, "layers: 0 is out of range")]
    [InlineData("qwen3meki.block_count", "two", "metadata key 'qwen3meki.block_count'")]
    [InlineData("qwen3meki.embedding_length", 65u, "tensor 'output_norm.weight': has dimensions [64] where")]
    [InlineData("qwen3meki.feed_forward_length", 95u, "tensor 'blk.0.ffn_gate.weight': has dimensions [64, 96]")]
    [InlineData("qwen3meki.attention.head_count", 3u, "key/value heads: 2 does not divide the 3 heads")]
    [InlineData("qwen3meki.attention.head_count", 0u, "heads: 0 is out of range")]
    [InlineData("qwen3meki.attention.head_count_kv", 0u, "key/value heads: 0 is out of range")]
    [InlineData("qwen3meki.attention.head_count", 1u << 20, "heads: 1048576 of 16 values are out of range")]
    [InlineData("qwen3meki.rope.freq_base", float.NaN, "RoPE theta")]
    [InlineData("qwen3meki.attention.layer_norm_rms_epsilon", 0f, "attention.layer_norm_rms_epsilon': 0 is out of range")]
    public void Metadata_that_is_wrong(string key, object value, string problem)
    {
        string model = Copy(out string gguf, out _);
        Rewrite(gguf, key, value is "zz" ? new string('z', 64) : value);
        Refused(model, gguf, problem);
    }

    [Fact]
    public void A_copy_with_its_own_metadata_loads()
    {
        string model = Copy(out string gguf, out _);
        Rewrite(gguf, "general.name", "rewritten");
        MeKiModel.Load(model).Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Threads_out_of_range(int threads) => Assert.Throws<ArgumentOutOfRangeException>(() => tiny.Load(converted: true, threads));

    private static void Write(string rows, params (int At, uint Value)[] fields)
    {
        byte[] bytes = File.ReadAllBytes(rows);
        foreach ((int at, uint value) in fields)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4092), Crc32C(bytes.AsSpan(0, 4092)));
        File.WriteAllBytes(rows, bytes);
    }

    private static byte[] Build(Action<GgufImage> change)
    {
        GgufImage image = GgufImage.Sound();
        change(image);
        return image.Build();
    }

    private static void Rewrite(string path, string key, object value)
    {
        using MemoryStream copy = new();
        using (GgufFile file = GgufFile.Open(path))
        {
            file.Metadata[key] = value;
            new GgufWriter(file.Metadata, [.. file.Tensors.Select(tensor => new GgufTensorSource(tensor.Name, tensor.Type, tensor.Dimensions,
                (stream, _) => stream.Write(file.File.Span(tensor.Offset, (int)tensor.ByteLength))))]).WriteTo(copy, default);
        }
        File.WriteAllBytes(path, copy.ToArray());
    }

    // The polynomial of Castagnoli bit by bit, independent of the one under test.
    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte each in bytes)
        {
            crc ^= each;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) * 0x82F63B78);
        }
        return ~crc;
    }

    private string Copy(out string gguf, out string rows)
    {
        Directory.CreateDirectory(_folder["model"]);
        (gguf, rows) = (Path.Combine(_folder["model"], "model.gguf"), Path.Combine(_folder["model"], "model.rows"));
        File.Copy(Path.Combine(tiny.Converted, "model.gguf"), gguf);
        File.Copy(Path.Combine(tiny.Converted, "model.rows"), rows);
        return _folder["model"];
    }

    private static void Refused(string model, string file, string problem)
    {
        ModelFileException failure = Assert.Throws<ModelFileException>(() => MeKiModel.Load(model));
        Assert.StartsWith(file + ": ", failure.Message, StringComparison.Ordinal);
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
    }

    private static void RefusedRows(string model, string file, string problem)
    {
        RowFileException failure = Assert.Throws<RowFileException>(() => MeKiModel.Load(model));
        Assert.StartsWith(file + ": ", failure.Message, StringComparison.Ordinal);
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
    }
}
