using MeKi.Model.Grammars;

namespace MeKi.Tests.Grammars;

public class GbnfTests
{
    private const string Json = """
        # JSON as llama.cpp's examples have it.
        root   ::= object
        value  ::= object | array | string | number | ("true" | "false" | "null") ws

        object ::=
          "{" ws (
                    string ":" ws value
            ("," ws string ":" ws value)*
          )? "}" ws

        array  ::=
          "[" ws (
                    value
            ("," ws value)*
          )? "]" ws

        string ::=
          "\"" (
            [^"\\\x7F\x00-\x1F] |
            "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
          )* "\"" ws

        number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
        ws ::= | " " | "\n" [ \t]{0,20}
        """;

    [Theory]
    [InlineData("""{"a":[1,2.5,-3e1,"x\n\u00e9",{"b":null}],"c":true}""", true)]
    [InlineData("""{"a" :1}""", true)]
    [InlineData("""{}""", true)]
    [InlineData("""{"a":[[[[[[1]]]]]]}""", true)]
    [InlineData("""[]""", false)]
    [InlineData("""{"a":1,}""", false)]
    [InlineData("""{"a":01}""", false)]
    [InlineData("""{"a":[1}""", false)]
    [InlineData("""{"a":1""", false)]
    public void The_grammar_of_JSON_accepts_JSON(string text, bool isJson) => Assert.Equal(isJson, Grammar.FromGbnf(Json).Accepts(text));

    [Theory]
    [InlineData("root ::= \"a\" | \"b\"", "a", "b", "", "ab", "c")]
    [InlineData("root ::= \"a\"{2,3}", "aa", "aaa", "a", "aaaa", "")]
    [InlineData("root ::= \"a\"{2}", "aa", "aa", "a", "aaa", "")]
    [InlineData("root ::= \"a\"{2,}", "aa", "aaaaaaa", "a", "", "b")]
    [InlineData("root ::= \"\"{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2}{2} \"a\"?", "a", "", "aa", "b", " ")]
    [InlineData("root ::= [a-c^\\]-]+", "a", "b^]-c", "", "d", "a d")]
    [InlineData("root ::= [^a-c]", "d", "é", "a", "dd", "")]
    [InlineData("root ::= \"\\x41\\u00e9\\U0001F600\\t\"", "Aé😀\t", "Aé😀\t", "Aé😀", "A", "")]
    [InlineData("root ::= . . .", "a\né", "😀😀😀", "ab", "abcd", "")]
    [InlineData("root ::= (\"a\" |\n \"b\")+ # comment\n", "a", "abba", "", "c", "aa ")]
    [InlineData("root ::= list\nlist ::= \"x\" | \"x\" \",\" list", "x", "x,x,x", "x,", ",", "xx")]
    [InlineData("root ::= p\np ::= \"(\" p \")\" | \"\"", "", "((()))", "(()", ")", "())")]
    [InlineData("root ::= a-b_c9?\na-b_c9 ::= \"z\"", "", "z", "zz", "a", "")]
    [InlineData("root ::= s*\ns ::= \"a\" | \"b\" s \"c\"", "", "abbacca", "b", "ac", "bac c")]
    public void Rules_match_what_they_say(string grammar, string yes, string alsoYes, string no, string alsoNo, string norThis)
    {
        Grammar built = Grammar.FromGbnf(grammar);
        Assert.True(built.Accepts(yes));
        Assert.True(built.Accepts(alsoYes));
        Assert.False(built.Accepts(no));
        Assert.False(built.Accepts(alsoNo) && alsoNo.Length > 0);
        Assert.False(built.Accepts(norThis) && norThis.Length > 0);
    }

    [Fact]
    public void The_rule_to_match_can_have_another_name() => Assert.True(Grammar.FromGbnf("start ::= \"x\"", "start").Accepts("x"));

    [Theory]
    [InlineData("root ::= root \"a\" | \"a\"", "rule 'root': leads back to itself before any character")]
    [InlineData("root ::= a\na ::= b \"x\"\nb ::= a?", "leads back to itself before any character")]
    [InlineData("root ::= \"\" root \"a\" | \"a\"", "leads back to itself before any character")]
    [InlineData("root ::= \"a\" root", "matches no text")]
    [InlineData("root ::= \"a\" []", "matches no text")]
    [InlineData("root ::= \"a\" b", "line 1, column 14: uses the rule 'b', which is not there")]
    [InlineData("rot ::= \"a\"", "has no rule 'root'")]
    [InlineData("root ::= \"a", "does not end")]
    [InlineData("root ::= [a", "does not end")]
    [InlineData("root ::= (\"a\"", "does not end")]
    [InlineData("root ::= \"a\")", "closes a group")]
    [InlineData("root = \"a\"", "has no ::=")]
    [InlineData("root ::= \"\\q\"", "unknown escape")]
    [InlineData("root ::= [b-a]", "ends before it begins")]
    [InlineData("root ::= \"a\"{3,2}", "repetition")]
    [InlineData("root ::= * \"a\"", "repeats nothing")]
    [InlineData("root ::= <think>", "names a token")]
    [InlineData("root ::= \"a\"\nroot ::= \"b\"", "line 2, column 5: defines the rule 'root' twice")]
    [InlineData("root ::= \"a\"{99999}{99999}", "needs more than")]
    [InlineData("root ::= \"a\"{999999}", "repeats more than")]
    [InlineData("", "has no rule 'root'")]
    public void A_grammar_that_cannot_be_used_is_refused_with_its_place(string grammar, string message) =>
        Assert.Contains(message, Assert.Throws<GrammarException>(() => Grammar.FromGbnf(grammar)).Message);

    [Fact]
    public void Deep_nesting_is_refused_or_built()
    {
        Assert.Throws<GrammarException>(() => Grammar.FromGbnf("root ::= " + new string('(', 100_000) + "\"a\"" + new string(')', 100_000)));
        string chain = string.Join('\n', Enumerable.Range(0, 5000).Select(static i => $"r{i} ::= \"a\" r{i + 1}")) + "\nr5000 ::= \"b\"\nroot ::= r0";
        try
        {
            Assert.True(Grammar.FromGbnf(chain).Accepts(new string('a', 5000) + "b"));
        }
        catch (GrammarException exception)
        {
            Assert.Contains("nested too deep", exception.Message);
        }
    }

    [Fact]
    public void An_ambiguous_grammar_stays_small()
    {
        // Exponentially many readings of each text.
        Grammar grammar = Grammar.FromGbnf("root ::= s\ns ::= \"a\" | \"a\" s | \"a\" s s | \"(\" s \")\" s?");
        Assert.True(grammar.Accepts(new string('a', 100)));
        Assert.True(grammar.Accepts(string.Concat(Enumerable.Repeat("(aa", 50)) + string.Concat(Enumerable.Repeat(")a", 50))));
        Assert.False(grammar.Accepts(new string('a', 100) + ")"));
    }

    [Fact]
    public void A_grammar_that_can_be_read_in_ever_more_ways_is_told_so()
    {
        Grammar grammar = Grammar.FromGbnf("""
            root ::= (sum "=")+
            sum ::= term ("+" term)*
            term ::= name | [0-9]
            name ::= [a-z] [a-z0-9]* term
            """);
        Assert.Contains("more than 500 ways at once", Assert.Throws<GrammarException>(() => grammar.Accepts(new string('a', 2000))).Message);
    }

    [Fact]
    public void A_long_repetition_at_a_rules_end_does_not_pile_up()
    {
        Grammar grammar = Grammar.FromGbnf("root ::= item rest\nrest ::= \"\" | \",\" item rest\nitem ::= [a-z]+ | \"(\" root \")\"");
        Assert.True(grammar.Accepts("a" + string.Concat(Enumerable.Repeat(",(b,c)", 20_000))));
    }
}
