using System.Text;
using MeKi.Fuzz.Mutation;
using MeKi.Model.Grammars;
using MeKi.Model.Tests.Tokenization;
using MeKi.Model.Tokenization;

namespace MeKi.Fuzz.Readers;

/// <summary>What says what a text must be; texts are tried, and a few tokens chosen under it.</summary>
internal abstract class GrammarReader : Reader
{
    private static readonly Tokenizer s_tokenizer = new BytePairTokenizer(TinyTokenizer.Data);

    private static readonly string[] s_texts =
        ["", "a", "{}", "[]", "null", "0", "-1.5e3", "\"x\"", "{\"a\":1,\"b\":[true,\"\\u00e9\"]}", "hello", "[1,2,3]", new string('a', 2000), "[" + new string('[', 200),
            "{\"a\":{\"a\":{\"a\":{}}}}", "\ud800", "2024-02-30", "foo@example.org"];

    public override bool IsProgram => true;

    public override void Read(byte[] input, Random random)
    {
        Grammar grammar = Compile(Encoding.UTF8.GetString(input));
        for (int i = 0; i < 2; i++)
            grammar.Accepts(s_texts[random.Next(s_texts.Length)]);
        TokenConstraint constraint = grammar.Start(s_tokenizer);
        ulong[] mask = new ulong[constraint.Words];
        for (int i = 0; i < 6 && !constraint.HasEnded; i++)
        {
            constraint.Mask(mask, random.Next(3) == 0 ? random.Next(1, 12) : int.MaxValue);
            int[] allowed = [.. Enumerable.Range(0, s_tokenizer.VocabularySize).Where(id => (mask[id >> 6] >> (id & 63) & 1) != 0)];
            Require(allowed.Length > 0, "no token may follow");
            Require(constraint.Accept(allowed[random.Next(allowed.Length)]), "a token of the mask is refused");
        }
        constraint.ForcedText();
    }

    protected abstract Grammar Compile(string text);
}

/// <summary>GBNF.</summary>
internal sealed class GbnfReader : GrammarReader
{
    private static readonly TextMutation s_text = new(
        ["root", "::=", "|", "(", ")", "*", "+", "?", "{2,5}", "{0}", "{3,}", "{9999999}", "\"a\"", "\"\\n\"", "[a-z]", "[^\"\\\\]", "[\\u0000-\\U0010FFFF]", ".", "ws", "value", "\n", "#",
            "item", "\\x41", "\"", "[", "]", "-", "_", "<[12]>", "!<[3]>"],
        [("(", ")"), ("(", ")*"), ("(", ")?"), ("((", "){1,9}){1,9}"), ("[", "]"), ("\"", "\"")]);

    public override string Name => "gbnf";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_text.Mutate(input, other, random);

    protected override Grammar Compile(string text) => Grammar.FromGbnf(text);

    protected override IEnumerable<byte[]> Sound() => new[]
    {
        "root ::= object\nvalue ::= object | array | string | number | (\"true\" | \"false\" | \"null\") ws\nobject ::= \"{\" ws (string \":\" ws value (\",\" ws string \":\" ws value)*)? \"}\" ws\n"
            + "array ::= \"[\" ws (value (\",\" ws value)*)? \"]\" ws\nstring ::= \"\\\"\" ([^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\bfnrt] | \"u\" [0-9a-fA-F]{4}))* \"\\\"\" ws\n"
            + "number ::= (\"-\"? ([0-9] | [1-9] [0-9]{0,15})) (\".\" [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws\nws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n",
        "root ::= (expr \"=\" ws term \"\\n\")+\nexpr ::= term ([-+*/] term)*\nterm ::= ident | num | \"(\" ws expr \")\" ws\nident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ ws\nws ::= [ \\t\\n]*",
        "# chess\nroot ::= \"1. \" move \" \" move \"\\n\" ([1-9] [0-9]? \". \" move \" \" move \"\\n\")+\nmove ::= (pawn | nonpawn | castle) [+#]?\nnonpawn ::= [NBKQR] [a-h]? [1-8]? \"x\"? [a-h] [1-8]\n"
            + "pawn ::= ([a-h] \"x\")? [a-h] [1-8] (\"=\" [NBKQR])?\ncastle ::= \"O-O\" \"-O\"?",
        "root ::= [ぁ-ゟ]{1,4} | .{2} \"é\\U0001F642\"\n",
    }.Select(Encoding.UTF8.GetBytes);
}

/// <summary>Regular expressions.</summary>
internal sealed class RegexReader : GrammarReader
{
    private static readonly TextMutation s_text = new(
        ["a", ".", "\\d", "\\w", "\\s", "\\S", "\\p{L}", "\\P{Lu}", "\\u{1F642}", "\\x41", "\\cA", "\\b", "\\B", "^", "$", "(?=a)", "(?!a)", "(?<=a)", "\\1", "\\k<n>", "(?<n>", "(?:", "(", ")",
            "[", "]", "[^a-z]", "[\\d\\-x]", "|", "*", "+", "?", "*?", "{2}", "{2,}", "{0,3}", "{1000}", "{99999999999}", "{", "}", "[]", "[^]", "\\-", "\\/", "\\0", "é"],
        [("(", ")"), ("(?:", ")*"), ("(?:", "){3}"), ("(?=", ")"), ("(?!", ")"), ("(a|", ")+"), ("[", "]"), ("(?:.*a", "){9}")]);

    public override string Name => "regex";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_text.Mutate(input, other, random);

    protected override Grammar Compile(string text) => Grammar.FromRegex(text);

    protected override IEnumerable<byte[]> Sound() => new[]
    {
        @"[a-z]+(-[a-z]+)*", @"^\d{4}-\d{2}-\d{2}$", @"(?=.*\d)(?=.*[a-z]).{8,12}", @"(a|b)*abb(?!c)", @"[^\s@]+@[^\s@]+\.[a-z]{2,}", @"\p{Lu}\p{Ll}+( \p{Lu}\p{Ll}+){0,3}",
        @"(\d{1,3}\.){3}\d{1,3}", @"(?:https?:\/\/)?[\w.-]+(\/[\w\-.~%]*)*", @"\u{1F600}|[\u4e00-\u9fff]{2}", @"(x+x+)+y",
    }.Select(Encoding.UTF8.GetBytes);
}

/// <summary>JSON schemas.</summary>
internal sealed class SchemaReader : GrammarReader
{
    private static readonly JsonMutation s_json = new("type", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "items",
        "prefixItems", "contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems", "enum", "const", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref", "$defs",
        "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "definitions", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems",
        "minProperties", "maxProperties", "default", "title", "#", "#/$defs/a", "#/properties/a", "#a", "string", "number", "integer", "object", "array", "null",
        "boolean", "date-time", "email", "uuid", "ipv4", "uri", "regex", "^a+$", "^(a|b)*$", "a", "b", "$schema", "additionalItems", "$recursiveRef");

    public override string Name => "schema";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_json.Mutate(input, other, random);

    protected override Grammar Compile(string text) => Grammar.FromJsonSchema(text);

    protected override IEnumerable<byte[]> Sound() => new[]
    {
        """{"type":"object","properties":{"name":{"type":"string","maxLength":20},"age":{"type":"integer","minimum":0,"maximum":130},"tags":{"type":"array","items":{"enum":["a","b",null,1.5]},"uniqueItems":true,"maxItems":4}},"required":["name","age"],"additionalProperties":false}""",
        """{"$defs":{"node":{"type":"object","properties":{"v":{"type":"number","multipleOf":0.5},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v"]}},"$ref":"#/$defs/node"}""",
        """{"oneOf":[{"type":"string","pattern":"^[a-z]{2,5}$"},{"type":"array","prefixItems":[{"const":1},{"type":"boolean"}],"items":false,"minItems":1}],"not":{"const":"no"}}""",
        """{"type":"object","patternProperties":{"^x-":{"type":"string","format":"date"}},"propertyNames":{"maxLength":8},"minProperties":1,"maxProperties":3,"dependentRequired":{"a":["b"]},"unevaluatedProperties":{"type":"integer"}}""",
        """{"if":{"properties":{"kind":{"const":"a"}}},"then":{"required":["x"]},"else":{"properties":{"y":{"exclusiveMinimum":-3,"exclusiveMaximum":7.25}}},"allOf":[{"type":"object"},{"properties":{"kind":{"enum":["a","b"]}}}]}""",
        """{"type":"array","contains":{"type":"integer"},"minContains":1,"maxContains":2,"unevaluatedItems":false}""", """{"format":"date-time","type":"string"}""",
        """{"$id":"http://x/y","$anchor":"top","$dynamicAnchor":"d","type":["object","string"],"properties":{"a":{"$dynamicRef":"#d"},"b":{"$ref":"#top"}}}""", "true", "{}",
    }.Select(Encoding.UTF8.GetBytes);
}
