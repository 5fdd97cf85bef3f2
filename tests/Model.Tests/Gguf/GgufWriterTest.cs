using System.Collections.Immutable;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Quant;

namespace MeKi.Model.Tests.Gguf;

public sealed class GgufWriterTest : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Writes_the_bytes_made_by_hand()
    {
        byte[] data = [.. Enumerable.Range(0, 96).Select(i => (byte)i)];
        GgufMetadata metadata = new("") { ["general.architecture"] = "meki", ["meki.block_count"] = 2u };
        byte[] written = Write(
            metadata, Source("token_embd.weight", GgmlType.F32, [4, 4], data[..64]), Source("output_norm.weight", GgmlType.F16, [16], data[64..]));
        Assert.Equal(GgufImage.Sound().Build(), written);
    }

    [Fact]
    public void Every_value_type_comes_back()
    {
        GgufMetadata metadata = new("")
        {
            ["u8"] = byte.MaxValue,
            ["i8"] = sbyte.MinValue,
            ["u16"] = ushort.MaxValue,
            ["i16"] = short.MinValue,
            ["u32"] = uint.MaxValue,
            ["i32"] = int.MinValue,
            ["f32"] = float.Epsilon,
            ["bool"] = true,
            ["no"] = false,
            ["string"] = "schön 🙂\0",
            ["empty string"] = "",
            ["u64"] = ulong.MaxValue,
            ["i64"] = long.MinValue,
            ["f64"] = double.NaN,
            [""] = 1,
            ["u8[]"] = new byte[] { 1, 2, 255 },
            ["i8[]"] = new sbyte[] { 1, -2 },
            ["u16[]"] = new ushort[] { 1, 2 },
            ["i16[]"] = new short[] { 1, -2 },
            ["u32[]"] = new uint[] { 1, 2 },
            ["i32[]"] = new[] { 1, -2 },
            ["f32[]"] = new[] { 1.5f, -2f },
            ["bool[]"] = new[] { true, false, true },
            ["string[]"] = new[] { "a", "", "ünï" },
            ["u64[]"] = new ulong[] { 1, ulong.MaxValue },
            ["i64[]"] = new long[] { 1, long.MinValue },
            ["f64[]"] = new[] { 1.5, double.NegativeInfinity },
            ["no u8"] = Array.Empty<byte>(),
            ["no strings"] = Array.Empty<string>(),
            ["no arrays"] = Array.Empty<Array>(),
            ["nested"] = new Array[] { new[] { 1, 2 }, Array.Empty<float>(), new[] { "x" }, new Array[] { new[] { true } } },
        };
        using GgufFile file = GgufFile.Open(_folder.Add("test.gguf", Write(metadata)));
        Assert.Equal(metadata.Select(pair => pair.Key), file.Metadata.Select(pair => pair.Key));
        foreach (((string key, object expected), (_, object actual)) in metadata.Zip(file.Metadata))
        {
            Assert.True(expected.GetType() == actual.GetType(), key);
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void Jagged_arrays_come_back_as_arrays_of_arrays()
    {
        GgufMetadata metadata = new("") { ["jagged"] = new[] { new[] { 1, 2 }, [3] } };
        using GgufFile file = GgufFile.Open(_folder.Add("test.gguf", Write(metadata)));
        Assert.Equal([[1, 2], [3]], file.Metadata.Get<Array[]>("jagged").Cast<int[]>());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    [InlineData(4096)]
    public void Tensors_come_back_aligned(int alignment)
    {
        GgufMetadata metadata = new("") { ["general.alignment"] = (uint)alignment };
        var random = new Random(5);
        List<(GgufTensorSource Source, byte[] Bytes)> tensors = [];
        foreach (GgmlType type in Enum.GetValues<GgmlType>())
        {
            Assert.True(GgmlTypeLayout.TryGetLayout(type, out int blockSize, out int blockBytes));
            byte[] bytes = new byte[blockBytes * 3 * 5];
            random.NextBytes(bytes);
            tensors.Add((Source(type.ToString(), type, [blockSize * 3, 5], bytes), bytes));
        }
        tensors.Add((Source("scalar", GgmlType.F32, [], [1, 2, 3, 4]), [1, 2, 3, 4]));
        tensors.Add((Source("none", GgmlType.F32, [0, 3], []), []));
        tensors.Add((Source("four", GgmlType.I8, [1, 2, 1, 2], [1, 2, 3, 4]), [1, 2, 3, 4]));

        var writer = new GgufWriter(metadata, [.. tensors.Select(t => t.Source)]);
        using GgufFile file = GgufFile.Open(_folder.Add("test.gguf", Write(writer)));
        Assert.Equal(alignment, file.Alignment);
        Assert.Equal(0, file.File.Length % alignment);
        for (int i = 0; i < tensors.Count; i++)
        {
            (GgufTensorSource source, byte[] bytes) = tensors[i];
            GgufTensor tensor = file.Tensors[i], planned = writer.Tensors[i];
            Assert.Equal((source.Name, source.Type, bytes.Length), (tensor.Name, tensor.Type, tensor.ByteLength));
            Assert.Equal((planned.Name, planned.Type, planned.Offset, planned.ByteLength), (tensor.Name, tensor.Type, tensor.Offset, tensor.ByteLength));
            Assert.Equal(source.Dimensions.AsEnumerable(), tensor.Dimensions.AsEnumerable());
            Assert.Equal(0, tensor.Offset % alignment);
            Assert.Equal(bytes, file.File.Span(tensor.Offset, bytes.Length).ToArray());
        }
    }

    [Fact]
    public void Same_input_gives_same_bytes()
    {
        GgufMetadata metadata = new("") { ["b"] = 1, ["a"] = new[] { "x", "y" } };
        GgufTensorSource[] tensors = [Source("t", GgmlType.I8, [5], [1, 2, 3, 4, 5]), Source("s", GgmlType.I8, [1], [9])];
        var writer = new GgufWriter(metadata, tensors);
        byte[] first = Write(writer);
        metadata["c"] = 2;
        Assert.Equal(first, Write(writer));
        Assert.Equal(first, Write(new("") { ["b"] = 1, ["a"] = new[] { "x", "y" } }, tensors));
    }

    [Fact]
    public void Random_files_come_back()
    {
        var random = new Random(77);
        for (int round = 0; round < 200; round++)
        {
            var metadata = new GgufMetadata("");
            for (int i = random.Next(6); i > 0; i--)
                metadata[$"key {i}"] = RandomArray(random, depth: 1);
            int count = random.Next(5);
            byte[][] bytes = [.. Enumerable.Range(0, count).Select(_ => new byte[random.Next(100)])];
            Array.ForEach(bytes, random.NextBytes);
            byte[] written = Write(metadata, [.. bytes.Select((b, i) => Source($"t{i}", GgmlType.I8, [b.Length], b))]);

            using GgufFile file = GgufFile.Open(_folder.Add("test.gguf", written));
            Assert.Equal(metadata, file.Metadata);
            Assert.Equal(bytes, file.Tensors.Select(t => file.File.Span(t.Offset, (int)t.ByteLength).ToArray()));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(5)]
    public void Source_that_writes_the_wrong_number_of_bytes(int count)
    {
        var writer = new GgufWriter(new(""), [Source("t", GgmlType.F32, [1], new byte[count])]);
        var e = Assert.Throws<InvalidOperationException>(() => Write(writer));
        Assert.Contains("tensor 't'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Source_may_write_in_any_portions()
    {
        GgufTensorSource source = new("t", GgmlType.I8, [6], (stream, _) =>
        {
            stream.WriteByte(1);
            stream.Write([2, 3], 0, 2);
            stream.Write([4, 5, 6]);
            stream.Flush();
        });
        byte[] written = Write(new(""), source);
        Assert.Equal([1, 2, 3, 4, 5, 6], written[^32..^26]);
    }

    [Fact]
    public void Cancellation_stops_between_tensors_and_reaches_the_source()
    {
        using var stop = new CancellationTokenSource();
        bool cameToSecond = false;
        var writer = new GgufWriter(new(""), [
            new("a", GgmlType.I8, [1], (stream, token) =>
            {
                Assert.Equal(stop.Token, token);
                stop.Cancel();
                stream.WriteByte(1);
            }),
            new("b", GgmlType.I8, [1], (_, _) => cameToSecond = true)]);
        using var stream = new MemoryStream();
        Assert.Throws<OperationCanceledException>(() => writer.WriteTo(stream, stop.Token));
        Assert.False(cameToSecond);
    }

    [Fact]
    public void Refuses_what_the_reader_would_refuse()
    {
        Refused("is given twice", new(""), Source("t", GgmlType.I8, [1], [1]), Source("t", GgmlType.I8, [1], [1]));
        Refused("unknown type 99", new(""), Source("t", (GgmlType)99, [1], []));
        Refused("not a multiple", new(""), Source("t", GgmlType.Q8_0, [31], []));
        Refused("5 dimensions", new(""), Source("t", GgmlType.I8, [1, 1, 1, 1, 1], []));
        Refused("out of range", new(""), Source("t", GgmlType.I8, [-1], []));
        Refused("larger than any file", new(""), Source("t", GgmlType.I8, [1L << 32, 1L << 32], []));
        Refused("larger than any file", new(""), Source("t", GgmlType.I8, [long.MaxValue], []));
        Refused("larger than any file", new(""), Source("t", GgmlType.I8, [1L << 62], []), Source("u", GgmlType.I8, [1L << 62], []));
        Refused("not a power of two", new("") { ["general.alignment"] = 33 });
        Refused("makes the header larger", new("") { ["general.alignment"] = 1 << 30 });
        Refused("makes the header larger", new("") { ["big"] = new byte[257 << 20] });
        Refused("which GGUF does not have", new("") { ["decimal"] = 1m });
        Refused("which GGUF does not have", new("") { ["rectangle"] = new int[2, 2] });
        Refused("which GGUF does not have", new("") { ["enum"] = DayOfWeek.Friday });
        Refused("which GGUF does not have", new("") { ["enums"] = new[] { DayOfWeek.Friday } });
        Refused("which GGUF does not have", new("") { ["objects"] = new object[] { 1 } });
        Refused("surrogate", new("") { ["text"] = "\uD800" });
        Refused("surrogate", new("") { ["\uD800"] = 1 });
        Refused("at most 65535", new("") { [new string('k', 65_536)] = 1 });
        object nest = new[] { 1 };
        for (int depth = 1; depth < 9; depth++)
            nest = new[] { (Array)nest };
        Refused("nests arrays deeper than 8", new("") { ["nest"] = nest });
    }

    private static Array RandomArray(Random random, int depth) => random.Next(depth < 4 ? 5 : 4) switch
    {
        0 => Enumerable.Range(0, random.Next(5)).Select(_ => random.Next()).ToArray(),
        1 => Enumerable.Range(0, random.Next(5)).Select(_ => random.NextDouble()).ToArray(),
        2 => Enumerable.Range(0, random.Next(5)).Select(_ => new string('ä', random.Next(9))).ToArray(),
        3 => Enumerable.Range(0, random.Next(5)).Select(_ => random.Next(2) == 1).ToArray(),
        _ => Enumerable.Range(0, random.Next(4)).Select(_ => RandomArray(random, depth + 1)).ToArray(),
    };

    private static void Refused(string problem, GgufMetadata metadata, params GgufTensorSource[] tensors)
    {
        var e = Assert.Throws<ModelFileException>(() => new GgufWriter(metadata, tensors));
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    private static GgufTensorSource Source(string name, GgmlType type, ImmutableArray<long> dimensions, byte[] bytes) =>
        new(name, type, dimensions, (stream, _) => stream.Write(bytes));

    private static byte[] Write(GgufMetadata metadata, params GgufTensorSource[] tensors) => Write(new GgufWriter(metadata, tensors));

    private static byte[] Write(GgufWriter writer)
    {
        using var stream = new MemoryStream();
        writer.WriteTo(stream, CancellationToken.None);
        Assert.Equal(writer.TotalBytes, stream.Length);
        return stream.ToArray();
    }
}
