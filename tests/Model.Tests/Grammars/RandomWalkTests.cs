using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using MeKi.Model.Grammars;
using MeKi.Model.Grammars.Masks;
using MeKi.Model.Tokenization;

namespace MeKi.Tests.Grammars;

/// <summary>Texts of random tokens that masks allow: as a model without sense would write them.</summary>
public class RandomWalkTests
{
    private const int Budget = 120;

    [Fact]
    public void Every_random_answer_to_500_random_schemas_is_complete_and_valid()
    {
        RandomSchemas schemas = new(20_260_731);
        StringBuilder wrong = new();
        int walked = 0, refused = 0;
        for (int i = 0; walked < 500; i++)
        {
            JsonNode schema = schemas.Next();
            string text = schema.ToJsonString();
            Grammar grammar;
            try
            {
                grammar = Grammar.FromJsonSchema(text);
            }
            catch (GrammarException exception)
            {
                // Random schemas contradict themselves now and then.
                bool isRight = exception.Problem is "allows no value" || exception.Problem.Contains("must not hold", StringComparison.Ordinal);
                Assert.True(isRight, $"{text}: {exception.Message}");
                refused++;
                continue;
            }
            JsonSchema judge = JsonSchema.FromText(text);
            for (int j = 0; j < 2; j++, walked++)
                Judge(text, judge, grammar, Walk(grammar.Start(Vocabularies.Small), Vocabularies.Small, new Random(i * 10 + j), Budget), wrong);
        }
        Assert.True(wrong.Length == 0, wrong.ToString());
        Assert.InRange(refused, 0, 150);
    }

    [Fact]
    public void A_changed_answer_is_accepted_just_where_it_is_valid()
    {
        RandomSchemas schemas = new(99);
        StringBuilder wrong = new();
        int changed = 0;
        for (int i = 0; changed < 3000; i++)
        {
            string text = schemas.Next().ToJsonString();
            // The judge asserts formats, and takes some equal elements for different.
            if (text.Contains("\"format\"", StringComparison.Ordinal) || text.Contains("\"uniqueItems\"", StringComparison.Ordinal))
                continue;
            Grammar grammar;
            try
            {
                grammar = Grammar.FromJsonSchema(text);
            }
            catch (GrammarException)
            {
                continue;
            }
            JsonSchema judge = JsonSchema.FromText(text);
            Random random = new(i);
            if (Walk(grammar.Start(Vocabularies.Small), Vocabularies.Small, random, 60) is not string answer)
                continue;
            for (int j = 0; j < 10; j++, changed++)
            {
                string other = ChangedJson.Of(JsonNode.Parse(answer), random);
                using JsonDocument document = JsonDocument.Parse(other);
                bool isValid = judge.Evaluate(document.RootElement).IsValid;
                if (isValid != grammar.Accepts(other))
                    wrong.AppendLine(CultureInfo.InvariantCulture, $"{text}: {other} is {(isValid ? "valid" : "not valid")}");
            }
        }
        Assert.True(wrong.Length == 0, wrong.ToString());
    }

    [SharedFact("vocab/qwen2.gguf")]
    public void Random_answers_over_a_real_vocabulary_are_valid()
    {
        TokenVocabulary vocabulary = TokenVocabulary.Of(Tokenizer.Load(SharedMaterial.Path("vocab/qwen2.gguf")));
        RandomSchemas schemas = new(7);
        StringBuilder wrong = new();
        for (int i = 0; i < 12; i++)
        {
            string text = schemas.Next().ToJsonString();
            Grammar grammar;
            try
            {
                grammar = Grammar.FromJsonSchema(text);
            }
            catch (GrammarException)
            {
                continue;
            }
            Judge(text, JsonSchema.FromText(text), grammar, Walk(grammar.Start(vocabulary), vocabulary, new Random(i), Budget), wrong);
        }
        Assert.True(wrong.Length == 0, wrong.ToString());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(9)]
    [InlineData(30)]
    public void A_text_is_complete_when_its_tokens_are_used_up(int more)
    {
        Grammar grammar = Grammar.FromJsonSchema("""
            { "type": "object", "required": ["name", "tags", "kind"], "properties": { "name": { "type": "string", "minLength": 3 },
              "tags": { "type": "array", "minItems": 2, "items": { "enum": ["foo", "barbaz"] } }, "kind": { "type": "string", "format": "date" },
              "big": { "$ref": "#/$defs/big" } },
              "$defs": { "big": { "type": "array", "minItems": 30, "items": { "type": "integer" } } } }
            """);
        for (int seed = 0; seed < 30; seed++)
        {
            TokenConstraint constraint = grammar.Start(Vocabularies.Small);
            string? text = Walk(constraint, Vocabularies.Small, new Random(seed), constraint.Rest + more);
            Assert.True(text is not null && grammar.Accepts(text), text);
        }
    }

    [Fact]
    public void Random_texts_of_a_grammar_match_it()
    {
        Grammar grammar = Grammar.FromGbnf("""
            root ::= expr
            expr ::= term ([-+] term)*
            term ::= [0-9]{1,3} | [a-zé]+ | "(" expr ")" | "f(" (expr ("," expr)*)? ")"
            """);
        for (int seed = 0; seed < 200; seed++)
        {
            string? text = Walk(grammar.Start(Vocabularies.Small), Vocabularies.Small, new Random(seed), 60);
            Assert.True(text is not null && grammar.Accepts(text), text);
        }
    }

    [Theory]
    [InlineData("[a-z]{3,5}-\\d{4}(é|日本)?")]
    [InlineData("(?=.*[0-9])(?=.*[a-z])[a-z0-9]{4,8}")]
    [InlineData(".{0,10}")]
    public void Random_texts_of_an_expression_match_it(string pattern)
    {
        Grammar grammar = Grammar.FromRegex(pattern);
        for (int seed = 0; seed < 100; seed++)
        {
            string? text = Walk(grammar.Start(Vocabularies.Small), Vocabularies.Small, new Random(seed), 40);
            Assert.True(text is not null && grammar.Accepts(text), text);
        }
    }

    /// <summary>A text of random tokens; null where there was none to choose, or the tokens did not suffice.</summary>
    internal static string? Walk(TokenConstraint constraint, TokenVocabulary vocabulary, Random random, int budget)
    {
        ulong[] mask = new ulong[vocabulary.Words];
        List<byte> bytes = [];
        while (!constraint.HasEnded)
        {
            constraint.Mask(mask, budget--);
            int token = Choose(mask, random);
            if (token < 0 || !constraint.Accept(token))
                return null;
            bytes.AddRange(vocabulary.Bytes(token));
        }
        return new UTF8Encoding(false, true).GetString([.. bytes]);
    }

    // Long texts are dull: now and then the walk ends as soon as it can.
    private static int Choose(ulong[] mask, Random random)
    {
        List<int> tokens = [];
        for (int i = 0; i < mask.Length * 64; i++)
        {
            if ((mask[i >> 6] >> (i & 63) & 1) == 1)
                tokens.Add(i);
        }
        return tokens.Count == 0 ? -1 : tokens[random.Next(tokens.Count)];
    }

    private static void Judge(string schema, JsonSchema judge, Grammar grammar, string? answer, StringBuilder wrong)
    {
        if (answer is null)
        {
            wrong.AppendLine(CultureInfo.InvariantCulture, $"{schema}: no way on");
            return;
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(answer, new() { AllowDuplicateProperties = false });
            if (!judge.Evaluate(document.RootElement).IsValid)
                wrong.AppendLine(CultureInfo.InvariantCulture, $"{schema}: not valid: {answer}");
            if (!grammar.Accepts(answer))
                wrong.AppendLine(CultureInfo.InvariantCulture, $"{schema}: not accepted: {answer}");
        }
        catch (Exception exception) when (exception is JsonException or FormatException or OverflowException)
        {
            wrong.AppendLine(CultureInfo.InvariantCulture, $"{schema}: {answer}: {exception.Message}");
        }
    }
}
