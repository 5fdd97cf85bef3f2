using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>The patterns that are code find what the regular expressions find.</summary>
public class SplitScannerTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    public static TheoryData<string> Names => [.. SplitNames.All];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_name_splits_as_its_patterns_do(string name)
    {
        // Character classes here are of the basic plane: .NET knows no others.
        SplitNames known = SplitNames.Find(name)!;
        Regex[] regexes = [.. known.Patterns.Select(static pattern => new Regex(WithBoundsOfAllMarks(pattern.Replace(BeyondTheBasicPlane(), "",
            StringComparison.Ordinal)), RegexOptions.CultureInvariant | RegexOptions.Multiline))];
        TextSplitter splitter = TextSplitter.Of(known.Patterns, "");
        Prop.ForAll(Texts(), text => Assert.Equal(Split(text, regexes), splitter.Split(text, long.MaxValue))).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("gpt-2", "we'LL go'll", "we|'|LL| go|'ll")]
    [InlineData("llama-bpe", "we'LL 12345\n\n x", "we|'LL| |123|45|\n\n| x")]
    [InlineData("qwen2", "12 a!\r\n\r\n  b", "1|2| a|!\r\n\r\n| | b")]
    [InlineData("qwen2", "नमस्ते", "नमस|्त|े")]
    [InlineData("qwen35", "नमस्ते", "नमस्ते")]
    [InlineData("gpt-4o", "HelloWORLDfoo's 日本ABC//\n/x", "Hello|WORLDfoo's| 日本|ABC|//\n/|x")]
    [InlineData("tekken", "HelloWORLDfoo's 123", "Hello|WORLDfoo|'s| |1|2|3")]
    [InlineData("deepseek-llm", "a 我们 b12  \n", "a| |我们| b|12|  |\n")]
    [InlineData("deepseek-coder", "a !我们 b12", "a| !|我们| b|1|2")]
    [InlineData("deepseek-v3", "_abc 12345我x", "_abc| |123|45|我|x")]
    [InlineData("kimi-k2", "HelloWORLDfoo's 日本ABC//\n/x 1234", "Hello|WORLDfoo's| |日本|ABC|//\n|/x| |123|4")]
    [InlineData("kimi-k2", "\U00020000\U00020001日a", "\U00020000\U00020001日|a")]
    [InlineData("afmoe", "ab1234567 12 日本 x", "ab|1|234|567| |12| |日本| x")]
    [InlineData("tiny_aya", "1234567 1234x", "1|234|567| |123|4|x")]
    [InlineData("tiny_aya", "1234\u093E 12\u20DD 12\u00B2", "123|4|\u093E| |12|\u20DD| |12|\u00B2")]
    [InlineData("superbpe", "a b 1234567 c", "a b |1|234|567| c")]
    [InlineData("exaone-moe", "one two 12!\n\nx", "one two| |1|2|!\n|\n|x")]
    [InlineData("jais-2", "a       b", "a|    |  | b")]
    [InlineData("spark2_5", "a.b 12\n\nx", "a|.b| |1|2|\n|\n|x")]
    [InlineData("chameleon", "a  b!12", "a|  |b|!|1|2")]
    [InlineData("ufakzeka", "Ankara'da 12", "Ankara|'da| |1|2")]
    [InlineData("falcon", "a--b 12345", "a|--|b| |123|45")]
    [InlineData("gpt-2", "\U0001D49C\U0001D4D1 \U0001D7CF😀", "\U0001D49C\U0001D4D1| \U0001D7CF|😀")]
    [InlineData("deepseek-llm", "\U00010400\U00010428 \U0001D49C\U00020000a", "\U00010400\U00010428| \U0001D49C\U00020000|a")]
    public void A_text_is_split(string name, string text, string expected)
    {
        int start = 0;
        string[] pieces = [.. TextSplitter.Of(SplitNames.Find(name)!.Patterns, "").Split(text, long.MaxValue).Select(end => text[start..(start = end)])];
        Assert.Equal(expected.Split('|'), pieces);
    }

    [Theory]
    [Trait("Length", "Long")]
    [InlineData("a")]
    [InlineData(" ")]
    [InlineData("\n")]
    [InlineData("1")]
    [InlineData("'")]
    [InlineData("!")]
    [InlineData("日")]
    [InlineData("A")]
    [InlineData("\u0301")]
    [InlineData(" \n")]
    [InlineData("日A")]
    public async Task A_million_characters_take_a_time_that_grows_with_the_text(string part)
    {
        string text = string.Concat(Enumerable.Repeat(part, 1_000_000 / part.Length)) + "x";
        foreach (string pattern in SplitNames.Compiled)
        {
            SplitPattern split = new(pattern);
            List<int> ends = [];
            await Task.Run(() => split.Split(text, 0, ends, long.MaxValue)).WaitAsync(Generous);
            Assert.Equal(text.Length, ends[^1]);
        }
    }

    [Fact]
    public void Names_are_unique_and_the_families_that_run_are_there()
    {
        Assert.Equal(SplitNames.All.Count(), SplitNames.All.Distinct().Count());
        Assert.Superset(new HashSet<string>([
            "qwen2", "qwen35", "llama-bpe", "llama3", "gpt-2", "smollm", "smaug-bpe", "refact", "starcoder", "deepseek-llm", "deepseek-coder", "falcon", "mpt",
            "command-r", "tekken", "gpt-4o", "olmo", "default", "kimi-k2", "afmoe"]), SplitNames.All.ToHashSet());
    }

    // Behind digits. Marks of every kind belong to a word where these patterns come from; to .NET only those that take no space do.
    private static string WithBoundsOfAllMarks(string pattern) => pattern.Replace(@"\b", @"(?![\p{L}\p{M}\p{Nd}\p{Pc}\u200C\u200D])", StringComparison.Ordinal);

    private static string BeyondTheBasicPlane()
    {
        int first = SplitNames.CasedLetters.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF');
        return SplitNames.CasedLetters[first..];
    }

    private static Arbitrary<string> Texts() => Gen.OneOf(
            Gen.Elements("a", "B", "é", "É", "ǅ", "ʰ", "日", "1", "²", "٣", " ", "  ", "\t", "\n", "\r", "\r\n", "\u00A0", "\u3000", "'", "'s", "'LL", "'Re",
                "!", "/", "$", "`", "_", "(", "…", "，", "\u0301", "\u093E", "\0", "\u200D", "\uFFFD", "\uE000", "123", "가", "\u1401"),
            Gen.Choose(0, 0xD7FF).Select(static c => ((char)c).ToString()))
        .ArrayOf().Select(string.Concat).ToArbitrary();

    private static List<int> Split(string text, Regex[] regexes)
    {
        List<string> pieces = text.Length > 0 ? [text] : [];
        foreach (Regex regex in regexes)
            pieces = [.. pieces.SelectMany(piece => Pieces(regex, piece))];
        int end = 0;
        return [.. pieces.Select(piece => end += piece.Length)];
    }

    private static IEnumerable<string> Pieces(Regex regex, string text)
    {
        int last = 0;
        foreach (Match match in regex.Matches(text).Where(static match => match.Length > 0))
        {
            if (match.Index > last)
                yield return text[last..match.Index];
            yield return match.Value;
            last = match.Index + match.Length;
        }
        if (last < text.Length)
            yield return text[last..];
    }
}
