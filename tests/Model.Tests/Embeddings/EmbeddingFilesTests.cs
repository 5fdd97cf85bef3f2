using System.Text;
using MeKi.Model.Embeddings;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;

namespace MeKi.Model.Tests.Embeddings;

public sealed class EmbeddingFilesTests : IDisposable
{
    private const string Modules =
        """
        [{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
         {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
         {"idx": 2, "path": "2_Last", "type": "sentence_transformers.models.LAST"}]
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null, null)]
    [InlineData(0u, null)]
    [InlineData(1u, Pooling.Mean)]
    [InlineData(2u, Pooling.Cls)]
    [InlineData(3u, Pooling.Last)]
    public void Gguf_says_the_pooling_by_number(uint? type, Pooling? expected) => Assert.Equal(expected, EmbeddingFiles.OfGguf(Metadata(type)));

    [Fact]
    public void A_pooling_that_there_is_not_and_attention_in_both_directions_are_refused()
    {
        Assert.Contains("the pooling 4 is not supported", Assert.Throws<ModelFileException>(() => EmbeddingFiles.OfGguf(Metadata(4))).Message,
            StringComparison.Ordinal);
        GgufMetadata both = Metadata(1);
        both["qwen3.attention.causal"] = false;
        Assert.Contains("both directions", Assert.Throws<ModelFileException>(() => EmbeddingFiles.OfGguf(both)).Message, StringComparison.Ordinal);
        Write("config.json", """{"use_bidirectional_attention": true}""");
        Assert.Contains("both directions", Refusal(), StringComparison.Ordinal);
        Write("config.json", """{"is_causal": false}""");
        Assert.Contains("both directions", Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}""", Pooling.Mean)]
    [InlineData("""{"pooling_mode_cls_token": true}""", Pooling.Cls)]
    [InlineData("""{"pooling_mode_mean_tokens": false, "pooling_mode_lasttoken": true, "include_prompt": true}""", Pooling.Last)]
    public void A_folder_says_it_in_its_modules(string settings, Pooling expected)
    {
        Assert.Null(EmbeddingFiles.OfFolder(_folder.FullName));
        Directory.CreateDirectory(_folder["1_Pooling"]);
        Write("1_Pooling/config.json", settings);
        Assert.Equal(expected, EmbeddingFiles.OfFolder(_folder.FullName));
        Write("modules.json", Modules.Replace("LAST", "Normalize", StringComparison.Ordinal));
        Assert.Equal(expected, EmbeddingFiles.OfFolder(_folder.FullName));
    }

    [Fact]
    public void Modules_that_change_the_vector_are_refused_by_name()
    {
        Write("modules.json", Modules.Replace("LAST", "Dense", StringComparison.Ordinal));
        Assert.Contains("'Dense' is not supported", Refusal(), StringComparison.Ordinal);
        File.Delete(_folder["modules.json"]);
        Directory.CreateDirectory(_folder["1_Pooling"]);
        Write("1_Pooling/config.json", """{"pooling_mode_max_tokens": true}""");
        Assert.Contains("pooling", Refusal(), StringComparison.Ordinal);
        Write("1_Pooling/config.json", "[");
        Assert.Contains("JSON", Refusal(), StringComparison.Ordinal);
    }

    private static GgufMetadata Metadata(uint? type)
    {
        GgufMetadata metadata = new("model.gguf") { ["general.architecture"] = "qwen3" };
        if (type is { } known)
            metadata["qwen3.pooling_type"] = known;
        return metadata;
    }

    private string Refusal() => Assert.Throws<ModelFileException>(() => EmbeddingFiles.OfFolder(_folder.FullName)).Message;

    private void Write(string name, string text) => _folder.Add(name, Encoding.UTF8.GetBytes(text));
}
