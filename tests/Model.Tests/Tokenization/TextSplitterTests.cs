using FsCheck;
using FsCheck.Fluent;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

public class TextSplitterTests
{
    private static string[] Split(string text, params string[] patterns)
    {
        int start = 0;
        return [.. new TextSplitter([.. patterns.Select(static pattern => new SplitPattern(pattern))], "").Split(text, long.MaxValue).Select(end =>
        {
            string piece = text[start..end];
            start = end;
            return piece;
        })];
    }

    [Theory]
    [InlineData("Hello, world", new[] { "Hello", ",", " world" })]
    [InlineData("we'Ll 12  x", new[] { "we", "'Ll", " ", "1", "2", " ", " x" })]
    [InlineData("ab \U0001D49C\U0001D4D1!", new[] { "ab", " \U0001D49C\U0001D4D1", "!" })]
    [InlineData("x\U00020000\U00020001 y", new[] { "x\U00020000\U00020001", " y" })]
    [InlineData("\U0001D7CF\U0001D7D0", new[] { "\U0001D7CF", "\U0001D7D0" })]
    [InlineData("a😀😀b", new[] { "a", "😀😀", "b" })]
    [InlineData("", new string[0])]
    public void Qwen2_TreatsEveryCharacterByItsCategory(string text, string[] expected) => Assert.Equal(expected, Split(text, TinyTokenizer.Qwen2));

    [Fact]
    public void EveryPatternSplitsThePiecesOfTheOneBefore() =>
        Assert.Equal(["ab", "1", "2", "c", "d"], Split("ab12cd", @"\p{N}+", "[0-9]", "d"));

    [Fact]
    public void LoneSurrogates_AreNotDropped() => Assert.Equal(["a", "\uD835", "b"], Split("a\uD835b", @"\p{L}+"));

    [Fact]
    public void PiecesAddUpToTheText() => Prop.ForAll(BytePairTokenizerTests.ValidText(), static text =>
        string.Concat(Split(text, TinyTokenizer.Qwen2)) == text
        && Split(text, TinyTokenizer.Qwen2).All(static piece => piece.Length > 0)).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("a?+b", "aab", new[] { "a", "ab" })]
    [InlineData("(?:ab)++c|x", "ababcx", new[] { "ababc", "x" })]
    [InlineData(@"[^\]a]*+\]", "bb]a", new[] { "bb]", "a" })]
    [InlineData(@"\p{L}++a|b", "aab", new[] { "aa", "b" })] // \p{L}++ takes all and gives nothing back
    [InlineData(@"\x{4e00}+", "x\u4E00\u4E00", new[] { "x", "\u4E00\u4E00" })]
    [InlineData(@"a{,2}", "aaa", new[] { "aa", "a" })]
    [InlineData(@"x+?", "xx", new[] { "x", "x" })]
    [InlineData(@"^b", "a\nbb", new[] { "a\n", "b", "b" })]
    public void OnigurumaSyntax_IsUnderstood(string pattern, string text, string[] expected) => Assert.Equal(expected, Split(text, pattern));

    [Theory]
    [InlineData("")]
    [InlineData("(")]
    [InlineData("[a")]
    [InlineData("[a-z&&[^b]]")]
    [InlineData("[[:alpha:]]")]
    [InlineData("(?m:.)")]
    [InlineData(@"\p{Han}")]
    [InlineData(@"\h")]
    [InlineData(@"\x{1F600}")]
    [InlineData("😀")]
    [InlineData("[😀]")]
    [InlineData("a{1,2}+")]
    public void WhatDotnetWouldReadOtherwise_IsRefused(string pattern)
    {
        var exception = Assert.Throws<ArgumentException>(() => new SplitPattern(pattern));
        Assert.Contains("cannot be used", exception.Message, StringComparison.Ordinal);
    }
}
