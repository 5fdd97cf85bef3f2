using System.Text;
using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>Loading a tokenizer allocates no more than four times its file and 64 MB, whatever the file has.</summary>
[Trait("Fault", "18.15")]
public sealed class TokenizerMemoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_id_far_beyond_the_vocabulary()
    {
        BytePairTokenizer tokenizer = Load("\"a\":2097151");
        Assert.Equal((1 << 21, "a", "[PAD77]"), (tokenizer.VocabularySize, tokenizer.Data.Tokens[^1], tokenizer.Data.Tokens[77]));
        Assert.Equal([2097151], tokenizer.Encode("a"));
    }

    [Fact]
    public void A_size_far_beyond_the_vocabulary()
    {
        File.WriteAllText(_folder["config.json"], """{"vocab_size":2097151}""");
        Assert.Equal(2097151, Load("\"a\":5").VocabularySize);
    }

    [Theory]
    [InlineData("\"a a\",")]
    [InlineData("[\"a\",\"a\"],")]
    public void Merges_without_number(string merge)
    {
        BytePairTokenizer tokenizer = Load("\"a\":0,\"aa\":1", merges: string.Concat(Enumerable.Repeat(merge, 1_000_000)) + "\"a a\"");
        Assert.Equal([1, 0], tokenizer.Encode("aaa"));
        Assert.Single(tokenizer.Data.Merges);
    }

    [Fact]
    public void Tokens_without_number()
    {
        StringBuilder vocabulary = new();
        for (int id = 0; id < 1_000_000; id++)
            vocabulary.Append($"\"{id:x}\":{id},");
        Assert.Equal(1_000_001, Load(vocabulary + "\"z\":1000000").VocabularySize);
    }

    [Theory]
    [InlineData(4_000, 2_000)]
    [InlineData(200_000, 10)]
    [InlineData(1_000, 16_000)]
    public void Added_tokens_long_or_many(int count, int length)
    {
        StringBuilder added = new();
        string filling = new('x', length - 8);
        for (int i = 0; i < count; i++)
            added.Append($$"""{"id":{{i + 1}},"content":"<{{filling}}{{i:d6}}>"},""");
        BytePairTokenizer tokenizer = Load($"\"a\":{count + 1}", added: added + "{\"id\":0,\"content\":\"<x\"}");
        Assert.Equal([count + 1, 0, count + 1, 78, count + 1], tokenizer.Encode($"a<xa<{filling}{77:d6}>a"));
    }

    [Fact]
    public async Task Looking_for_added_tokens_does_not_take_longer_where_they_are_many()
    {
        // Names that begin with each other, and a text that begins one at each place and ends none but the shortest.
        string[] names = [.. Enumerable.Range(1, 4_000).Select(static length => new string('<', length))];
        BytePairData data = TinyTokenizer.Data with
        {
            Tokens = [.. TinyTokenizer.Data.Tokens, .. names, "<a>", "b"],
            Kinds = [.. TinyTokenizer.Data.Kinds, .. names.Select(static _ => TokenKind.Control), TokenKind.UserDefined, TokenKind.Normal],
        };
        BytePairTokenizer tokenizer = new(data);
        string text = string.Concat(Enumerable.Repeat("<a", 100_000)) + new string('<', 9_000);
        int[] ids = await Task.Run(() => tokenizer.Encode(text)).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(200_003, ids.Length);
        Assert.Equal(TinyTokenizer.Data.Tokens.Count + 999, ids[^1]);
        int[] plain = await Task.Run(() => tokenizer.Encode(text + "<a>", parseSpecial: false)).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(data.Tokens.Count - 2, plain[^1]);
    }

    [Fact]
    public void Too_long_and_too_many_added_tokens_are_refused()
    {
        BytePairData With(params string[] names) => TinyTokenizer.Data with
        {
            Tokens = [.. TinyTokenizer.Data.Tokens, .. names],
            Kinds = [.. TinyTokenizer.Data.Kinds, .. names.Select(static _ => TokenKind.UserDefined)],
        };
        string Refusal(BytePairData data) => Assert.ThrowsAny<ArgumentException>(() => new BytePairTokenizer(data)).Message;
        Assert.Contains("of 16385 bytes", Refusal(With(new string('x', 16_385))), StringComparison.Ordinal);
        string[] many = [.. Enumerable.Range(0, (1 << 18) + 1).Select(static i => $"<{i}>")];
        Assert.Contains("more than the 262144 that are allowed", Refusal(With(many)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_gguf_of_tiny_tokens_and_merges()
    {
        GgufMetadata metadata = new("test.gguf");
        GgufTokenizer.Write(TinyTokenizer.Data, metadata);
        string[] tokens = [.. TinyTokenizer.Data.Tokens, .. Enumerable.Repeat("", 2_000_000)];
        string[] merges = [.. Enumerable.Repeat("a a", 2_000_000)];
        metadata["tokenizer.ggml.tokens"] = Utf8Strings.Of(tokens);
        metadata["tokenizer.ggml.merges"] = Utf8Strings.Of(merges);
        metadata["tokenizer.ggml.token_type"] = Enumerable.Repeat((int)TokenKind.UserDefined, tokens.Length).ToArray();
        long file = 8L * tokens.Length + 4L * tokens.Length + 11L * merges.Length;
        Bounded(file, () => (BytePairTokenizer)GgufTokenizer.Load(metadata));
    }

    private BytePairTokenizer Load(string vocabulary, string merges = "", string added = "")
    {
        string path = _folder["tokenizer.json"];
        string model = "{\"type\":\"BPE\",\"vocab\":{" + vocabulary + "},\"merges\":[" + merges + "]}";
        File.WriteAllText(path, "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"added_tokens\":[" + added + "],\"model\":" + model + "}");
        return Bounded(new FileInfo(path).Length, () => (BytePairTokenizer)TokenizerJson.Load(path));
    }

    private static BytePairTokenizer Bounded(long file, Func<BytePairTokenizer> load)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        BytePairTokenizer tokenizer = load();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= 4 * file + (64 << 20), $"{allocated} bytes for a file of {file}");
        return tokenizer;
    }
}
