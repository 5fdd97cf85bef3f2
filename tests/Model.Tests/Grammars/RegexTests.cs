using System.Text.RegularExpressions;
using MeKi.Model.Grammars;

namespace MeKi.Tests.Grammars;

public class RegexTests
{
    public static TheoryData<string> Patterns { get; } =
    [
        "abc", "a|b|", "a*b+c?", "(ab)*", "(?:a|bc){2,3}", "a{3}", "a{2,}", "[a-cx]+", "[^a-c]", "a.c", "^ab$", "(a^)?b", "a($b)?", "(^a|b)c", "a(b$|c)",
        "\\d+\\.\\d*", "\\w\\W\\s\\S", "\\bab\\b", "a\\Bb", "\\b|\\ba", "(?=a)[ab]+", "(?!ab)[ab]{2}", "(?=.*c)(?=.*a)[abc]{2,4}", "(?:(?!bb)[abc])?b*",
        "(a|ab)(c|bcd)?", "[\\]\\-]", "\\u0061\\x62", "a{0}", "(a?b?c?){2}", "x*?y+?", "(a*)*", "(a+)+b", "[ab]*a[ab]{3}", "a|(?!b)c", "$", "^$", "(?=$)",
            "a(?=b)b", "[b-]",
    ];

    [Theory]
    [MemberData(nameof(Patterns))]
    public void The_whole_text_matches_as_the_backtracking_engine_says(string pattern)
    {
        Grammar grammar = Grammar.FromRegex(pattern);
        Regex regex = new($@"\A(?:{pattern})\z", RegexOptions.None, TimeSpan.FromSeconds(10));
        foreach (string text in Texts())
            Assert.True(regex.IsMatch(text) == grammar.Accepts(text), $"{pattern} on '{text}'");
    }

    [Theory]
    [MemberData(nameof(Patterns))]
    public void A_pattern_of_a_schema_may_match_anywhere(string pattern)
    {
        Grammar grammar = Grammar.FromJsonSchema($$"""{ "type": "string", "pattern": {{System.Text.Json.JsonSerializer.Serialize(pattern)}} }""");
        // In .NET the end may stand before a last line feed.
        Regex regex = new(pattern.Replace("$", "\\z", StringComparison.Ordinal), RegexOptions.None, TimeSpan.FromSeconds(10));
        foreach (string text in Texts())
            Assert.True(regex.IsMatch(text) == grammar.Accepts(System.Text.Json.JsonSerializer.Serialize(text)), $"{pattern} on '{text}'");
    }

    [Theory]
    [InlineData("\\p{L}+", "Größe", "a1")]
    [InlineData("\\p{Lu}\\p{Ll}*", "Ärger", "ärger")]
    [InlineData("\\P{L}", "1", "é")]
    [InlineData("[\\p{Nd}_]+", "1_٣", "a")]
    [InlineData(".", "😀", "ab")]
    [InlineData("[😀-😂]", "😁", "😎")]
    [InlineData("\\u{1F600}", "😀", "u")]
    [InlineData("\\uD83D\\uDE00", "😀", "u")]
    [InlineData("\\cJ", "\n", "J")]
    [InlineData("a{,3}", "a{,3}", "aaa")]
    public void Characters_are_code_points(string pattern, string yes, string no)
    {
        Grammar grammar = Grammar.FromRegex(pattern);
        Assert.True(grammar.Accepts(yes));
        Assert.False(grammar.Accepts(no));
    }

    [Theory]
    [InlineData("(a)\\1", "refers back")]
    [InlineData("(?<x>a)\\k<x>", "refers back")]
    [InlineData("(?<=a)b", "looks behind")]
    [InlineData("(?<!a)b", "looks behind")]
    [InlineData("(a", "does not end")]
    [InlineData("a)", "closes a group")]
    [InlineData("[a", "does not end")]
    [InlineData("*a", "repeats nothing")]
    [InlineData("a**", "repeats a repetition")]
    [InlineData("a{3,2}", "repeats from 3 to 2 times")]
    [InlineData("[b-a]", "ends before it begins")]
    [InlineData("\\", "ends in a backslash")]
    [InlineData("\\q", "unknown escape")]
    [InlineData("\\p{Foo}", "not known")]
    [InlineData("(?i)a", "unknown kind")]
    [InlineData("a(?!)", "matches no text")]
    [InlineData("a^b", "matches no text")]
    [InlineData("a$b", "matches no text")]
    [InlineData("((?=a)b*)*", "looks ahead in a repetition")]
    [InlineData(".*a.{40}b", "too large an automaton")]
    [InlineData("(a{1,1000}b{1,1000}){1,1000}", "too large an automaton")]
    [InlineData("(x{1000}){1000}", "too large an automaton")]
    public void An_expression_that_cannot_be_used_is_refused(string pattern, string message) =>
        Assert.Contains(message, Assert.Throws<GrammarException>(() => Grammar.FromRegex(pattern)).Message);

    [Fact]
    public void Expressions_that_ruin_a_backtracking_engine_are_harmless()
    {
        string text = new('a', 20_000);
        foreach (string pattern in (string[])["(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*b", "(?:a?){30}a{30}b", "([a-z]+)*b"])
            Assert.False(Grammar.FromRegex(pattern).Accepts(text));
    }

    [Fact]
    public void Deep_nesting_is_refused() =>
        Assert.Throws<GrammarException>(() => Grammar.FromRegex(new string('(', 9000) + "a" + new string(')', 9000)));

    private static IEnumerable<string> Texts()
    {
        string[] letters = ["a", "b", "c", "d", "x", "y", " ", "1", ".", "-", "]"];
        IEnumerable<string> texts = [""];
        foreach (string text in texts)
            yield return text;
        List<string> last = [""];
        for (int length = 1; length <= 3; length++)
        {
            last = [.. last.SelectMany(text => letters.Take(length < 3 ? letters.Length : 5).Select(letter => text + letter))];
            foreach (string text in last)
                yield return text;
        }
        yield return "aaaaab";
        yield return "abababab";
        yield return "ab cd";
        yield return "aaa\nb";
    }
}
