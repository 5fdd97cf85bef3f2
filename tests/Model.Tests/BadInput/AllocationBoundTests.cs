using System.Text;
using MeKi.Model.Conversion;
using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Gguf;
using static MeKi.Model.Tests.Gguf.GgufImage;

namespace MeKi.Model.Tests.BadInput;

/// <summary>Reading a file allocates at most four times the file and 64 MB, whatever its counts claim and however small the parts are that it is made
/// of.</summary>
[Trait("Fault", "18.15")]
public sealed class AllocationBoundTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_shape_of_millions_of_ones()
    {
        string shape = "[1" + string.Concat(Enumerable.Repeat(",1", 5_000_000)) + "]";
        string path = Safetensors($$$"""{"t":{"dtype":"F32","shape":{{{shape}}},"data_offsets":[0,8]}}""", 8);
        Assert.Contains("tensor 't': has a list of more than 64 sizes", Refused(path, () => SafetensorsFile.Open(path)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_of_millions_of_letters()
    {
        string path = Safetensors($$$"""{"{{{new string('x', 10_000_000)}}}":{"dtype":"F32","shape":[],"data_offsets":[0,8]}}""", 8);
        Refused(path, () => SafetensorsFile.Open(path));
    }

    [Fact]
    public void A_safetensors_file_of_nothing_but_names()
    {
        StringBuilder header = new("{");
        for (int i = 0; i < 400_000; i++)
            header.Append(System.Globalization.CultureInfo.InvariantCulture, $"\"{i:x}\":{{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[{i},{i + 1}]}},");
        header.Append("\"last\":{}}");
        string path = Safetensors(header.ToString(), 400_000);
        Assert.Contains("more than 262144 tensors", Refused(path, () => SafetensorsFile.Open(path)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_safetensors_file_of_unknown_fields()
    {
        StringBuilder header = new("{\"t\":{");
        for (int i = 0; i < 1_500_000; i++)
            header.Append("\"f\":1,");
        header.Append("\"dtype\":\"U8\"}}");
        string path = Safetensors(header.ToString(), 0);
        Refused(path, () => SafetensorsFile.Open(path));
    }

    [Fact]
    public void An_index_of_nothing_but_names()
    {
        StringBuilder index = new("{\"weight_map\":{");
        for (int i = 0; i < 400_000; i++)
            index.Append(System.Globalization.CultureInfo.InvariantCulture, $"\"{i:x}\":\"a.safetensors\",");
        string path = _folder.Add("model.safetensors.index.json", Encoding.UTF8.GetBytes(index.Append("\"x\":\"a.safetensors\"}}").ToString()));
        Refused(path, () => SafetensorsFolder.Open(_folder.FullName));
    }

    [Fact]
    public void Arrays_within_arrays()
    {
        byte[] inner = GgufImage.Array(8, 1, Text("x"));
        byte[] nest = GgufImage.Array(9, 400_000, Repeat(inner, 400_000));
        string path = _folder.Add("model.gguf", new GgufImage().Key("k", 9, nest).Build());
        Assert.Contains("400000 arrays in the value of metadata key 'k' are more than the 65536", Refused(path, () => GgufFile.Open(path)),
            StringComparison.Ordinal);
        byte[] deep = GgufImage.Array(9, 300, Repeat(GgufImage.Array(9, 300, Repeat(inner, 300)), 300));
        path = _folder.Add("model.gguf", new GgufImage().Key("k", 9, deep).Build());
        Assert.Contains("arrays in the value of metadata key 'k' are more than", Refused(path, () => GgufFile.Open(path)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_gguf_file_of_nothing_but_names(bool keys)
    {
        using MemoryStream entries = new();
        for (int i = 0; i < 299_999; i++)
        {
            entries.Write(Text(i.ToString("x", null)));
            // A byte, or a single value of four bytes at the start of the data.
            entries.Write(keys ? [0, 0, 0, 0, 1] : new byte[16]);
        }
        entries.Write(Text("last"));
        GgufImage image = keys ? new GgufImage { KeyValueCount = 300_000 }.Key(entries.ToArray(), 0, 1)
            : new GgufImage { TensorCount = 300_000 }.Tensor([.. entries.ToArray(), .. new byte[16]]);
        string path = _folder.Add("model.gguf", image.Build());
        Assert.Contains($"300000 {(keys ? "metadata keys" : "tensors")} are more than the 65536", Refused(path, () => GgufFile.Open(path)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_strings_of_a_large_vocabulary_take_what_they_have_in_the_file()
    {
        byte[] strings = GgufImage.Array(8, 1_000_000, Repeat(Text("ab"), 1_000_000));
        byte[] file = new GgufImage().Key("tokenizer.ggml.tokens", 9, strings).Build();
        string path = _folder.Add("model.gguf", file);
        long before = GC.GetAllocatedBytesForCurrentThread();
        using GgufFile opened = GgufFile.Open(path);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, file.Length);
        Assert.True(opened.Metadata.IsArray("tokenizer.ggml.tokens"));
    }

    /// <summary>Layers are counted where there are tensors, and not before.</summary>
    [Theory]
    [Trait("Fault", "18.14")]
    [InlineData(1u << 21)]
    [InlineData((1u << 24) - 1)]
    [InlineData(1_000)]
    public void More_layers_than_the_file_can_hold(uint layers)
    {
        string checkpoint = new MeKi.Tests.TinyCheckpoint().Write(_folder["c"]);
        string path = Converter.Convert(checkpoint, _folder["out"]).ModelPath;
        using (MemoryStream copy = new())
        {
            using (GgufFile file = GgufFile.Open(path))
            {
                file.Metadata["qwen3meki.block_count"] = layers;
                file.Metadata["qwen3meki.attention.sliding_window"] = 16u;
                new GgufWriter(file.Metadata, [.. file.Tensors.Select(tensor => new GgufTensorSource(tensor.Name, tensor.Type, tensor.Dimensions,
                    (stream, _) => stream.Write(tensor.File!.Span(tensor.Offset, (int)tensor.ByteLength))))]).WriteTo(copy, default);
            }
            File.WriteAllBytes(path, copy.ToArray());
        }
        foreach (Action open in new Action[] { () => MeKiModel.Load(path), () => Quantizer.Quantize(path, _folder["q.gguf"], WeightRecipe.Q4_K_M) })
            Assert.Contains("block_count", Refused(path, open), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_settings_of_nothing_but_values()
    {
        string checkpoint = new MeKi.Tests.TinyCheckpoint().Write(_folder["c"]);
        // A tokenizer is read as a stream: what it does not know takes no memory.
        foreach ((string name, string problem) in new[] { ("config.json", "more values than"), ("tokenizer.json", "has no field 'model'") })
        {
            string path = Path.Combine(checkpoint, name);
            byte[] sound = File.ReadAllBytes(path);
            File.WriteAllText(path, "{\"x\":[0" + string.Concat(Enumerable.Repeat(",0", 4_000_000)) + "]}");
            Assert.Contains(problem, Refused(path, () => MeKiModel.Load(checkpoint)), StringComparison.Ordinal);
            File.WriteAllBytes(path, sound);
        }
    }

    private static byte[] Repeat(byte[] part, int count)
    {
        byte[] all = new byte[part.Length * count];
        for (int i = 0; i < count; i++)
            part.CopyTo(all, i * part.Length);
        return all;
    }

    private string Safetensors(string header, int dataBytes) => _folder.Add("model.safetensors", SafetensorsFileTest.Image(header, dataBytes));

    private static string Refused(string path, Action open)
    {
        long bytes = new FileInfo(path).Length, before = GC.GetAllocatedBytesForCurrentThread();
        ModelFileException failure = Assert.Throws<ModelFileException>(open);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 * bytes + (64 << 20));
        Assert.Equal(path, failure.Path);
        Assert.InRange(failure.Message.Length, 1, 1_000);
        return failure.Message;
    }
}
