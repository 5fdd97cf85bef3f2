using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>A split pattern comes from a file: it can neither hang the reader nor the encoder.</summary>
[Trait("Fault", "18.13")]
public sealed class SplitPatternLimitsTests : IDisposable
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(@"(?:a|aa)+\z")]
    [InlineData(@"(a+)+b")]
    [InlineData(@"(?:a*)*c")]
    public async Task A_pattern_without_looking_around_takes_a_time_that_grows_with_the_text(string pattern)
    {
        BytePairTokenizer tokenizer = Load(pattern);
        Assert.Equal(5_001, (await Task.Run(() => tokenizer.Encode(new string('a', 20_000) + "!")).WaitAsync(Generous)).Length);
    }

    [Theory]
    [InlineData(@"(?:a|aa)+(?!\S)")]
    [InlineData(@"(?:a|aa){1,5000}(?<=b)")]
    public async Task A_pattern_that_looks_around_is_stopped(string pattern)
    {
        BytePairTokenizer tokenizer = Load(pattern);
        string text = new string('a', 2_000) + "!";
        ModelFileException exception = await Assert.ThrowsAsync<ModelFileException>(() => Task.Run(() => tokenizer.Encode(text)).WaitAsync(Generous));
        Assert.Equal((_folder["tokenizer.json"], "split pattern 0"), (exception.Path, exception.Place));
        Assert.Contains("takes too long on a text of 2001 characters", exception.Message, StringComparison.Ordinal);
        // What it does not dwell on still works.
        Assert.Equal("hello", tokenizer.Decode(tokenizer.Encode("hello")));
    }

    [Fact]
    public async Task Matches_that_are_slow_together_are_stopped()
    {
        // Each match looks through the rest of the text.
        BytePairTokenizer tokenizer = Load(@"a(?=(?:b|a)*c)b|a");
        await Assert.ThrowsAsync<ModelFileException>(() => Task.Run(() => tokenizer.Encode(new string('a', 1_000_000))).WaitAsync(Generous));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{1")]
    [InlineData("(")]
    [InlineData("[")]
    [InlineData(@"\p{")]
    [InlineData("a++")]
    [InlineData("(?i")]
    public async Task A_long_pattern_is_refused_at_once(string part)
    {
        string pattern = string.Concat(Enumerable.Repeat(part, 50_000)) + "}";
        ModelFileException exception = await Assert.ThrowsAsync<ModelFileException>(() => Task.Run(() => Load(pattern)).WaitAsync(Generous));
        Assert.Contains("where at most 8192 are allowed", exception.Message, StringComparison.Ordinal);
        Assert.True(exception.Message.Length < 500, exception.Message);
    }

    [Theory]
    [InlineData("(?:", "x", ")")]
    [InlineData("(", "", ")")]
    [InlineData("(?=", "x", ")")]
    public void Deep_nesting_is_refused(string open, string inner, string close)
    {
        string Nested(int depth) => string.Concat(Enumerable.Repeat(open, depth)) + inner + string.Concat(Enumerable.Repeat(close, depth));
        Assert.Contains("nests groups deeper than 32", Assert.Throws<ArgumentException>(() => new SplitPattern(Nested(33))).Message, StringComparison.Ordinal);
        _ = new SplitPattern(Nested(32));
    }

    [Theory]
    [InlineData("a{1000000,}")]
    [InlineData("a{2,99999999999999999999}")]
    [InlineData("a{00000000000000000000001}")]
    public void A_count_beyond_reason_is_refused(string pattern) =>
        Assert.Contains("more often than a million times", Assert.Throws<ArgumentException>(() => new SplitPattern(pattern)).Message, StringComparison.Ordinal);

    [Fact]
    public void Possessive_quantifiers_may_be_many_and_nested() =>
        Assert.Equal("(?>(?:(?>(?:(?>a+)b)*)c)+)(?>d?)", SplitSyntax.ToDotNet("(?:(?:a++b)*+c)++d?+", out _));

    [Fact]
    public void Too_many_patterns_are_refused()
    {
        var data = TinyTokenizer.Data with { SplitPatterns = [.. Enumerable.Repeat("a", 65)] };
        Assert.Contains("65 where at most 64", Assert.ThrowsAny<ArgumentException>(() => new BytePairTokenizer(data)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_back_tracking_the_pieces_are_the_same()
    {
        (SplitPattern Ours, Regex Other)[] patterns = [.. ((string[])
        [
            @"\p{N}{1,3}",
            @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+",
            "a|ab", "ab|a", "(?:a|ab)(?:c|bcd)?", "x*?y|x", "^b|b$", @"\bhe\b|h", "(a|b)*?b", "(?i:STRASSE|straße)", "[^a]+?|a+",
            " ?[abc]+", "x?[ab]+", "(?: |)[^c]+",
        ]).Select(static pattern => (new SplitPattern(pattern), new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Multiline)))];
        Prop.ForAll(Gen.Elements("a", "b", "c", "d", "x", "y", "h", "he", "A", " ", "  ", "\n", "\r\n", "'s", "'RE", "1", "é", "我", "!", "straße", "\u0301")
            .ArrayOf().Select(string.Concat).ToArbitrary(), text =>
        {
            foreach ((SplitPattern ours, Regex other) in patterns)
            {
                List<int> ends = [];
                ours.Split(text, 0, ends, long.MaxValue);
                Assert.Equal(Pieces(other, text), ends);
            }
        }).QuickCheckThrowOnFailure();
    }

    private static List<int> Pieces(Regex regex, string text)
    {
        SortedSet<int> ends = [];
        foreach (Match match in regex.Matches(text).Where(static match => match.Length > 0))
        {
            ends.Add(match.Index);
            ends.Add(match.Index + match.Length);
        }
        ends.Add(text.Length);
        ends.Remove(0);
        return [.. ends];
    }

    private BytePairTokenizer Load(string pattern)
    {
        JsonObject json = TinyTokenizer.Json();
        json["pre_tokenizer"]!["pretokenizers"]![0] = TinyTokenizer.Split(pattern);
        File.WriteAllText(_folder["tokenizer.json"], json.ToJsonString());
        return (BytePairTokenizer)TokenizerJson.Load(_folder["tokenizer.json"]);
    }
}
