using System.Text;
using FsCheck;
using FsCheck.Fluent;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

public class SentencePieceTokenizerTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static readonly SentencePieceTokenizer s_scored = new(TinySentencePiece.Scored), s_ranked = new(TinySentencePiece.Ranked);

    [Theory]
    [InlineData("", new string[0])]
    [InlineData("hello", new[] { "▁hello" })]
    [InlineData("hello wor", new[] { "▁hello", "▁wor" })]
    [InlineData(" hello", new[] { "▁", "▁hello" })]
    [InlineData("hell he", new[] { "▁", "hell", "▁", "he" })]
    [InlineData("aaaaaa", new[] { "▁", "aaaa", "aa" })]
    [InlineData("    ", new[] { "▁▁▁▁", "▁" })]
    [InlineData("\n\n\nhe", new[] { "▁", "\n\n", "\n", "he" })]
    [InlineData("z", new[] { "▁", "<0x7A>" })]
    [InlineData("é😀我", new[] { "▁", "é", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "我" })]
    [InlineData("\0", new[] { "▁", "<0x00>" })]
    public void Pairs_merge_by_score_and_by_rank_and_what_has_no_token_becomes_bytes(string text, string[] expected)
    {
        foreach (SentencePieceTokenizer tokenizer in new[] { s_scored, s_ranked })
        {
            Assert.Equal(expected, TinySentencePiece.Pieces(tokenizer, text));
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        }
    }

    [Fact]
    public void Pairs_merge_as_defined() => Prop.ForAll(
        Gen.Elements("helo werd aé\nz".ToCharArray()).ArrayOf().Select(static chars => new string(chars)).ToArbitrary(),
        static text => TinySentencePiece.Pieces(s_scored, text).SequenceEqual(MergedByScore(text))
            && TinySentencePiece.Pieces(s_ranked, text).SequenceEqual(MergedByRank(text))).QuickCheckThrowOnFailure();

    [Fact]
    public void Text_comes_back() => Prop.ForAll(BytePairTokenizerTests.ValidText(), static text =>
    {
        // Behind an added token in the text there is a space, for the model and for the reader.
        text = text.Replace("<tool>", "", StringComparison.Ordinal);
        foreach (SentencePieceTokenizer tokenizer in new[] { s_scored, s_ranked })
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, parseSpecial: false)));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Control_tokens_are_text_unless_they_are_parsed()
    {
        Assert.Equal([TinySentencePiece.Bos, .. s_scored.Encode("a", addSpecial: false)], s_scored.Encode("<s>a", addSpecial: false));
        int[] plain = s_scored.Encode("<s>a<unk>", addSpecial: false, parseSpecial: false);
        Assert.DoesNotContain(plain, static id => id < TinySentencePiece.FirstByte);
        Assert.Equal("<s>a<unk>", s_scored.Decode(plain));
        Assert.Equal(["▁", "a", "<tool>", "▁", "a"], TinySentencePiece.Pieces(s_scored, "a<tool>a", parseSpecial: false));
        // What names a byte is text, too.
        Assert.Equal("<0x41>", s_scored.Decode(s_scored.Encode("<0x41>")));
    }

    [Theory]
    [InlineData(nameof(SpacePrefix.Never), "a<tool>a| a", "a|<tool>|a|▁|a")]
    [InlineData(nameof(SpacePrefix.Always), "a<tool>a| a", "▁|a|<tool>|▁|a|▁▁|a")]
    [InlineData(nameof(SpacePrefix.Missing), "a<tool>a| a", "▁|a|<tool>|▁|a|▁|a")]
    [InlineData(nameof(SpacePrefix.First), "a<tool>a| a", "▁|a|<tool>|a|▁|a")]
    public void A_space_is_put_where_the_tokenizer_wants_it(string prefix, string texts, string expected)
    {
        SentencePieceTokenizer tokenizer = new(TinySentencePiece.Ranked with { Prefix = Enum.Parse<SpacePrefix>(prefix) });
        Assert.Equal(expected.Split('|'), texts.Split('|').SelectMany(text => TinySentencePiece.Pieces(tokenizer, text)));
    }

    [Fact]
    public void Only_the_first_space_of_a_text_is_left_out_when_it_is_decoded()
    {
        int[] ids = s_scored.Encode("hello wor");
        Assert.Equal("hello wor", s_scored.Decode(ids));
        TokenDecoder continued = s_scored.CreateDecoder(continues: true);
        Assert.Equal(" hello wor", string.Concat(ids.Select(id => continued.Append(id).ToString())));
        Assert.Equal(" a", s_scored.Decode(s_scored.Encode(" a")));
        SentencePieceTokenizer gemma = new(TinySentencePiece.Ranked with { Prefix = SpacePrefix.Never });
        Assert.Equal(" hello", gemma.Decode(gemma.Encode(" hello")));
        // A user-defined token of spaces, as Gemma 3 has them, is not the space before the text.
        Assert.Equal("<tool> a", s_scored.Decode(s_scored.Encode("<tool>a")));
    }

    [Fact]
    public void A_character_of_several_byte_tokens_comes_with_the_last()
    {
        TokenDecoder decoder = s_scored.CreateDecoder();
        int[] ids = s_scored.Encode("a😀", addSpecial: false);
        string[] parts = [.. ids.Select(id => decoder.Append(id).ToString())];
        Assert.Equal(["", "a", "", "", "", "😀"], parts);
        Assert.Equal("a\uFFFD", s_scored.Decode(ids.AsSpan(..^1)));
    }

    [Fact]
    public void Extra_spaces_go_where_the_tokenizer_was_trained_so()
    {
        SentencePieceTokenizer tokenizer = new(TinySentencePiece.Scored with { RemovesExtraSpaces = true });
        Assert.Equal(["▁hello", "▁wor"], TinySentencePiece.Pieces(tokenizer, "  hello   wor "));
        Assert.Equal(["▁hello", "\n", "▁w"], TinySentencePiece.Pieces(tokenizer, "hello\n  w "));
        Assert.Empty(TinySentencePiece.Pieces(tokenizer, "   "));
        Assert.Equal("hello wor", tokenizer.Decode(tokenizer.Encode("  hello   wor ")));
    }

    [Fact]
    public void Words_merge_apart_where_the_tokenizer_splits_them() =>
        Assert.Equal(["▁", "▁", "▁hello", "▁", "▁w"], TinySentencePiece.Pieces(
            new SentencePieceTokenizer(TinySentencePiece.Ranked with { SplitsWords = true, Prefix = SpacePrefix.Missing }), "   hello  w"));

    [Fact]
    public void A_whole_piece_that_is_a_token_is_taken_before_any_merge()
    {
        SentencePieceData data = TinySentencePiece.Ranked with
        {
            Tokens = [.. TinySentencePiece.Ranked.Tokens, "▁who", "\n\n\n"],
            Kinds = [.. TinySentencePiece.Ranked.Kinds, TokenKind.Normal, TokenKind.Normal],
            Prefix = SpacePrefix.Missing,
        };
        Assert.Equal(["▁w", "h", "o"], TinySentencePiece.Pieces(new SentencePieceTokenizer(data), "who"));
        Assert.Equal(["▁who"], TinySentencePiece.Pieces(new SentencePieceTokenizer(data with { IgnoreMerges = true }), "who"));
        data = data with { Prefix = SpacePrefix.Never, SplitPatterns = [SentencePieceData.Lines] };
        Assert.Equal(["h", "\n\n", "\n", "h"], TinySentencePiece.Pieces(new SentencePieceTokenizer(data), "h\n\n\nh"));
        Assert.Equal(["h", "\n\n\n", "h"], TinySentencePiece.Pieces(new SentencePieceTokenizer(data with { TakesLineFeedsWhole = true }), "h\n\n\nh"));
    }

    [Fact]
    public void Without_byte_tokens_a_character_is_unknown()
    {
        SentencePieceData data = TinySentencePiece.Scored with
        {
            Kinds = [.. TinySentencePiece.Scored.Kinds.Select(static kind => kind == TokenKind.Byte ? TokenKind.Unused : kind)],
        };
        Assert.Equal(["▁", "<unk>", "a", "<unk>"], TinySentencePiece.Pieces(new SentencePieceTokenizer(data), "zzaz"));
        Assert.Equal(["▁", "<unk>", "<unk>", "a", "<unk>"], TinySentencePiece.Pieces(new SentencePieceTokenizer(data with { FusesUnknown = false }), "zzaz"));
        Refuses(data with { UnknownId = null }, "byte tokens: there are none, and no unknown token");
    }

    [Fact]
    public void Tokens_across_a_space_or_a_line_are_found()
    {
        string[] more = ["a▁", "a▁h", "\nh", "r\n", "▁\n"];
        SentencePieceData data = TinySentencePiece.Scored with
        {
            Tokens = [.. TinySentencePiece.Scored.Tokens, .. more],
            Kinds = [.. TinySentencePiece.Scored.Kinds, .. more.Select(static _ => TokenKind.Normal)],
            Scores = [.. TinySentencePiece.Scored.Scores!, 9, 8, 7, 6, 5],
        };
        SentencePieceTokenizer tokenizer = new(data);
        Assert.Equal(["▁", "a▁h", "a▁", "a▁", "w"], TinySentencePiece.Pieces(tokenizer, "a ha a w"));
        Assert.Equal(["▁", "\nh", "o", "r\n", "▁\n", "\nh"], TinySentencePiece.Pieces(tokenizer, "\nhor\n \n\nh"));
    }

    [Theory]
    [Trait("Length", "Long")]
    [InlineData('a')]
    [InlineData('z')]
    [InlineData(' ')]
    [InlineData('\n')]
    [InlineData('我')]
    public async Task A_million_characters_without_a_break_do_not_hang(char c)
    {
        string text = new(c, 1_000_000);
        foreach (SentencePieceTokenizer tokenizer in new[] { s_scored, s_ranked })
        {
            int[] ids = await Task.Run(() => tokenizer.Encode(text, addSpecial: false)).WaitAsync(Generous);
            Assert.Equal(c switch { 'a' => 250_001, ' ' => 250_001, '\n' => 500_001, _ => 1_000_001 }, ids.Length);
            Assert.Equal(text, tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void A_lone_surrogate_becomes_the_replacement_character() =>
        Assert.Equal("a\uFFFDb", s_scored.Decode(s_scored.Encode("a\uD835b")));

    [Fact]
    public void A_tokenizer_that_contradicts_itself_is_refused()
    {
        SentencePieceData scored = TinySentencePiece.Scored, ranked = TinySentencePiece.Ranked;
        Refuses(scored with { Scores = [1] }, $"token scores: there are 1 for {scored.Tokens.Count} tokens");
        Refuses(scored with { Scores = [.. scored.Scores![..^1], float.NaN] }, $"score of token {scored.Tokens.Count - 1}: is not a number");
        Refuses(ranked with { Merges = [("h", "nowhere")] }, "merge 0 ('h' and 'nowhere'): the token 'nowhere' is not in the vocabulary");
        Refuses(ranked with { Merges = [("h", "w")] }, "the token 'hw' is not in the vocabulary");
        Refuses(Without(TinySentencePiece.FirstByte + 0x41), "byte tokens: <0x41> is missing, and a text with it");
        Refuses(Without(TinySentencePiece.FirstByte, TinySentencePiece.FirstByte + 9), "byte tokens: <0x00> is missing and 1 more are");
        Refuses(scored with { Tokens = [.. scored.Tokens.Select(static text => text == "<0x41>" ? "<0xZZ>" : text)] },
            "byte token 68: has the text '<0xZZ>', which names no byte");
        Refuses(ranked with { SplitPatterns = ["("] }, "split pattern 0");
    }

    private static SentencePieceData Without(params int[] ids) => TinySentencePiece.Scored with
    {
        Kinds = [.. TinySentencePiece.Scored.Kinds.Select((kind, id) => ids.Contains(id) ? TokenKind.Unused : kind)],
    };

    private static void Refuses(SentencePieceData data, string expected) =>
        Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(() => new SentencePieceTokenizer(data)).Message, StringComparison.Ordinal);

    // Of all neighbours whose text is a token, the leftmost of the best score, until none is left.
    private static List<string> MergedByScore(string text) => Merged(text, static (left, right) =>
        TinySentencePiece.Id(left + right) is >= TinySentencePiece.FirstText and int id ? -TinySentencePiece.Scored.Scores![id] : float.PositiveInfinity);

    private static List<string> MergedByRank(string text) => Merged(text, static (left, right) =>
        Array.IndexOf(TinySentencePiece.Merges, (left, right)) is >= 0 and int rank ? rank : float.PositiveInfinity);

    private static List<string> Merged(string text, Func<string, string, float> rank)
    {
        List<string> parts = text.Length == 0 ? [] : [.. ("▁" + text.Replace(' ', '▁')).EnumerateRunes().Select(static rune => rune.ToString())];
        while (true)
        {
            int best = -1;
            float lowest = float.PositiveInfinity;
            for (int i = 0; i + 1 < parts.Count; i++)
            {
                if (rank(parts[i], parts[i + 1]) < lowest)
                    (best, lowest) = (i, rank(parts[i], parts[i + 1]));
            }
            if (best < 0)
                break;
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
        return [.. parts.SelectMany(static part => TinySentencePiece.Id(part) >= 0
            ? [part] : Encoding.UTF8.GetBytes(part).Select(static value => $"<0x{value:X2}>"))];
    }
}
