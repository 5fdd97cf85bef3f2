using System.Text;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>Folders whose tokenizer is a SentencePiece <c>tokenizer.model</c>.</summary>
public sealed class SentencePieceModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_with_nothing_else_has_the_tokenizer_of_the_gguf_file()
    {
        _folder.Add("tokenizer.model", Model());
        Tokenizer expected = GgufTokenizer.Load(TinySentencePiece.Gguf()), actual = Tokenizer.Load(_folder.FullName);
        foreach (string text in new[] { "hello world", " hello  world\n\naaaa", "é我x<tool>hello", "", "<s>hello</s>" })
        {
            Assert.Equal(expected.Encode(text), actual.Encode(text));
            Assert.Equal(expected.Decode(expected.Encode(text)), actual.Decode(actual.Encode(text)));
        }
        Assert.Equal((expected.BosId, expected.AddsBos, expected.VocabularySize), (actual.BosId, actual.AddsBos, actual.VocabularySize));
        Assert.Equal(expected.EosIds, actual.EosIds);
        Assert.Empty(actual.Warnings);
    }

    [Fact]
    public void Files_beside_it_add_tokens_and_say_how_texts_begin_and_end()
    {
        _folder.Add("tokenizer.model", Model());
        int next = TinySentencePiece.Scored.Tokens.Count;
        _folder.Add("added_tokens.json", Encoding.UTF8.GetBytes($$"""{ "<old>": {{next}} }"""));
        _folder.Add("config.json", Encoding.UTF8.GetBytes($$"""{ "vocab_size": {{next + 8}} }"""));
        _folder.Add("tokenizer_config.json", Encoding.UTF8.GetBytes($$"""
            {
              "add_bos_token": false, "eos_token": "<|im_end|>", "bos_token": { "content": "<s>" },
              "added_tokens_decoder": {
                "1": { "content": "<s>", "special": true },
                "{{next + 1}}": { "content": "<|im_start|>", "special": true, "rstrip": true },
                "{{next + 2}}": { "content": "<|im_end|>", "special": true } }
            }
            """));
        Tokenizer tokenizer = Tokenizer.Load(_folder.FullName);
        Assert.Equal((next + 8, TinySentencePiece.Bos, false), (tokenizer.VocabularySize, tokenizer.BosId, tokenizer.AddsBos));
        Assert.Equal(next + 2, tokenizer.EosIds[0]);
        Assert.Equal([next, next + 1, TinySentencePiece.Id("▁hello"), next + 2], tokenizer.Encode("<old><|im_start|>\nhello<|im_end|>"));
        Assert.Equal((TokenKind.Control, TokenKind.UserDefined, TokenKind.Unused),
            (tokenizer.KindOf(next + 1), tokenizer.KindOf(next), tokenizer.KindOf(next + 5)));
    }

    [Theory]
    [InlineData(1, "unigram")]
    [InlineData(3, "neither words nor BPE")]
    public void A_model_of_another_kind_is_refused(int type, string problem) =>
        Assert.Contains(problem, Refused(Model(trainer: [.. Field(3, type)])), StringComparison.Ordinal);

    [Fact]
    public void What_would_change_texts_and_is_not_supported_is_refused()
    {
        Assert.Contains("table of characters", Refused(Model(normalizer: [.. Bytes(2, [1, 2, 3])])), StringComparison.Ordinal);
        Assert.Contains("U+2581", Refused(Model(normalizer: [.. Field(5, 0)])), StringComparison.Ordinal);
        Assert.Contains("U+2581", Refused(Model(trainer: [.. Field(3, 2), .. Field(24, 1)])), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_another_kind_is_refused()
    {
        Assert.Contains("tiktoken", Refused("IQ== 0\nIg== 1\n"u8.ToArray()), StringComparison.Ordinal);
        Assert.Contains("empty", Refused([]), StringComparison.Ordinal);
        Assert.Contains("no pieces", Refused([.. Field(9, 1)]), StringComparison.Ordinal);
        Assert.Contains("not valid UTF-8", Refused([.. Bytes(1, [.. Bytes(1, [0xFF])])]), StringComparison.Ordinal);
        Assert.Contains("type 9", Refused([.. Bytes(1, [.. Bytes(1, "a"u8), .. Field(3, 9)])]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_cut_short_or_changed_is_read_or_refused()
    {
        byte[] whole = Model();
        Random random = new(5);
        for (int i = 0; i < 300; i++)
        {
            byte[] spoilt = whole[..random.Next(1, whole.Length)];
            spoilt[random.Next(spoilt.Length)] = (byte)random.Next(256);
            _folder.Add("tokenizer.model", spoilt);
            try
            {
                Assert.NotNull(Tokenizer.Load(_folder.FullName).Encode("hello world"));
            }
            catch (ModelFileException refused)
            {
                Assert.StartsWith(_folder["tokenizer.model"], refused.Message, StringComparison.Ordinal);
            }
        }
    }

    private string Refused(byte[] bytes)
    {
        _folder.Add("tokenizer.model", bytes);
        return Assert.Throws<ModelFileException>(() => Tokenizer.Load(_folder.FullName)).Message;
    }

    private static byte[] Model(byte[]? trainer = null, byte[]? normalizer = null)
    {
        SentencePieceData data = TinySentencePiece.Scored;
        List<byte> model = [];
        for (int id = 0; id < data.Tokens.Count; id++)
        {
            model.AddRange(Bytes(1,
            [
                .. Bytes(1, Encoding.UTF8.GetBytes(data.Tokens[id])), 0x15, .. BitConverter.GetBytes(data.Scores![id]), .. Field(3, (int)data.Kinds[id]),
            ]));
        }
        // A field that nobody knows, of each type.
        model.AddRange([0x99, 0x06, 0, 0, 0, 0, 0, 0, 0, 0, 0x9D, 0x06, 0, 0, 0, 0, .. Bytes(100, "x"u8), .. Field(101, 7)]);
        model.AddRange(Bytes(2, trainer ?? [.. Field(3, 2), .. Field(40, 0), .. Field(41, 1), .. Field(42, 2), .. Field(43, -1)]));
        model.AddRange(Bytes(3, normalizer ?? [.. Bytes(1, "identity"u8), .. Field(3, 1), .. Field(4, 0)]));
        return [.. model];
    }

    private static byte[] Field(int number, long value) => [.. Varint((ulong)number << 3), .. Varint((ulong)value)];

    private static byte[] Bytes(int number, ReadOnlySpan<byte> value) => [.. Varint(((ulong)number << 3) | 2), .. Varint((ulong)value.Length), .. value];

    private static List<byte> Varint(ulong value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7)
            bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return bytes;
    }
}
