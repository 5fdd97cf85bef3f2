using System.Text.Json.Nodes;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

[Trait("Fault", "18.4")]
public sealed class EndTokenTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private IReadOnlyList<string> _warnings = [];

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Names =>
    [
        "<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "<|end_of_text|>",
        "<end_of_utterance>", "<turn|>", "[e~[", "<|return|>", "<|call|>", "<｜end▁of▁sentence｜>",
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_name_that_ends_a_text_everywhere_counts_whatever_its_type(string name)
    {
        foreach (TokenKind kind in new[] { TokenKind.Normal, TokenKind.UserDefined, TokenKind.Unused })
        {
            BytePairTokenizer tokenizer = Load(Vocabulary((name, kind)));
            Assert.Equal([TinyTokenizer.End], tokenizer.Data.EosIds);
            Assert.Equal(TokenKind.Control, tokenizer.Data.Kinds[TinyTokenizer.End]);
            Assert.Contains($"{name} ({TinyTokenizer.End}) ends a text by name", Assert.Single(_warnings), StringComparison.Ordinal);
            // As plain text it is no token.
            Assert.DoesNotContain(TinyTokenizer.End, tokenizer.Encode($"a{name}", parseSpecial: false));
            Assert.Equal([(int)'a', TinyTokenizer.End], tokenizer.Encode($"a{name}"));
            Assert.Empty(tokenizer.TokenBytes(TinyTokenizer.End).ToArray());
        }
    }

    [Fact]
    public void Without_token_types_names_still_end_a_text()
    {
        GgufMetadata metadata = Vocabulary(("<|im_end|>", TokenKind.Normal), ("<|endoftext|>", TokenKind.Normal), ("<x>", TokenKind.Normal));
        GgufMetadata without = new("test.gguf");
        foreach ((string key, object value) in metadata)
        {
            if (key != "tokenizer.ggml.token_type")
                without[key] = value;
        }
        Assert.Equal([TinyTokenizer.End + 1, TinyTokenizer.End], Load(without).Data.EosIds);
        Assert.Single(_warnings);
    }

    [Fact]
    public void A_token_that_the_file_marks_is_no_warning()
    {
        Assert.Equal([TinyTokenizer.End], Load(Vocabulary(("<|im_end|>", TokenKind.Control))).Data.EosIds);
        Assert.Empty(_warnings);
    }

    [Theory]
    [InlineData("</s>")]
    [InlineData("<eos>")]
    [InlineData("[EOS]")]
    public void What_may_be_text_counts_where_it_is_marked_or_nothing_else_ends(string name)
    {
        Assert.Equal([TinyTokenizer.End], Load(Vocabulary((name, TokenKind.Normal))).Data.EosIds);
        Assert.Equal([TinyTokenizer.End, TinyTokenizer.End + 1], Load(Vocabulary(("<|im_end|>", TokenKind.Control), (name, TokenKind.Control))).Data.EosIds);
        // Qwen's vocabulary has "</s>" as an ordinary token, for HTML.
        BytePairTokenizer ordinary = Load(Vocabulary(("<|im_end|>", TokenKind.Control), (name, TokenKind.Normal)));
        Assert.Equal([TinyTokenizer.End], ordinary.Data.EosIds);
        Assert.Equal(TokenKind.Normal, ordinary.Data.Kinds[TinyTokenizer.End + 1]);
    }

    [Fact]
    public void Gemmas_turns_end_a_text()
    {
        string[] names = ["<eos>", "<end_of_turn>", "<turn|>"];
        Assert.Equal([TinyTokenizer.End, TinyTokenizer.End + 1, TinyTokenizer.End + 2],
            Load(Vocabulary([.. names.Select(static name => (name, TokenKind.Control))])).Data.EosIds.Order());
        Assert.Empty(_warnings);
        // As the files of Gemma 4 have it.
        Assert.Equal([TinyTokenizer.End], Load(Vocabulary(("<|tool_response>", TokenKind.UserDefined))).Data.EosIds);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void In_the_format_of_gpt_oss_a_message_ends_without_the_text()
    {
        int[] ends = [.. Load(Vocabulary(("<|end|>", TokenKind.Control), ("<|return|>", TokenKind.Control), ("<|call|>", TokenKind.Control))).Data.EosIds];
        Assert.Equal([TinyTokenizer.End + 1, TinyTokenizer.End + 2], ends);
    }

    [Fact]
    public void An_added_token_that_is_not_special_ends_a_text_too()
    {
        JsonObject json = TinyTokenizer.Json();
        json["added_tokens"]![1]!["content"] = "<|im_end|>";
        json["added_tokens"]![0]!["content"] = "<other>";
        File.WriteAllText(_folder["tokenizer.json"], json.ToJsonString());
        BytePairTokenizer tokenizer = Noted(TokenizerJson.Load(_folder["tokenizer.json"]));
        Assert.Equal([TinyTokenizer.Tool], tokenizer.Data.EosIds);
        Assert.Contains($"<|im_end|> ({TinyTokenizer.Tool}) ends a text by name", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    private BytePairTokenizer Load(GgufMetadata metadata) => Noted(GgufTokenizer.Load(metadata));

    private BytePairTokenizer Noted(Tokenizer tokenizer)
    {
        _warnings = tokenizer.Warnings;
        return (BytePairTokenizer)tokenizer;
    }

    // The tiny vocabulary with these tokens in the place of its added ones, and no declared end.
    private static GgufMetadata Vocabulary(params (string Text, TokenKind Kind)[] added)
    {
        GgufMetadata metadata = new("test.gguf");
        BytePairData data = TinyTokenizer.Data with
        {
            Tokens = [.. TinyTokenizer.Data.Tokens.Take(TinyTokenizer.End), .. added.Select(static token => token.Text)],
            Kinds = [.. TinyTokenizer.Data.Kinds.Take(TinyTokenizer.End), .. added.Select(static token => token.Kind)],
            EosIds = [],
        };
        GgufTokenizer.Write(data, metadata);
        GgufMetadata foreign = new("test.gguf");
        foreach ((string key, object value) in metadata)
        {
            if (!key.StartsWith("tokenizer.meki.", StringComparison.Ordinal))
                foreign[key] = value;
        }
        return foreign;
    }
}
