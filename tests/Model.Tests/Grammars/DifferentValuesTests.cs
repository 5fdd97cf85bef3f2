using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using MeKi.Model.Grammars;

namespace MeKi.Tests.Grammars;

/// <summary>Rows whose elements must differ, and values beside those that are forbidden.</summary>
public class DifferentValuesTests
{
    private const string Flags = "\"properties\":{\"a\":{\"type\":\"boolean\"},\"b\":{\"type\":\"boolean\"}},\"additionalProperties\":false";

    [Theory]
    [InlineData("{\"type\":\"object\",\"required\":[\"a\",\"b\"]," + Flags + "}", 4)]
    [InlineData("{\"type\":\"object\"," + Flags + "}", 9)]
    [InlineData("{\"type\":\"object\",\"minProperties\":1," + Flags + "}", 8)]
    [InlineData("{\"type\":\"object\",\"minProperties\":2," + Flags + "}", 4)]
    [InlineData("{\"type\":\"object\",\"maxProperties\":1," + Flags + "}", 5)]
    [InlineData("{\"type\":\"object\",\"required\":[\"a\"],\"not\":{\"const\":{\"a\":true,\"b\":true}}," + Flags + "}", 5)]
    [InlineData("{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\",\"y\",1]}},\"required\":[\"a\"],\"additionalProperties\":false}", 3)]
    [InlineData("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"minProperties\":1," + Flags + "}},\"additionalProperties\":false}", 9)]
    [InlineData("{\"type\":\"object\",\"properties\":{\"a\":{\"pattern\":\"^[xy]?$\",\"type\":\"string\"}},\"required\":[\"a\"],\"maxProperties\":1}", 3)]
    [InlineData("{\"anyOf\":[{\"type\":\"object\",\"maxProperties\":1," + Flags + "},{\"type\":\"object\",\"minProperties\":1," + Flags + "}]}", 9)]
    [InlineData("{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"minItems\":2,\"maxItems\":2}", 4)]
    [InlineData("{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"maxItems\":2}", 7)]
    [InlineData("{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"a\",\"b\"]," + Flags + "},\"minItems\":1,\"maxItems\":1}", 4)]
    [InlineData("{\"type\":\"string\",\"pattern\":\"^[ab]{1,2}$\"}", 6)]
    public void A_row_is_as_long_as_there_are_different_values_and_no_longer(string items, int values)
    {
        Grammar grammar = Grammar.FromJsonSchema(Row(items, values));
        for (int seed = 0; seed < 3; seed++)
        {
            string? text = RandomWalkTests.Walk(grammar.Start(Vocabularies.Small), Vocabularies.Small, new Random(seed), 600);
            Assert.NotNull(text);
            Assert.True(grammar.Accepts(text), text);
            JsonArray row = JsonNode.Parse(text)!.AsArray();
            Assert.Equal(values, row.Count);
            Assert.False(grammar.Accepts(text[..^1] + "," + row[0]!.ToJsonString() + "]"), text);
        }
        Assert.Contains("allows no value", Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(Row(items, values + 1))).Message);
    }

    [Fact]
    public void Values_that_contain_each_other_many_times_are_not_written_out()
    {
        // Each level has the one before twice: 25 levels are 33 million constants in two kilobytes.
        StringBuilder parts = new("\"v0\":{\"const\":1}");
        for (int i = 1; i <= 25; i++)
        {
            parts.Append(CultureInfo.InvariantCulture, $",\"v{i}\":{{\"type\":\"object\",\"required\":[\"x\",\"y\"],\"additionalProperties\":false,")
                .Append(CultureInfo.InvariantCulture, $"\"properties\":{{\"x\":{{\"$ref\":\"#/$defs/v{i - 1}\"}},\"y\":{{\"$ref\":\"#/$defs/v{i - 1}\"}}}}}}");
        }
        string schema = $"{{\"$defs\":{{{parts}}},\"type\":\"array\",\"uniqueItems\":true,\"minItems\":1,\"items\":{{\"$ref\":\"#/$defs/v25\"}}}}";
        long before = GC.GetAllocatedBytesForCurrentThread();
        ulong[] mask = new ulong[Vocabularies.Small.Words];
        Grammar.FromJsonSchema(schema).Start(Vocabularies.Small).Mask(mask);
        Assert.Contains(mask, static word => word != 0);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64_000_000);
    }

    [Fact]
    public void Rows_of_random_small_objects_are_refused_just_where_there_are_too_few_of_them()
    {
        Random random = new(11);
        for (int i = 0; i < 60; i++)
        {
            JsonObject items = SmallObject(random);
            Grammar? one = null;
            try
            {
                one = Grammar.FromJsonSchema(items.ToJsonString());
            }
            catch (GrammarException exception)
            {
                Assert.Equal("allows no value", exception.Problem);
            }
            JsonSchema judge = JsonSchema.FromText(items.ToJsonString());
            int values = 0;
            foreach (string candidate in Candidates())
            {
                using JsonDocument document = JsonDocument.Parse(candidate);
                bool isValid = judge.Evaluate(document.RootElement).IsValid;
                Assert.True(isValid == (one?.Accepts(candidate) ?? false), $"{items}: {candidate}");
                values += isValid ? 1 : 0;
            }
            if (values is > 0 and < 20)
            {
                Grammar grammar = Grammar.FromJsonSchema(Row(items.ToJsonString(), values));
                string? text = RandomWalkTests.Walk(grammar.Start(Vocabularies.Small), Vocabularies.Small, random, 2000);
                Assert.True(text is not null && grammar.Accepts(text), $"{items}: {text}");
            }
            Assert.Equal("allows no value", Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(Row(items.ToJsonString(), values + 1))).Problem);
        }
    }

    [Fact]
    public void Where_nobody_can_tell_how_many_values_there_are_a_row_of_so_many_is_refused_and_a_shorter_one_is_not()
    {
        const string Items = "{\"type\":\"object\",\"patternProperties\":{\"^[ab]$\":{\"const\":1}},\"additionalProperties\":false}";
        GrammarException refused = Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema($$$"""{"properties":{"rows":{{{Row(Items, 3)}}}}}"""));
        Assert.Contains("#/properties/rows: cannot be enforced: whether it has as many different values as it takes is not known", refused.Message);
        Grammar grammar = Grammar.FromJsonSchema(Row(Items, 1));
        Assert.True(grammar.Accepts("[{},{\"b\":1},{\"a\":1},{\"b\":1,\"a\":1}]"));
        Assert.False(grammar.Accepts("[{},{\"b\":1},{\"a\":1},{\"b\":1}]"));
        string? text = RandomWalkTests.Walk(grammar.Start(Vocabularies.Small), Vocabularies.Small, new Random(1), 100);
        Assert.True(text is not null && grammar.Accepts(text), text);
    }

    [Theory]
    [InlineData(true, "{\"enum\":[\"x\",\"y\"]}", "\"x\"")]
    [InlineData(true, "{\"type\":\"string\"}", "\"x\"")]
    [InlineData(true, "{\"const\":1}", "1")]
    [InlineData(false, "{\"type\":\"boolean\"}", "true")]
    public void Objects_of_many_properties_are_told_apart_by_the_last(bool isRequired, string property, string value)
    {
        string[] names = [.. Enumerable.Range(10, 14).Select(static i => $"p{i}")];
        string required = isRequired ? string.Join(',', names.Append("q").Select(static name => $"\"{name}\"")) : "";
        string properties = string.Join(',', names.Select(name => $"\"{name}\":{property}"));
        Grammar grammar = Grammar.FromJsonSchema(Row($$$"""
            {"type":"object","properties":{ {{{properties}}},"q":{"enum":[1,2,3]}},"additionalProperties":false,"required":[{{{required}}}]}
            """, 3));
        string one = "{" + string.Concat(names.Select(name => $"\"{name}\":{value},"));
        Assert.True(grammar.Accepts($"[{one}\"q\":1}},{one}\"q\":2}},{one}\"q\":3}}]"));
        Assert.False(grammar.Accepts($"[{one}\"q\":1}},{one}\"q\":2}},{one}\"q\":1}}]"));
        string? text = RandomWalkTests.Walk(grammar.Start(Vocabularies.Small), Vocabularies.Small, new Random(3), 700);
        Assert.True(text is not null && grammar.Accepts(text), text);
    }

    private static string Row(string items, int least) =>
        string.Create(CultureInfo.InvariantCulture, $$"""{"type":"array","items":{{items}},"minItems":{{least}},"uniqueItems":true}""");

    private static JsonObject SmallObject(Random random)
    {
        JsonObject properties = [];
        foreach (string name in new[] { "a", "b", "c" }.Where(_ => random.Next(3) > 0))
        {
            properties[name] = JsonNode.Parse(
                new[] { "{\"type\":\"boolean\"}", "{\"enum\":[1,true]}", "{\"const\":\"x\"}", "{\"type\":\"null\"}" }[random.Next(4)]);
        }
        JsonObject schema = new()
        {
            ["type"] = "object",
            ["required"] = new JsonArray([.. properties.Select(static one => (JsonNode)one.Key).Where(_ => random.Next(2) == 0)]),
            ["properties"] = properties,
            ["additionalProperties"] = false,
        };
        if (random.Next(3) == 0)
            schema["minProperties"] = random.Next(3);
        if (random.Next(3) == 0)
            schema["maxProperties"] = random.Next(3);
        if (random.Next(3) == 0)
            schema["not"] = JsonNode.Parse(new[] { "{\"const\":{}}", "{\"const\":{\"a\":true}}", "{\"properties\":{\"b\":{\"const\":true}}}" }[random.Next(3)]);
        return schema;
    }

    private static IEnumerable<string> Candidates()
    {
        string[] values = ["", "true", "false", "1", "\"x\"", "null"];
        foreach (string a in values)
        {
            foreach (string b in values)
            {
                foreach (string c in values)
                    yield return "{" + string.Join(',', new[] { ("a", a), ("b", b), ("c", c) }.Where(static one => one.Item2.Length > 0)
                        .Select(static one => $"\"{one.Item1}\":{one.Item2}")) + "}";
            }
        }
    }
}
