using System.Text;
using MeKi.Model.Grammars;
using MeKi.Model.Grammars.Masks;

namespace MeKi.Tests.Grammars;

public class TokenConstraintTests
{
    private static readonly TokenVocabulary s_vocabulary = Vocabularies.Small;

    public static TheoryData<string> Schemas { get; } =
    [
        "true", """{ "type": "integer", "minimum": -20, "maximum": 300 }""", """{ "type": "string", "maxLength": 5, "minLength": 2 }""",
        """{ "type": "string", "pattern": "^[a-c]+(é|日)?$" }""", """{ "enum": ["foo", "foobar", "é\"", 12, 1.5, [1, "a"], { "a": null }] }""",
        """{ "type": "object", "properties": { "name": { "type": "string" }, "id": { "type": "integer" }, "namely": true }, "required": ["id"] }""",
        """{ "type": "object", "properties": { "a": { "type": "boolean" }, "ab": {} }, "additionalProperties": false, "minProperties": 1 }""",
        """{ "type": "object", "patternProperties": { "^x-": { "type": "null" } }, "propertyNames": { "maxLength": 4 } }""",
        """{ "type": "array", "items": { "type": "string", "maxLength": 3 }, "uniqueItems": true, "minItems": 1 }""",
        """{ "type": "array", "items": { "enum": ["a", "b", 1] }, "uniqueItems": true }""",
        """
        { "anyOf": [{ "type": "string", "pattern": "^a" }, { "type": "string", "maxLength": 2 }, { "const": "foo" }, { "type": "array", "maxItems": 1 }] }
        """,
        """{ "type": "array", "contains": { "const": 5 }, "maxContains": 1, "items": { "type": "integer" } }""",
        """{ "not": { "enum": ["a", "ab", 1, [], { "a": 1 }] } }""",
    ];

    private static int End => s_vocabulary.Ends[0];

    [Theory]
    [MemberData(nameof(Schemas))]
    public void A_mask_has_just_the_tokens_that_are_accepted(string schema)
    {
        Grammar grammar = Grammar.FromJsonSchema(schema);
        for (int seed = 0; seed < 6; seed++)
            Check(grammar, new Random(seed));
    }

    [Theory]
    [InlineData("root ::= \"[\" (item (\",\" item)*)? \"]\"\nitem ::= [0-9]+ | root | \"\\\"\" [^\"]* \"\\\"\"")]
    [InlineData("root ::= (\"a\" | \"ab\" | \"abc\" | \"é\" | [日-本])* \"}\"?")]
    public void A_mask_of_rules_has_just_the_tokens_that_are_accepted(string rules)
    {
        Grammar grammar = Grammar.FromGbnf(rules);
        for (int seed = 0; seed < 6; seed++)
            Check(grammar, new Random(seed));
    }

    [Fact]
    public void The_end_token_is_offered_just_where_the_text_is_complete()
    {
        TokenConstraint constraint = Grammar.FromJsonSchema("""{ "type": "integer" }""").Start(s_vocabulary);
        Assert.False(constraint.Accept(End));
        Accept(constraint, "1");
        Assert.True(constraint.IsComplete);
        Assert.True(Allows(constraint, End));
        Accept(constraint, "2");
        Assert.True(constraint.Accept(End));
        Assert.True(constraint.HasEnded);
        Assert.False(constraint.Accept('1'));
    }

    [Fact]
    public void Only_the_end_is_left_behind_an_object()
    {
        TokenConstraint constraint = Grammar.Json.Start(s_vocabulary);
        Accept(constraint, "{}");
        Assert.Equal(End, constraint.Mask(new ulong[constraint.Words]));
    }

    [Fact]
    public void A_token_without_a_choice_is_known_to_have_none()
    {
        // Two tokens are "a", "id" is one beside "i", and the end may follow the full stop.
        TokenConstraint constraint = Grammar.FromGbnf("root ::= \"Paid: \" (\"yes\" | \"no\") \".\"").Start(s_vocabulary);
        List<bool> without = [];
        foreach (char each in "Paid: yes.")
        {
            without.Add(constraint.HasOneWay());
            Accept(constraint, each.ToString());
        }
        without.Add(constraint.HasOneWay());
        Assert.Equal([true, false, false, true, true, true, false, true, true, true, false], without);
    }

    [Fact]
    public void A_refused_token_changes_nothing()
    {
        TokenConstraint constraint = Grammar.FromJsonSchema("""{ "type": "object", "properties": { "a": {} } }""").Start(s_vocabulary);
        Accept(constraint, "{\"xyz");
        Assert.False(constraint.Accept('\n'));
        Assert.False(constraint.Accept(-1));
        Assert.False(constraint.Accept(s_vocabulary.Count));
        Accept(constraint, "\":1,\"xyz");
        // The key is there already.
        Assert.False(constraint.Accept('"'));
        Assert.False(Allows(constraint, '"'));
        Assert.True(Allows(constraint, 'a'));
        Accept(constraint, "a\":2}");
    }

    [Fact]
    public void A_fork_goes_its_own_way()
    {
        TokenConstraint one = Grammar.Json.Start(s_vocabulary);
        Accept(one, "{\"a");
        TokenConstraint other = one.Fork();
        Accept(one, "b\":1,\"");
        Accept(other, "\":[");
        Assert.True(Allows(other, ']'));
        Accept(one, "a\":2,\"ab");
        Assert.False(Allows(one, '"'));
    }

    [Fact]
    public void Generated_JSON_is_spelt_plainly()
    {
        TokenConstraint constraint = Grammar.FromJsonSchema("""{ "type": "array", "items": { "type": "integer", "minimum": 1 } }""").Start(s_vocabulary);
        Accept(constraint, "[1");
        Assert.False(Allows(constraint, '.'));
        Assert.False(Allows(constraint, 'e'));
        Accept(constraint, ",");
        Assert.False(Allows(constraint, '0'));
        for (int i = 0; i < 8; i++)
            Accept(constraint, " ");
        Assert.False(Allows(constraint, ' '));
        Assert.True(Allows(constraint, '1'));
    }

    [Fact]
    public void Generated_JSON_is_no_deeper_than_readers_read()
    {
        TokenConstraint constraint = Grammar.Json.Start(s_vocabulary);
        Accept(constraint, new string('[', 64));
        Assert.False(Allows(constraint, '['));
        Assert.False(Allows(constraint, '{'));
        Assert.True(Allows(constraint, '1'));
    }

    [Fact]
    public void Long_generations_do_not_pile_up_memory()
    {
        Grammar grammar = Grammar.FromJsonSchema("""{ "type": "array", "items": { "type": "number" } }""");
        ulong[] mask = new ulong[s_vocabulary.Words];
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int text = 0; text < 20; text++)
        {
            TokenConstraint constraint = grammar.Start(s_vocabulary);
            Random random = new(text);
            Accept(constraint, "[0");
            for (int i = 0; i < 300; i++)
            {
                Accept(constraint, "," + random.Next(1_000_000));
                constraint.Mask(mask);
            }
        }
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 100 << 20);
    }

    private static void Accept(TokenConstraint constraint, string text)
    {
        foreach (byte value in Encoding.UTF8.GetBytes(text))
            Assert.True(constraint.Accept(value), $"'{(char)value}' of '{text}'");
    }

    private static bool Allows(TokenConstraint constraint, int token)
    {
        ulong[] mask = new ulong[constraint.Words];
        constraint.Mask(mask);
        return (mask[token >> 6] >> (token & 63) & 1) == 1;
    }

    private static void Check(Grammar grammar, Random random)
    {
        TokenConstraint constraint = grammar.Start(s_vocabulary);
        ulong[] mask = new ulong[constraint.Words];
        for (int i = 0; i < 40 && !constraint.HasEnded; i++)
        {
            constraint.Mask(mask);
            List<int> allowed = [];
            bool differs = false;
            for (int token = 0; token < s_vocabulary.Count; token++)
            {
                bool isAllowed = (mask[token >> 6] >> (token & 63) & 1) == 1, isAccepted = constraint.Fork().Accept(token);
                // A mask looks ahead without the text of strings that a token ends: of tokens with more than that it may leave some out.
                bool mayDiffer = isAccepted && s_vocabulary.Bytes(token).Count((byte)'"') > 1;
                differs |= isAllowed != isAccepted;
                Assert.True(isAllowed == isAccepted || mayDiffer, $"token '{Encoding.UTF8.GetString(s_vocabulary.Bytes(token))}' at {i}");
                if (isAllowed)
                    allowed.Add(token);
            }
            Assert.NotEmpty(allowed);
            Assert.True(differs || constraint.HasOneWay() == (allowed.Count == 1 && !constraint.IsComplete));
            Assert.True(constraint.Accept(allowed[random.Next(allowed.Count)]));
        }
    }
}
