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
        ["", "a", "{}", "[]", "null", "0", "-1.5e3", "\"x\"", "{\"a\":1,\"b\":[true,\"\\u00e9\"]}", "hello", "[1,2,3]", new string('a', 2000),
            "[" + new string('[', 200),
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
        constraint.HasOneWay();
    }

    protected abstract Grammar Compile(string text);
}

/// <summary>GBNF.</summary>
internal sealed class GbnfReader : GrammarReader
{
    private static readonly TextMutation s_text = new(
        ["root", "::=", "|", "(", ")", "*", "+", "?", "{2,5}", "{0}", "{3,}", "{9999999}", "\"a\"", "\"\\n\"", "[a-z]", "[^\"\\\\]", "[\\u0000-\\U0010FFFF]",
            ".", "ws", "value", "\n", "#",
            "item", "\\x41", "\"", "[", "]", "-", "_", "<[12]>", "!<[3]>"],
        [("(", ")"), ("(", ")*"), ("(", ")?"), ("((", "){1,9}){1,9}"), ("[", "]"), ("\"", "\"")]);

    public override string Name => "gbnf";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_text.Mutate(input, other, random);

    protected override Grammar Compile(string text) => Grammar.FromGbnf(text);

    protected override IEnumerable<byte[]> Sound() => SeedFiles.Of(Name);
}

/// <summary>Regular expressions.</summary>
internal sealed class RegexReader : GrammarReader
{
    private static readonly TextMutation s_text = new(
        ["a", ".", "\\d", "\\w", "\\s", "\\S", "\\p{L}", "\\P{Lu}", "\\u{1F642}", "\\x41", "\\cA", "\\b", "\\B", "^", "$", "(?=a)", "(?!a)", "(?<=a)", "\\1",
            "\\k<n>", "(?<n>", "(?:", "(", ")",
            "[", "]", "[^a-z]", "[\\d\\-x]", "|", "*", "+", "?", "*?", "{2}", "{2,}", "{0,3}", "{1000}", "{99999999999}", "{", "}", "[]", "[^]", "\\-",
            "\\/", "\\0", "é"],
        [("(", ")"), ("(?:", ")*"), ("(?:", "){3}"), ("(?=", ")"), ("(?!", ")"), ("(a|", ")+"), ("[", "]"), ("(?:.*a", "){9}")]);

    public override string Name => "regex";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_text.Mutate(input, other, random);

    protected override Grammar Compile(string text) => Grammar.FromRegex(text);

    protected override IEnumerable<byte[]> Sound() => SeedFiles.Of(Name);
}

/// <summary>JSON schemas.</summary>
internal sealed class SchemaReader : GrammarReader
{
    private static readonly JsonMutation s_json = new("type", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "items",
        "prefixItems", "contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems", "enum", "const", "minimum", "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref",
        "$defs",
        "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "definitions", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems",
        "minProperties", "maxProperties", "default", "title", "#", "#/$defs/a", "#/properties/a", "#a", "string", "number", "integer", "object", "array",
        "null",
        "boolean", "date-time", "email", "uuid", "ipv4", "uri", "regex", "^a+$", "^(a|b)*$", "a", "b", "$schema", "additionalItems", "$recursiveRef");

    public override string Name => "schema";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_json.Mutate(input, other, random);

    protected override Grammar Compile(string text) => Grammar.FromJsonSchema(text);

    protected override IEnumerable<byte[]> Sound() => SeedFiles.Of(Name);
}
