using System.Text;
using FsCheck;
using FsCheck.Fluent;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

public class BytePairTokenizerTests
{
    private static readonly BytePairTokenizer s_tiny = new(TinyTokenizer.Data);

    private static string[] Pieces(BytePairTokenizer tokenizer, string text) => [.. tokenizer.Encode(text).Select(id => tokenizer.Data.Tokens[id])];

    [Theory]
    [InlineData("", new string[0])]
    [InlineData("hello", new[] { "hello" })]
    [InlineData("hell he", new[] { "hell", "Ġ", "he" })]
    [InlineData("hello world", new[] { "hello", "Ġw", "o", "r", "l", "d" })]
    [InlineData("aaaaa", new[] { "aaaa", "a" })]
    [InlineData("é", new[] { "Ã©" })]
    [InlineData("     ", new[] { "ĠĠĠĠ", "Ġ" })]
    [InlineData("    a", new[] { "ĠĠ", "Ġ", "Ġ", "a" })]
    [InlineData("\n\n", new[] { "Ċ", "Ċ" })]
    [InlineData("😀", new[] { "ð", "Ł", "ĺ", "Ģ" })]
    public void Encode_MergesByRankWithinPieces(string text, string[] expected) => Assert.Equal(expected, Pieces(s_tiny, text));

    [Fact]
    public void Encode_FindsAddedTokens_TheLongestFirst() =>
        Assert.Equal([TinyTokenizer.Tools, 'h', TinyTokenizer.Tool, TinyTokenizer.End], s_tiny.Encode("<tool>sh<tool><|end|>"));

    [Fact]
    public void Encode_WithoutParsing_ReadsControlTokensAsText_ButFindsUserDefinedOnes()
    {
        int[] ids = s_tiny.Encode("<|end|><tool>", parseSpecial: false);
        Assert.DoesNotContain(TinyTokenizer.End, ids);
        Assert.Equal(TinyTokenizer.Tool, ids[^1]);
        Assert.Equal("<|end|><tool>", s_tiny.Decode(ids));
    }

    [Fact]
    public void Encode_AddsBos_OnlyWhereTheModelWantsItAndTheCallerDoes()
    {
        var tokenizer = new BytePairTokenizer(TinyTokenizer.Data with { BosId = TinyTokenizer.End, AddBos = true });
        Assert.Equal([TinyTokenizer.End], tokenizer.Encode(""));
        Assert.Empty(tokenizer.Encode("", addSpecial: false));
        Assert.Empty(new BytePairTokenizer(TinyTokenizer.Data with { BosId = TinyTokenizer.End }).Encode(""));
    }

    [Fact]
    public void Encode_IgnoringMerges_TakesAWholePieceThatIsAToken()
    {
        // No merge leads to "xyz", so only the look-up of the whole piece can find it.
        var data = TinyTokenizer.Data with { Tokens = [.. TinyTokenizer.Data.Tokens, "xyz"], Kinds = [.. TinyTokenizer.Data.Kinds, TokenKind.Normal] };
        Assert.Equal(["x", "y", "z"], Pieces(new(data), "xyz"));
        Assert.Equal(["xyz"], Pieces(new(data with { IgnoreMerges = true }), "xyz"));
        Assert.Equal(["x", "y", "z", "x"], Pieces(new(data with { IgnoreMerges = true }), "xyzx"));
    }

    [Fact]
    public void Encode_Nfc_ComposesFirst()
    {
        var tokenizer = new BytePairTokenizer(TinyTokenizer.Data with { NormalizeNfc = true });
        Assert.Equal(["Ã©"], Pieces(tokenizer, "e\u0301"));
        Assert.Equal("é<tool>é", tokenizer.Decode(tokenizer.Encode("e\u0301<tool>e\u0301")));
        Assert.Equal(["e", "Ì", "ģ"], Pieces(s_tiny, "e\u0301"));
    }

    [Fact]
    public void Encode_LoneSurrogates_BecomeTheReplacementCharacter() =>
        Assert.Equal("a\uFFFDb\uFFFD", s_tiny.Decode(s_tiny.Encode("a\uD835b\uDC9C")));

    [Theory]
    [InlineData('a')]
    [InlineData('z')]
    [InlineData(' ')]
    public void Encode_AMillionCharactersWithoutABreak_DoesNotHang(char c)
    {
        string text = new(c, 1_000_000);
        int[] ids = s_tiny.Encode(text);
        Assert.Equal(c == 'z' ? 1_000_000 : 250_000, ids.Length);
        Assert.Equal(text, s_tiny.Decode(ids));
    }

    [Fact]
    public void Encode_IsTheSameOnManyThreads_AlsoWhenTheCacheOverflows()
    {
        var words = Enumerable.Range(0, 40_000).Select(static i => Convert.ToString(i * 2543L, 2).Replace('0', 'h').Replace('1', 'e'));
        string text = string.Join(' ', words);
        var fresh = new BytePairTokenizer(TinyTokenizer.Data);
        int[] expected = fresh.Encode(text);
        Parallel.For(0, 4, i => Assert.Equal(expected, (i % 2 == 0 ? fresh : new(TinyTokenizer.Data)).Encode(text)));
        Assert.Equal(text, fresh.Decode(expected));
    }

    [Fact]
    public void DecodeOfEncode_GivesTheTextBack() => Prop.ForAll(ValidText(), static text =>
        s_tiny.Decode(s_tiny.Encode(text, parseSpecial: false)) == text).QuickCheckThrowOnFailure();

    [Fact]
    public void MergingFollowsTheDefinition() => Prop.ForAll(
        Gen.Elements("helo aéw".ToCharArray()).ArrayOf().Select(static chars => new string(chars)).ToArbitrary(),
        static text => s_tiny.Encode(text).SequenceEqual(MergedByDefinition(text))).QuickCheckThrowOnFailure();

    [Fact]
    public void TokenBytes_AreThoseOfTheText()
    {
        Assert.Equal("hello"u8.ToArray(), s_tiny.TokenBytes(TinyTokenizer.FirstMerged + 3).ToArray());
        Assert.Equal(" w"u8.ToArray(), s_tiny.TokenBytes(TinyTokenizer.FirstMerged + 4).ToArray());
        Assert.Equal("<tool>"u8.ToArray(), s_tiny.TokenBytes(TinyTokenizer.Tool).ToArray());
        Assert.Empty(s_tiny.TokenBytes(TinyTokenizer.End).ToArray());
        Assert.Equal(Enumerable.Range(0, 256), Enumerable.Range(0, 256).Select(static id => (int)s_tiny.TokenBytes(id)[0]));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void TokenBytes_OutsideTheVocabulary_Throws(int id)
    {
        var exception = Assert.Throws<ArgumentOutOfRangeException>(() => s_tiny.TokenBytes(id).Length);
        Assert.Contains($"0 to {s_tiny.VocabularySize - 1}", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void IsEndOfText_KnowsTheDeclaredTokens()
    {
        Assert.True(s_tiny.IsEndOfText(TinyTokenizer.End));
        Assert.False(s_tiny.IsEndOfText(TinyTokenizer.Tool));
    }

    [Fact]
    public void Constructor_RefusesDataThatContradictsItself()
    {
        Assert.ThrowsAny<ArgumentException>(static () => new BytePairTokenizer(TinyTokenizer.Data with { Kinds = [] }));
        Assert.ThrowsAny<ArgumentException>(static () => new BytePairTokenizer(TinyTokenizer.Data with { BosId = 100_000 }));
        Assert.ThrowsAny<ArgumentException>(static () => new BytePairTokenizer(TinyTokenizer.Data with { SplitPatterns = ["("] }));
    }

    /// <summary>Text of all kinds of characters, without lone surrogates.</summary>
    internal static Arbitrary<string> ValidText() =>
        Gen.Elements("a", "he", "llo", " ", "  ", "\n", "\r\n", "'s", "1", "é", "e\u0301", "我",
            "\U0001D49C", "\U00020000", "😀", "\u200D", "!", "<|end|>", "<tool>s", "\0", "\uFFFD")
            .ArrayOf().Select(string.Concat).ToArbitrary();

    // Byte-pair encoding as it is defined: of all adjacent pairs merge the first of lowest rank, until none is left.
    private static List<int> MergedByDefinition(string text)
    {
        var ids = new List<int>();
        int start = 0;
        foreach (int end in new TextSplitter([new(TinyTokenizer.Qwen2)], "").Split(text, long.MaxValue))
        {
            List<string> parts = [.. Encoding.UTF8.GetBytes(text[start..end]).Select(static b => ByteLevelAlphabet.CharOf(b).ToString())];
            foreach (var (left, right) in TinyTokenizer.Merges)
            {
                for (int i = 0; i + 1 < parts.Count; i++)
                {
                    if (parts[i] == left && parts[i + 1] == right)
                    {
                        parts[i] += right;
                        parts.RemoveAt(i + 1);
                    }
                }
            }
            ids.AddRange(parts.Select(static part => TinyTokenizer.Data.Tokens.ToList().IndexOf(part)));
            start = end;
        }
        return ids;
    }
}
