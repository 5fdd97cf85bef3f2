using System.Text;
using MeKi.Model.Files;
using MeKi.Tests;

namespace MeKi.Model.Tests.Files;

public sealed class SafetensorsFileTest : IDisposable
{
    private const string A = """ "a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]} """;
    private const string B = """ "b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]} """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Reads_a_file_made_by_hand()
    {
        byte[] bytes = Image($$$"""{"__metadata__":{"format":"pt","n":{"x":[1,[2]]}},{{{A}}},{{{B}}} }   """, 32);
        using SafetensorsFile file = Open(bytes);

        Assert.Equal(2, file.Tensors.Count);
        SafetensorsTensor a = file.Tensors["a"], b = file.Tensors["b"];
        Assert.Equal(("a", SafetensorsDType.F32, 24, bytes.Length - 32), (a.Name, a.DType, a.ByteLength, a.Offset));
        Assert.Equal([2, 3], a.Shape.AsEnumerable());
        Assert.Equal(("b", SafetensorsDType.BF16, 8, bytes.Length - 8), (b.Name, b.DType, b.ByteLength, b.Offset));
        Assert.Same(file.File, b.File);
        Assert.Equal([24, 25, 26, 27, 28, 29, 30, 31], b.File.Span(b.Offset, (int)b.ByteLength).ToArray());
    }

    [Theory]
    [InlineData("BOOL", SafetensorsDType.BOOL, 1)]
    [InlineData("U8", SafetensorsDType.U8, 1)]
    [InlineData("I8", SafetensorsDType.I8, 1)]
    [InlineData("F8_E5M2", SafetensorsDType.F8_E5M2, 1)]
    [InlineData("F8_E4M3", SafetensorsDType.F8_E4M3, 1)]
    [InlineData("F8_E8M0", SafetensorsDType.F8_E8M0, 1)]
    [InlineData("I16", SafetensorsDType.I16, 2)]
    [InlineData("U16", SafetensorsDType.U16, 2)]
    [InlineData("F16", SafetensorsDType.F16, 2)]
    [InlineData("BF16", SafetensorsDType.BF16, 2)]
    [InlineData("I32", SafetensorsDType.I32, 4)]
    [InlineData("U32", SafetensorsDType.U32, 4)]
    [InlineData("F32", SafetensorsDType.F32, 4)]
    [InlineData("F64", SafetensorsDType.F64, 8)]
    [InlineData("I64", SafetensorsDType.I64, 8)]
    [InlineData("U64", SafetensorsDType.U64, 8)]
    public void Knows_the_element_types(string name, SafetensorsDType type, int bytes)
    {
        using SafetensorsFile file = Open(Image($$$"""{"t":{"dtype":"{{{name}}}","shape":[3],"data_offsets":[0,{{{3 * bytes}}}]}}""", 3 * bytes));
        Assert.Equal((type, 3L * bytes), (file.Tensors["t"].DType, file.Tensors["t"].ByteLength));
    }

    [Fact]
    public void Holds_single_values_empty_tensors_and_nothing()
    {
        using SafetensorsFile file = Open(Image(
            """{"s":{"data_offsets":[0,4],"shape":[],"dtype":"F32","new field":{"x":[]}},"e":{"dtype":"F32","shape":[0,5],"data_offsets":[4,4]}}""", 4));
        Assert.Equal(4, file.Tensors["s"].ByteLength);
        Assert.Equal(0, file.Tensors["e"].ByteLength);
        using SafetensorsFile none = Open(Image("{}", 0));
        Assert.Empty(none.Tensors);
    }

    [Fact]
    public void Escaped_names_are_unescaped()
    {
        using SafetensorsFile file = Open(Image("""{"\u0061\n":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1));
        Assert.Equal("a\n", Assert.Single(file.Tensors).Key);
    }

    [Fact]
    public void Missing_file() => Assert.Throws<ModelFileException>(() => SafetensorsFile.Open(_folder["none.safetensors"]));

    [Fact]
    public void Shorter_than_its_length_field() => Refused([1, 2, 3], "the file ends after 3 bytes");

    [Theory]
    [InlineData(1_000UL, "needs 1008 bytes of a file of 10")]
    [InlineData(100_000_000UL, "needs 100000008 bytes")]
    [InlineData(100_000_001UL, "the format allows 100000000")]
    [InlineData(1UL << 60, "the format allows 100000000")]
    [InlineData(ulong.MaxValue, "the format allows 100000000")]
    public void Header_length_beyond_the_file(ulong length, string problem) => Refused([.. BitConverter.GetBytes(length), (byte)'{', (byte)'}'], problem);

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("1")]
    [InlineData("{}}")]
    [InlineData("{} x")]
    [InlineData("{\"a\":}")]
    [InlineData("{\"a\":1}")]
    [InlineData("{\"a\":{\"dtype\":1}}")]
    [InlineData("{\"a\":{\"shape\":1}}")]
    [InlineData("{\"a\":{\"shape\":[\"1\"]}}")]
    [InlineData("{\"a\":{\"shape\":[[1]]}}")]
    [InlineData("{\"__metadata__\":{}")]
    [InlineData("{/* */}")]
    [InlineData("{,}")]
    public void Json_that_is_malformed_or_of_another_shape(string json) => Refused(Image(json, 0), "");

    [Fact]
    public void Json_that_nests_without_end() => Refused(Image("{\"__metadata__\":" + new string('[', 1_000_000), 0), "is not valid JSON");

    [Fact]
    public void Json_that_is_not_utf8() => Refused([.. BitConverter.GetBytes(7UL), (byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)':', (byte)'1', (byte)'}'], "");

    [Fact]
    public void Name_that_is_half_a_surrogate_pair() =>
        Refused(Image("""{"\uD800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1), "not valid UTF-8");

    [Theory]
    [InlineData("\"shape\":[1],\"data_offsets\":[0,4]")]
    [InlineData("\"dtype\":\"F32\",\"data_offsets\":[0,4]")]
    [InlineData("\"dtype\":\"F32\",\"shape\":[1]")]
    [InlineData("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]")]
    [InlineData("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]")]
    public void Missing_field(string fields) => Refused(Image($$$"""{"t":{ {{{fields}}} }}""", 4), "tensor 't': lacks");

    [Theory]
    [InlineData("dtype")]
    [InlineData("shape")]
    [InlineData("data_offsets")]
    public void Field_that_appears_twice(string field)
    {
        string value = field == "dtype" ? "\"F32\"" : field == "shape" ? "[1]" : "[0,4]";
        Refused(Image($$$"""{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"{{{field}}}":{{{value}}} }}""", 4), $"{field} appears twice");
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("1e3")]
    [InlineData("9223372036854775808")]
    [InlineData("1e400")]
    [InlineData("null")]
    public void Size_that_is_no_integer(string size)
    {
        Refused(Image($$$"""{"t":{"dtype":"F32","shape":[{{{size}}}],"data_offsets":[0,4]}}""", 4), "is not an integer");
        Refused(Image($$$"""{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,{{{size}}}]}}""", 4), "is not an integer");
    }

    [Theory]
    [InlineData("F4")]
    [InlineData("f32")]
    [InlineData("")]
    [Trait("Fault", "18.tolerance")]
    public void A_tensor_of_an_unknown_type_is_passed_over(string dtype)
    {
        const string Known = """ "u":{"dtype":"F32","shape":[1],"data_offsets":[4,8]} """;
        using SafetensorsFile file = Open(Image($$$"""{"t":{"dtype":"{{{dtype}}}","shape":[3],"data_offsets":[0,4]},{{{Known}}} }""", 8));
        Assert.Equal((SafetensorsDType.Unknown, 4), (file.Tensors["t"].DType, file.Tensors["t"].ByteLength));
        Refused(Image($$$"""{"t":{"dtype":"{{{dtype}}}","shape":[3],"data_offsets":[0,5]}}""", 4), "do not lie in the 4 bytes");
    }

    [Theory]
    [InlineData(4, 0)]
    [InlineData(0, 5)]
    [InlineData(4, 8)]
    [InlineData(0, long.MaxValue)]
    [InlineData(long.MaxValue - 3, long.MaxValue)]
    public void Offsets_outside_the_file(long begin, long end) =>
        Refused(Image($$$"""{"t":{"dtype":"F32","shape":[1],"data_offsets":[{{{begin}}},{{{end}}}]}}""", 4), "do not lie in the 4 bytes of tensor data");

    [Theory]
    [InlineData("[2]")]
    [InlineData("[]")]
    [InlineData("[0]")]
    [InlineData("[1,2]")]
    public void Offsets_that_do_not_match_the_shape(string shape) =>
        Refused(Image($$$"""{"t":{"dtype":"F16","shape":{{{shape}}},"data_offsets":[0,6]}}""", 6), "its data_offsets hold 6 bytes");

    [Theory]
    [InlineData("[4611686018427387904,4]")]
    [InlineData("[9223372036854775807]")]
    public void Shape_that_overflows(string shape) =>
        Refused(Image($$$"""{"t":{"dtype":"F32","shape":{{{shape}}},"data_offsets":[0,0]}}""", 0), "larger than any file");

    [Fact]
    public void Tensors_that_overlap() =>
        Refused(Image($$$"""{ {{{A}}},"b":{"dtype":"BF16","shape":[4],"data_offsets":[20,28]}}""", 28), "tensor 'b': overlaps");

    [Fact]
    public void Gap_between_tensors() =>
        Refused(Image($$$"""{ {{{A}}},"b":{"dtype":"BF16","shape":[4],"data_offsets":[28,36]}}""", 36), "tensor 'b': follows a gap");

    [Fact]
    public void Bytes_after_the_last_tensor() => Refused(Image($$$"""{ {{{A}}},{{{B}}} }""", 33), "1 bytes belong to no tensor");

    [Fact]
    public void Name_that_appears_twice() => Refused(Image($$$"""{ {{{A}}},{{{A}}} }""", 24), "tensor 'a': appears twice");

    [Fact]
    public void Every_truncation_is_noticed()
    {
        byte[] whole = Image($$$"""{ {{{A}}},{{{B}}} }""", 32);
        for (int length = 0; length < whole.Length; length++)
            Refused(whole[..length], "");
        Open(whole).Dispose();
    }

    [Fact]
    public void Any_damage_is_refused_or_harmless()
    {
        byte[] sound = Image($$$"""{"__metadata__":{"format":"pt"},{{{A}}},{{{B}}} }""", 32);
        var random = new Random(20240718);
        for (int round = 0; round < 6000; round++)
        {
            byte[] damaged = [.. sound];
            for (int flips = random.Next(1, 4); flips > 0; flips--)
            {
                int at = random.Next(sound.Length - 32);
                damaged[at] = round % 2 == 0 ? (byte)(damaged[at] ^ (1 << random.Next(8))) : (byte)random.Next(256);
            }
            try
            {
                using SafetensorsFile file = Open(damaged);
                foreach (SafetensorsTensor tensor in file.Tensors.Values)
                    Assert.Equal(tensor.ByteLength, file.File.Span(tensor.Offset, (int)tensor.ByteLength).Length);
            }
            catch (ModelFileException e)
            {
                Assert.Equal(_folder["test.safetensors"], e.Path);
            }
        }
    }

    [SharedTheory("reference")]
    [InlineData("megatron-names", 51, "embedding.word_embeddings.weight", 300, 64)]
    [InlineData("random-megatron", 62, "model.embed_tokens.weight", 300, 64)]
    [InlineData("random-paper", 65, "model.embed_tokens.weight", 300, 64)]
    [InlineData("tiny-meki", 128, "model.embed_tokens.weight", 2048, 256)]
    public void Opens_checkpoints_of_the_reference_implementation(string folder, int entries, string embedding, long rows, long columns)
    {
        using var checkpoint = SafetensorsFolder.Open(SharedMaterial.Path($"reference/{folder}"));
        SafetensorsTensor tensor = checkpoint.Tensors[embedding];
        Assert.Equal(SafetensorsDType.F32, tensor.DType);
        Assert.Equal([rows, columns], tensor.Shape.AsEnumerable());
        Assert.InRange(checkpoint.Tensors.Count, entries - 1, entries);
    }

    /// <summary>A file with the header and so many bytes of data, counting up.</summary>
    internal static byte[] Image(string json, int dataBytes)
    {
        byte[] header = Encoding.UTF8.GetBytes(json);
        return [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. Enumerable.Range(0, dataBytes).Select(i => (byte)i)];
    }

    private SafetensorsFile Open(byte[] bytes) => SafetensorsFile.Open(_folder.Add("test.safetensors", bytes));

    private void Refused(byte[] bytes, string problem)
    {
        var e = Assert.Throws<ModelFileException>(() => Open(bytes));
        Assert.Equal(_folder["test.safetensors"], e.Path);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }
}
