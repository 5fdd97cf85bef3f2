using System.Text;
using MeKi.Model.Files;

namespace MeKi.Model.Tests.Files;

public sealed class SafetensorsFolderTest : IDisposable
{
    private const string Index = "model.safetensors.index.json";
    private const string First = "model-00001-of-00002.safetensors";
    private const string Second = "model-00002-of-00002.safetensors";

    private readonly TemporaryFolder _folder = new();

    public SafetensorsFolderTest()
    {
        _folder.Add(First, SafetensorsFileTest.Image(
            """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}""", 3));
        _folder.Add(Second, SafetensorsFileTest.Image(
            """{"c":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}""", 3));
        WriteIndex($$$"""{"metadata":{"total_size":5},"weight_map":{"a":"{{{First}}}","c":"{{{Second}}}","b":"{{{First}}}"}}""");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Merges_the_shards_as_the_index_says()
    {
        using var folder = SafetensorsFolder.Open(_folder.FullName);
        Assert.Equal(_folder.FullName, folder.Path);
        Assert.Equal(2, folder.Files.Count);
        Assert.Equal(["a", "b", "c"], folder.Tensors.Keys.Order());
        Assert.Equal([0, 1], BytesOf("a"));
        Assert.Equal([2], BytesOf("b"));
        Assert.Equal([0, 1], BytesOf("c"));
        Assert.Equal(_folder[Second], folder.Tensors["c"].File.Path);

        byte[] BytesOf(string name) => folder.Tensors[name].File.Span(folder.Tensors[name].Offset, (int)folder.Tensors[name].ByteLength).ToArray();
    }

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public void A_shard_may_be_named_from_this_folder_on()
    {
        WriteIndex($$$"""{"weight_map":{"a":"./{{{First}}}","c":"././{{{Second}}}","b":"{{{First}}}"}}""");
        using var folder = SafetensorsFolder.Open(_folder.FullName);
        Assert.Equal(["a", "b", "c"], folder.Tensors.Keys.Order());
        Assert.Equal(2, folder.Files.Count);
    }

    [Fact]
    public void Prefers_the_single_file()
    {
        _folder.Add("model.safetensors", SafetensorsFileTest.Image("""{"one":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1));
        using var folder = SafetensorsFolder.Open(_folder.FullName);
        Assert.Equal("one", Assert.Single(folder.Tensors).Key);
    }

    [Fact]
    public void Dispose_closes_every_file()
    {
        var folder = SafetensorsFolder.Open(_folder.FullName);
        folder.Dispose();
        folder.Dispose();
        Assert.All(folder.Files, file => Assert.False(file.File.TryAddReference()));
    }

    [Fact]
    public void Folder_without_weights()
    {
        File.Delete(_folder[Index]);
        Refused(_folder.FullName, "holds neither");
    }

    [Fact]
    public void Folder_that_does_not_exist()
    {
        var e = Assert.Throws<ModelFileException>(() => SafetensorsFolder.Open(_folder["none"]));
        Assert.Contains("is not a folder", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shard_that_is_missing()
    {
        File.Delete(_folder[Second]);
        Refused(_folder[Second], "does not exist");
        AssertNothingLeaks();
    }

    [Fact]
    public void Shard_that_is_damaged()
    {
        _folder.Add(Second, [1, 2, 3]);
        Refused(_folder[Second], "the file ends after 3 bytes");
        AssertNothingLeaks();
    }

    [Fact]
    public void Tensor_that_is_not_in_its_shard()
    {
        WriteIndex($$$"""{"weight_map":{"a":"{{{First}}}","b":"{{{Second}}}"}}""");
        Refused(_folder[Index], $"tensor 'b': is not in {Second}");
        AssertNothingLeaks();
    }

    [Theory]
    [InlineData("../model.safetensors")]
    [InlineData("/etc/model.safetensors")]
    [InlineData("sub/model.safetensors")]
    [InlineData("..\\\\model.safetensors")]
    [InlineData("C:model.safetensors")]
    [InlineData("config.json")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("./../model.safetensors")]
    [InlineData(".//etc/model.safetensors")]
    public void Shard_outside_the_folder(string shard)
    {
        WriteIndex($$$"""{"weight_map":{"a":"{{{shard}}}"}}""");
        Refused(_folder[Index], "is not the plain name of a .safetensors file");
    }

    [Theory]
    [InlineData("{}", "has no weight_map")]
    [InlineData("[]", "")]
    [InlineData("{", "is not valid JSON")]
    [InlineData("{} {}", "is not valid JSON")]
    [InlineData("{\"weight_map\":1}", "weight_map")]
    [InlineData("{\"weight_map\":{\"a\":1}}", "tensor 'a'")]
    [InlineData("{\"weight_map\":{\"a\":\"x.safetensors\",\"a\":\"x.safetensors\"}}", "tensor 'a': appears twice")]
    [InlineData("{\"weight_map\":{},\"weight_map\":{}}", "weight_map: appears twice")]
    public void Index_that_is_malformed(string index, string problem)
    {
        WriteIndex(index);
        Refused(_folder[Index], problem);
    }

    private void WriteIndex(string json) => _folder.Add(Index, Encoding.UTF8.GetBytes(json));

    private void Refused(string path, string problem)
    {
        var e = Assert.Throws<ModelFileException>(() => SafetensorsFolder.Open(_folder.FullName));
        Assert.Equal(path, e.Path);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    private void AssertNothingLeaks()
    {
        // Linux tells which files a process has mapped; the folder's name is this test's own.
        if (OperatingSystem.IsLinux())
            Assert.DoesNotContain(_folder.FullName, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);
    }
}
