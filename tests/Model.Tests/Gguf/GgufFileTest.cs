using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;
using static MeKi.Model.Tests.Gguf.GgufImage;

namespace MeKi.Model.Tests.Gguf;

public sealed class GgufFileTest : IDisposable
{
    private const ulong Huge = 1ul << 60;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Reads_a_file_made_by_hand(uint version)
    {
        GgufImage image = Sound();
        image.Version = version;
        byte[] bytes = image.Build();
        using GgufFile file = Open(bytes);

        Assert.Equal(["general.architecture", "meki.block_count"], file.Metadata.Select(pair => pair.Key));
        Assert.Equal("meki", file.Metadata.Get<string>("general.architecture"));
        Assert.Equal(2u, file.Metadata.Get<uint>("meki.block_count"));
        Assert.Equal(32, file.Alignment);
        Assert.Equal(["token_embd.weight", "output_norm.weight"], file.Tensors.Select(t => t.Name));

        GgufTensor embedding = file.GetTensor("token_embd.weight");
        Assert.Same(file.Tensors[0], embedding);
        Assert.Equal(GgmlType.F32, embedding.Type);
        Assert.Equal([4, 4], embedding.Dimensions.AsEnumerable());
        Assert.Equal(64, embedding.ByteLength);
        Assert.Equal(bytes.Length - 96, embedding.Offset);
        Assert.Equal(Enumerable.Range(0, 64).Select(i => (byte)i), file.File.Span(embedding.Offset, 64).ToArray());

        Assert.True(file.TryGetTensor("output_norm.weight", out GgufTensor? norm));
        Assert.Equal((64, 32, 0), (norm.Offset - embedding.Offset, norm.ByteLength, norm.Offset % 32));
        Assert.False(file.TryGetTensor("output.weight", out _));
        var e = Assert.Throws<ModelFileException>(() => file.GetTensor("output.weight"));
        Assert.Contains("tensor 'output.weight': is missing", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Honours_the_alignment_key()
    {
        GgufImage image = new GgufImage { Alignment = 8, DataBytes = 16 }
            .Key("general.alignment", 4, Bytes(8u)).Tensor("a", [1], GgmlType.F32, 0).Tensor("b", [1], GgmlType.F32, 8);
        using GgufFile file = Open(image.Build());
        Assert.Equal(8, file.Alignment);
        Assert.Equal(8, file.File.Span(file.GetTensor("b").Offset, 4)[0]);
    }

    /// <summary>The header is read piece by piece: what lies across two pieces, or is longer than one, is what the file has.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(40_000)]
    [InlineData(65_500)]
    [InlineData(65_535)]
    [InlineData(200_000)]
    public void Headers_of_any_length_are_read(int before)
    {
        int[] numbers = [.. Enumerable.Range(0, 50_000)];
        bool[] flags = [.. numbers.Select(number => number % 3 == 0)];
        string[] texts = [.. numbers.Select(number => new string('x', number % 7))];
        string text = new('y', 100_000);
        GgufMetadata metadata = new("") { ["before"] = new byte[before], ["numbers"] = numbers, ["texts"] = texts, ["flags"] = flags, ["text"] = text,
            ["after"] = 7 };
        using MemoryStream stream = new();
        new GgufWriter(metadata, [new("t", GgmlType.I8, [3], (to, _) => to.Write([1, 2, 3]))]).WriteTo(stream, default);
        using GgufFile file = Open(stream.ToArray());
        Assert.Equal(metadata, file.Metadata);
        Assert.Equal([1, 2, 3], file.File.Span(file.GetTensor("t").Offset, 3).ToArray());
    }

    [Fact]
    public void Tensors_may_lie_in_any_order_and_hold_one_value_or_none()
    {
        GgufImage image = new GgufImage { DataBytes = 68 }
            .Tensor("late", [1], GgmlType.F32, 64)
            .Tensor("none", [4, 0], GgmlType.F32, 32)
            .Tensor("scalar", [], GgmlType.F32, 32)
            .Tensor("early", [8], GgmlType.F32, 0);
        using GgufFile file = Open(image.Build());
        Assert.Equal([4L, 0, 4, 32], file.Tensors.Select(t => t.ByteLength));
    }

    [Fact]
    public void Dispose_waits_for_references()
    {
        GgufFile file = Open(Sound().Build());
        Assert.True(file.File.TryAddReference());
        file.Dispose();
        Assert.Equal(5, file.File.Span(file.Tensors[0].Offset, 64)[5]);
        file.File.ReleaseReference();
        Assert.Throws<ObjectDisposedException>(() => file.File.Span(0, 1).Length);
    }

    [Fact]
    public void Missing_file() => Assert.Throws<ModelFileException>(() => GgufFile.Open(_folder["none.gguf"]));

    [Fact]
    public void Wrong_magic() => Refused(i => i.Magic = "GGML"u8.ToArray(), "byte 0: is not a GGUF file");

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    public void Unsupported_version(uint version) => Refused(i => i.Version = version, $"GGUF version {version}");

    [Theory]
    [InlineData(2u << 24)]
    [InlineData(3u << 24)]
    public void Big_endian(uint version) => Refused(i => i.Version = version, "big-endian");

    [Theory]
    [InlineData(Huge)]
    [InlineData(ulong.MaxValue)]
    [InlineData(1_000_000)]
    public void Tensor_count_beyond_the_file(ulong count) => Refused(i => i.TensorCount = count, $"byte 24: {count} tensors do not fit");

    [Theory]
    [InlineData(Huge)]
    [InlineData(ulong.MaxValue)]
    public void Key_count_beyond_the_file(ulong count) => Refused(i => i.KeyValueCount = count, $"byte 24: {count} metadata keys do not fit");

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(12)]
    public void Array_count_beyond_the_file(uint type) => Refused(i => i.Key("k", 9, GgufImage.Array(type, Huge)), $"{Huge} ");

    [Theory]
    [InlineData(10_000)]
    [InlineData(Huge)]
    [InlineData(ulong.MaxValue)]
    public void Key_longer_than_the_file(ulong length) => Refused(i => i.Key(Bytes(length), 4, Bytes(1u)), "a metadata key");

    [Theory]
    [InlineData(10_000, "the file ends after")]
    [InlineData(Huge, "claims")]
    [InlineData(ulong.MaxValue, "claims")]
    public void String_longer_than_the_file(ulong length, string problem) => Refused(i => i.Key("k", 8, Bytes(length)), problem);

    [Theory]
    [InlineData(8, "lies beyond 256 MiB")]
    [InlineData(9, "this engine still reads before the tensors")]
    public void Header_longer_than_allowed(uint type, string problem)
    {
        ulong length = (256 << 20) - 1;
        string path = _folder.Add("test.gguf", new GgufImage().Key("k", type, type == 8 ? Bytes(length) : GgufImage.Array(0, length)).Build());
        // Not written, only claimed: file systems keep such a file as a hole.
        using (FileStream file = File.OpenWrite(path))
            file.SetLength(300 << 20);
        var e = Assert.Throws<ModelFileException>(() => GgufFile.Open(path));
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Key_longer_than_allowed() => Refused(i => i.Key(new string('k', 65_536), 4, Bytes(1u)), "at most 65535");

    [Fact]
    public void Key_that_is_not_utf8() => Refused(i => i.Key(Text([0xC3, 0x28]), 4, Bytes(1u)), "a metadata key is not valid UTF-8");

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public void A_description_that_is_not_utf8_is_shown_with_replacement_characters()
    {
        byte[] broken = [(byte)'a', 0xFF, (byte)'b', 0xC3];
        using GgufFile file = Open(Sound().Key("k", 8, Text(broken)).Key("list", 9, GgufImage.Array(8, 3, [.. Text("x"), .. Text(broken),
            .. Text("y")])).Build());
        Assert.Equal("a\uFFFDb\uFFFD", file.Metadata.Get<string>("k"));
        Assert.Equal(["x", "a\uFFFDb\uFFFD", "y"], file.Metadata.Get<string[]>("list"));
    }

    [Fact]
    public void Token_that_is_not_utf8() =>
        Refused(i => i.Key("tokenizer.ggml.tokens", 9, GgufImage.Array(8, 1, Text([0xFF]))),
            "the value of metadata key 'tokenizer.ggml.tokens' is not valid UTF-8");

    [Fact]
    public void Key_that_appears_twice() => Refused(i => i.Key("meki.block_count", 4, Bytes(1u)), "the metadata key 'meki.block_count' appears twice");

    [Theory]
    [InlineData(13)]
    [InlineData(uint.MaxValue)]
    public void Unknown_value_type(uint type) => Refused(i => i.Key("k", type, Bytes(1u)), $"unknown type {type}");

    [Theory]
    [InlineData(13)]
    [InlineData(uint.MaxValue)]
    public void Unknown_element_type(uint type) => Refused(i => i.Key("k", 9, GgufImage.Array(type, 0)), $"unknown type {type}");

    [Theory]
    [InlineData(7)]
    [InlineData(9)]
    public void Boolean_that_is_neither_0_nor_1(uint type) =>
        Refused(i => i.Key("k", type, type == 7 ? [2] : GgufImage.Array(7, 3, 0, 1, 255)), "where a Boolean is 0 or 1");

    [Theory]
    [InlineData(8, true)]
    [InlineData(9, false)]
    [InlineData(100_000, false)]
    public void Nested_arrays_have_a_limit(int depth, bool isAllowed)
    {
        byte[] level = GgufImage.Array(9, 1);
        byte[] nest = [.. Enumerable.Repeat(level, depth - 1).SelectMany(bytes => bytes), .. GgufImage.Array(4, 1, Bytes(7u))];
        if (isAllowed)
            Open(new GgufImage().Key("k", 9, nest).Build()).Dispose();
        else
            Refused(i => i.Key("k", 9, nest), "nests arrays deeper than 8");
    }

    [Fact]
    public void Tensor_name_that_appears_twice() =>
        Refused(i => i.Tensor("token_embd.weight", [0], GgmlType.F32, 0), "tensor 'token_embd.weight': appears twice");

    [Fact]
    public void Tensor_name_that_floods_the_message()
    {
        string message = Refused(i => i.Tensor(new string('x', 5000) + "\n", [1], GgmlType.F32, 4), "is not a multiple");
        Assert.InRange(message.Length, 1, 400);
    }

    [Fact]
    public void Tensor_name_that_breaks_the_line() =>
        Assert.DoesNotContain('\n', Refused(i => i.Tensor("a\nb", [1], GgmlType.F32, 4), "tensor 'a?b'"));

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(31)]
    [InlineData(36)]
    [InlineData(40)]
    [InlineData(uint.MaxValue)]
    [Trait("Fault", "18.tolerance")]
    public void A_tensor_of_an_unknown_type_reaches_to_the_next_one(uint type)
    {
        GgufImage image = new GgufImage { DataBytes = 192 }
            .Tensor("last", [5], (GgmlType)type, 160)
            .Tensor("first", [7, 3], (GgmlType)type, 0)
            .Tensor("none", [0, 3], (GgmlType)type, 64)
            .Tensor("known", [8], GgmlType.F32, 96);
        using GgufFile file = Open(image.Build());
        Assert.Equal([32L, 96, 0, 32], file.Tensors.Select(t => t.ByteLength));
        Assert.Equal((GgmlType)type, file.Tensors[0].Type);
        Refused(i => i.Tensor("t", [1], (GgmlType)type, 32), "tensor 't': overlaps tensor 'token_embd.weight'");
        Refused(i => i.Tensor("t", [1], (GgmlType)type, 128), "end beyond the file");
    }

    [Fact]
    public void Five_dimensions() => Refused(i => i.Tensor("t", [1, 1, 1, 1, 1], GgmlType.F32, 0), "has 5 dimensions");

    [Fact]
    public void Dimension_count_beyond_the_file() =>
        Refused(i => i.Tensor([.. Text("t"), .. Bytes(uint.MaxValue)]), "the file ends after");

    [Theory]
    [InlineData(1ul << 63)]
    [InlineData(ulong.MaxValue)]
    public void Dimension_out_of_range(ulong dimension) => Refused(i => i.Tensor("t", [1, dimension], GgmlType.F32, 0), "out of range");

    [Theory]
    [InlineData(1ul << 62, 1)]
    [InlineData(1ul << 32, 1ul << 32)]
    [InlineData(1, 1ul << 62)]
    public void Size_overflows(ulong columns, ulong rows) => Refused(i => i.Tensor("t", [columns, rows], GgmlType.F32, 0), "larger than any file");

    [Theory]
    [InlineData(GgmlType.Q8_0, 33)]
    [InlineData(GgmlType.Q4_K, 32)]
    [InlineData(GgmlType.MXFP4, 16)]
    public void Row_that_is_not_whole_blocks(GgmlType type, ulong columns) => Refused(i => i.Tensor("t", [columns, 256], type, 0), "is not a multiple of");

    [Fact]
    public void Offset_that_is_not_aligned() => Refused(i => i.Tensor("t", [1], GgmlType.F32, 4), "its offset 4 is not a multiple of the alignment 32");

    [Theory]
    [InlineData(1ul << 63)]
    [InlineData(ulong.MaxValue - 31)]
    public void Offset_out_of_range(ulong offset) => Refused(i => i.Tensor("t", [1], GgmlType.F32, offset), "out of range");

    [Theory]
    [InlineData(96, 1)]
    [InlineData(64, 16)]
    [InlineData(0, 1ul << 60)]
    [InlineData((1ul << 63) - 32, 1)]
    public void Tensor_beyond_the_file(ulong offset, ulong columns) => Refused(i => i.Tensor("t", [columns], GgmlType.F32, offset), "end beyond the file");

    [Theory]
    [InlineData(0)]
    [InlineData(32)]
    [InlineData(64)]
    public void Tensors_that_overlap(ulong offset) => Refused(i => i.Tensor("t", [1], GgmlType.F32, offset), "overlaps tensor");

    [Theory]
    [InlineData(0)]
    [InlineData(24)]
    [InlineData(int.MinValue)]
    public void Alignment_that_is_no_power_of_two(int alignment) =>
        Refused(i => i.Key("general.alignment", 5, BitConverter.GetBytes(alignment)), "is not a power of two");

    [Fact]
    public void Alignment_beyond_the_file() => Refused(i => i.Key("general.alignment", 4, Bytes(1u << 30)), "end beyond the file");

    [Fact]
    public void Alignment_that_is_no_integer() => Refused(i => i.Key("general.alignment", 8, Text("32")), "metadata key 'general.alignment'");

    [Fact]
    public void Every_truncation_is_noticed()
    {
        byte[] whole = Sound().Key("list", 9, GgufImage.Array(8, 2, [.. Text("one"), .. Text("two")])).Build();
        for (int length = 0; length < whole.Length; length++)
        {
            var e = Assert.Throws<ModelFileException>(() => Open(whole.AsSpan(0, length)));
            if (length is > 0 and < 24)
                Assert.Contains($"the file ends after {length} bytes", e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("..", e.Message[e.Path.Length..], StringComparison.Ordinal);
        }
        Open(whole).Dispose();
    }

    [Fact]
    public void Any_damage_is_refused_or_harmless()
    {
        byte[] sound = Sound()
            .Key("list", 9, GgufImage.Array(8, 2, [.. Text("one"), .. Text("two")]))
            .Key("nest", 9, GgufImage.Array(9, 2, [.. GgufImage.Array(4, 1, Bytes(1u)), .. GgufImage.Array(7, 2, 0, 1)]))
            .Build();
        int header = sound.Length - 96;
        var random = new Random(20240717);
        for (int round = 0; round < 6000; round++)
        {
            byte[] damaged = [.. sound];
            for (int flips = random.Next(1, 4); flips > 0; flips--)
            {
                int at = random.Next(header);
                damaged[at] = round % 2 == 0 ? (byte)(damaged[at] ^ (1 << random.Next(8))) : (byte)random.Next(256);
            }
            try
            {
                using GgufFile file = Open(damaged);
                foreach (GgufTensor tensor in file.Tensors)
                    Assert.Equal(tensor.ByteLength, file.File.Span(tensor.Offset, (int)tensor.ByteLength).Length);
            }
            catch (ModelFileException e)
            {
                Assert.Equal(_folder["test.gguf"], e.Path);
            }
        }
    }

    public static TheoryData<string> SharedFiles(string folder) =>
        [.. Directory.GetFiles(SharedMaterial.Path(folder), "*.gguf").Select(f => Path.GetFileName(f)!)];

    [SharedTheory("gguf")]
    [MemberData(nameof(SharedFiles), "gguf")]
    public void Opens_models_of_other_writers(string name)
    {
        using var file = GgufFile.Open(SharedMaterial.Path($"gguf/{name}"));
        GgmlType type = name switch
        {
            "tiny-bf16.gguf" => GgmlType.BF16,
            "tiny-f16.gguf" => GgmlType.F16,
            "tiny-q8_0.gguf" => GgmlType.Q8_0,
            // The token table is also the output head here, which llama.cpp keeps at 6 bits in its smaller formats.
            _ => GgmlType.Q6_K,
        };
        GgufTensor embedding = file.GetTensor("token_embd.weight");
        Assert.Equal(type, embedding.Type);
        Assert.Equal([256, 2048], embedding.Dimensions.AsEnumerable());
        Assert.Equal("qwen3", file.Metadata.Get<string>("general.architecture"));
        Assert.Equal(6, file.Metadata.GetInt("qwen3.block_count"));
        Assert.Equal(2048, file.Metadata.Get<string[]>("tokenizer.ggml.tokens").Length);
        Assert.Equal(2048, file.Metadata.Get<int[]>("tokenizer.ggml.token_type").Length);
        // The table, the last norm, and 11 tensors a layer: q, k, v, o, their two norms, three of the FFN and two norms.
        Assert.Equal(2 + (6 * 11), file.Tensors.Count);
        Assert.Equal(GgmlType.F32, file.GetTensor("blk.5.attn_q_norm.weight").Type);
        Assert.Equal(file.File.Length, GgufLayout.AlignUp(file.Tensors.Max(t => t.Offset + t.ByteLength), file.Alignment));
    }

    [SharedTheory("vocab")]
    [MemberData(nameof(SharedFiles), "vocab")]
    public void Opens_vocabularies_of_other_writers(string name)
    {
        using var file = GgufFile.Open(SharedMaterial.Path($"vocab/{name}"));
        int tokens = name switch
        {
            "gpt-2.gguf" => 50257,
            "deepseek-llm.gguf" => 102400,
            "gemma-4.gguf" => 262144,
            "phi-3.gguf" => 32064,
            "refact.gguf" => 49216,
            "starcoder.gguf" => 49152,
            "llama-bpe.gguf" => 128256,
            "llama-spm.gguf" => 32000,
            _ => 151936,
        };
        Assert.Empty(file.Tensors);
        Assert.Equal(tokens, file.Metadata.Get<string[]>("tokenizer.ggml.tokens").Length);
        Assert.Equal(tokens, file.Metadata.Get<int[]>("tokenizer.ggml.token_type").Length);
    }

    [SharedTheory("gguf")]
    [MemberData(nameof(SharedFiles), "gguf")]
    public void Writing_a_model_of_another_writer_again_gives_its_bytes(string name)
    {
        using var file = GgufFile.Open(SharedMaterial.Path($"gguf/{name}"));
        var writer = new GgufWriter(file.Metadata, [.. file.Tensors.Select(t => new GgufTensorSource(
            t.Name, t.Type, t.Dimensions, (stream, _) => stream.Write(file.File.Span(t.Offset, (int)t.ByteLength))))]);
        using var copy = new MemoryStream();
        writer.WriteTo(copy, CancellationToken.None);
        Assert.True(file.File.Span(0, (int)file.File.Length).SequenceEqual(copy.ToArray()));
    }

    private GgufFile Open(ReadOnlySpan<byte> bytes) => GgufFile.Open(_folder.Add("test.gguf", bytes));

    private string Refused(Action<GgufImage> damage, string problem)
    {
        GgufImage image = Sound();
        damage(image);
        byte[] bytes = image.Build();
        long before = GC.GetAllocatedBytesForCurrentThread();
        var e = Assert.Throws<ModelFileException>(() => Open(bytes));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2_000_000 + (4 * bytes.Length));
        Assert.Equal(_folder["test.gguf"], e.Path);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        return e.Message;
    }
}
