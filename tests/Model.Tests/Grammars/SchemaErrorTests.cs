using System.Globalization;
using System.Text;
using System.Text.Json;
using MeKi.Model.Grammars;

namespace MeKi.Tests.Grammars;

public class SchemaErrorTests
{
    private const string Draft7 = "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",";

    [Theory]
    [InlineData("{", "is not JSON")]
    [InlineData("{\"type\":\"string\",\"type\":\"null\"}", "is not JSON")]
    [InlineData("3", "#: is no schema")]
    [InlineData("{\"items\":3}", "#/items: is no schema")]
    [InlineData("{\"type\":\"strin\"}", "#/type: must be one of null, boolean")]
    [InlineData("{\"properties\":{\"a/b\":{\"minLength\":-1}}}", "#/properties/a~1b/minLength: must be a whole number, 0 or more")]
    [InlineData("{\"anyOf\":[true,{\"maxItems\":1.5}]}", "#/anyOf/1/maxItems: must be a whole number")]
    [InlineData("{\"required\":\"a\"}", "#/required: must be a list of names")]
    [InlineData("{\"enum\":3}", "#/enum: must be a list of values")]
    [InlineData("{\"allOf\":{}}", "#/allOf: must be a list of schemas")]
    [InlineData("{\"multipleOf\":0}", "#/multipleOf: must be a number above 0")]
    [InlineData("{\"minimum\":1e99999}", "#/minimum: must be a number within")]
    [InlineData("{\"$ref\":\"#/$defs/a\"}", "#/$ref: refers to '#/$defs/a', which is not in the schema")]
    [InlineData("{\"$ref\":\"https://example.com/schema\"}", "which is not in the schema")]
    [InlineData("{\"$schema\":\"https://example.com/mine\"}", "#/$schema: names 'https://example.com/mine'")]
    [InlineData("{\"$schema\":\"http://json-schema.org/draft-03/schema#\"}", "#/$schema: names 'http://json-schema.org/draft-03/schema#'")]
    [InlineData("{\"items\":{\"divisibleBy\":2}}", "#/items/divisibleBy: the keyword divisibleBy cannot be enforced here")]
    [InlineData("{\"pattern\":\"(\"}", "#/pattern: the regular expression '(' has a group that does not end")]
    [InlineData("{\"pattern\":\"(a)\\\\1\"}", "#/pattern: the regular expression")]
    [InlineData("{\"pattern\":\".*a.{60}\"}", "#/pattern: the regular expression '.*a.{60}' needs too large an automaton")]
    [InlineData("{\"format\":\"starlight\"}", "#/format: the format 'starlight' is not known")]
    [InlineData("{\"anyOf\":[{\"properties\":{\"a\":true}}],\"unevaluatedProperties\":false}", "#/unevaluatedProperties: ")]
    [InlineData("{\"contains\":true,\"unevaluatedItems\":false}", "#/unevaluatedItems: ")]
    [InlineData("{\"not\":{\"uniqueItems\":true}}", "#/not/uniqueItems: the keyword uniqueItems cannot be enforced where it must not hold")]
    [InlineData("{\"contains\":{},\"minContains\":100000}", "asks for more than 2000 elements where some are counted")]
    [InlineData("{\"$ref\":\"#\"}", "#: refers to itself for the same value, without end")]
    [InlineData("{\"anyOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":{\"not\":{\"$ref\":\"#\"}}}}", "refers to itself for the same value")]
    [InlineData("false", "allows no value")]
    [InlineData("{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"null\"}]}", "allows no value")]
    [InlineData("{\"type\":\"string\",\"enum\":[1,2]}", "allows no value")]
    [InlineData("{\"type\":\"integer\",\"minimum\":1,\"exclusiveMaximum\":2,\"multipleOf\":3}", "allows no value")]
    [InlineData("{\"type\":\"number\",\"minimum\":2,\"maximum\":1}", "allows no value")]
    [InlineData("{\"type\":\"string\",\"pattern\":\"^a{5}$\",\"maxLength\":4}", "allows no value")]
    [InlineData("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":false}}", "allows no value")]
    [InlineData("{\"type\":\"object\",\"required\":[\"a\"],\"additionalProperties\":false}", "allows no value")]
    [InlineData("{\"type\":\"object\",\"minProperties\":3,\"properties\":{\"a\":{},\"b\":{}},\"additionalProperties\":false}", "allows no value")]
    [InlineData("{\"type\":\"object\",\"minProperties\":3,\"propertyNames\":{\"enum\":[\"a\",\"b\"]}}", "allows no value")]
    [InlineData("{\"type\":\"array\",\"minItems\":3,\"items\":{\"type\":\"boolean\"},\"uniqueItems\":true}", "allows no value")]
    [InlineData("{\"type\":\"array\",\"contains\":{\"type\":\"null\"},\"minContains\":2,\"uniqueItems\":true}", "allows no value")]
    [InlineData("{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"contains\":{\"type\":\"null\"}}", "allows no value")]
    [InlineData("{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}", "allows no value")]
    public void A_schema_that_cannot_be_used_is_refused_with_its_place(string schema, string message) =>
        Assert.Contains(message, Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(schema)).Message);

    [Theory]
    [InlineData("{\"maxLenght\":3}", "#: the keyword 'maxLenght' is not known")]
    [InlineData("{\"items\":{\"nullable\":true}}", "#/items: the keyword 'nullable' is not known")]
    public void A_keyword_that_is_not_known_is_told(string schema, string warning) =>
        Assert.Contains(warning, Assert.Single(Grammar.FromJsonSchema(schema).Warnings));

    [Theory]
    [InlineData(Draft7 + "\"definitions\":{\"a\":{\"$id\":\"#x\",\"type\":\"null\"}},\"$ref\":\"#x\"}", "null", "1")]
    [InlineData(Draft7 + "\"definitions\":{\"a\":{}},\"$ref\":\"#/definitions/a\",\"type\":\"null\"}", "1", "")]
    [InlineData("{\"items\":[{\"type\":\"null\"}],\"additionalItems\":false}", "[null]", "[null,1]")]
    [InlineData("{\"dependencies\":{\"a\":[\"b\"],\"c\":{\"minProperties\":2}}}", "{\"a\":1,\"b\":2}", "{\"c\":1}")]
    [InlineData("{\"minimum\":3,\"exclusiveMinimum\":true}", "4", "3")]
    [InlineData("{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"integer\"},{\"type\":\"string\"}]}", "7", "\"a\"")]
    [InlineData("{\"items\":[{\"type\":\"null\"},{\"type\":\"null\"}],\"additionalItems\":false}", "[null,null]", "[null,null,null]")]
    [InlineData("{\"type\":\"integer\",\"format\":\"int32\"}", "7", "7.5")]
    [InlineData("{\"properties\":{\"a\":{}},\"allOf\":[{\"properties\":{\"b\":{}}}],\"unevaluatedProperties\":false}", "{\"a\":1,\"b\":2}", "{\"c\":1}")]
    [InlineData("{\"prefixItems\":[{}],\"allOf\":[{\"prefixItems\":[{},{}]}],\"unevaluatedItems\":false}", "[1,2]", "[1,2,3]")]
    [InlineData("{\"items\":[{}],\"allOf\":[{\"items\":[{},{}]}],\"unevaluatedItems\":false}", "[1,2]", "[1,2,3]")]
    [InlineData("{\"additionalItems\":{\"type\":\"null\"},\"unevaluatedItems\":{\"type\":\"string\"}}", "[\"a\"]", "[null]")]
    [InlineData("{\"pattern\":\"^(?=.*[0-9])(?=.*[a-z]).{4,}$\"}", "\"ab12\"", "\"abcd\"")]
    public void What_older_drafts_and_other_tools_write_is_understood(string schema, string valid, string invalid)
    {
        Grammar grammar = Grammar.FromJsonSchema(schema);
        Assert.True(grammar.Accepts(valid));
        Assert.False(grammar.Accepts(invalid));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"a\":1,}")]
    [InlineData("[1 2]")]
    [InlineData("01")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("+1")]
    [InlineData("1e")]
    [InlineData("--1")]
    [InlineData("NaN")]
    [InlineData("tru")]
    [InlineData("truee")]
    [InlineData("\"a")]
    [InlineData("\"\\x\"")]
    [InlineData("\"\\u12\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\\udc00\\ud800\"")]
    [InlineData("\"\u0001\"")]
    [InlineData("{\"a\":1,\"\\u0061\":2}")]
    [InlineData("{a:1}")]
    [InlineData("[1]]")]
    [InlineData("1 2")]
    [InlineData("\u00A01")]
    public void What_is_no_JSON_is_refused(string text) => Assert.False(Grammar.Json.Accepts(text));

    [Theory]
    [InlineData(" \r\n\t{ \"a\" : [ 1 , -0.5e+10 , \"\\ud83d\\ude00\\/\" ] } \n")]
    [InlineData("\"\"")]
    [InlineData("-0")]
    [InlineData("123456789012345678901234567890.123e-400")]
    [InlineData("{\"\":{\"\":[]}}")]
    public void What_is_JSON_is_accepted(string text) => Assert.True(Grammar.Json.Accepts(text));

    [Fact]
    public void A_schema_of_a_megabyte_is_read()
    {
        StringBuilder schema = new("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
        for (int i = 0; i < 12_000; i++)
        {
            string property = $$"""{ "type": "string", "maxLength": {{i + 1}}, "description": "the {{i}}th" }""";
            schema.Append(CultureInfo.InvariantCulture, $"\"property number {i}\":{property},");
        }
        Grammar grammar = Grammar.FromJsonSchema(schema.Append("\"last\":{\"enum\":[1,2,3]}}}").ToString());
        Assert.True(grammar.Accepts("{\"property number 77\":\"x\",\"last\":2}"));
        Assert.False(grammar.Accepts("{\"property number 77x\":\"x\"}"));
        Assert.False(grammar.Accepts("{\"property number 0\":\"xx\"}"));
    }

    [Fact]
    public void An_enumeration_of_a_megabyte_is_read()
    {
        string values = string.Join(',', Enumerable.Range(0, 50_000).Select(static i => $"\"value number {i}\""));
        Grammar grammar = Grammar.FromJsonSchema($$"""{ "enum": [{{values}}] }""");
        Assert.True(grammar.Accepts("\"value number 49999\""));
        Assert.False(grammar.Accepts("\"value number 50000\""));
    }

    [Theory]
    [InlineData("oneOf")]
    [InlineData("anyOf")]
    public void Thousands_of_constants_with_a_title_each_are_an_enumeration(string keyword)
    {
        string codes = string.Join(',', Enumerable.Range(0, 5000).Select(static i =>
            $$"""{ "const": "C{{i}}", "title": "Code {{i}}", "description": "a code" }"""));
        Grammar grammar = Grammar.FromJsonSchema($$"""{ "{{keyword}}": [{{codes}}, { "const": 7, "title": "Seven" }, { "const": 7.0 }] }""");
        Assert.True(grammar.Accepts("\"C4999\""));
        Assert.False(grammar.Accepts("\"C5000\""));
        // What two alternatives of oneOf allow is not allowed.
        Assert.Equal(keyword == "anyOf", grammar.Accepts("7"));
        string? text = RandomWalkTests.Walk(grammar.Start(Vocabularies.Small), Vocabularies.Small, new Random(1), 40);
        Assert.True(text is not null && grammar.Accepts(text), text);
    }

    [Theory]
    [InlineData("{\"oneOf\":[{\"const\":1},{\"const\":2},{\"type\":\"integer\",\"minimum\":2},{\"const\":3,\"title\":\"a\"}]}", "[1,4]", "[2,3,0]")]
    [InlineData("{\"oneOf\":[{\"const\":1,\"title\":\"a\"},{\"const\":1,\"title\":\"b\"},{\"type\":\"integer\"}]}", "[2]", "[1]")]
    [InlineData("{\"not\":{\"oneOf\":[{\"const\":1},{\"const\":1,\"title\":\"a\"},{\"const\":2},{\"type\":\"string\"}]}}", "[1,3]", "[2,\"a\"]")]
    [InlineData("{\"anyOf\":[{\"const\":{\"a\":1,\"b\":2}},{\"const\":null},{\"const\":1,\"type\":\"string\"}]}", "[{\"b\":2,\"a\":1},null]", "[1]")]
    [InlineData("{\"$ref\":\"#/$defs/a/oneOf/1\",\"$defs\":{\"a\":{\"oneOf\":[{\"const\":1},{\"const\":2}]}}}", "[2]", "[1]")]
    [InlineData("{\"enum\":[[1e25],1e26]}", "[[10000000000000000000000000],1.0e26]", "[[1e26]]")]
    public void Constants_among_alternatives_mean_what_they_mean_alone(string schema, string valid, string invalid)
    {
        Grammar grammar = Grammar.FromJsonSchema(schema);
        using JsonDocument accepted = JsonDocument.Parse(valid), refused = JsonDocument.Parse(invalid);
        Assert.All(accepted.RootElement.EnumerateArray(), value => Assert.True(grammar.Accepts(value.GetRawText()), value.GetRawText()));
        Assert.All(refused.RootElement.EnumerateArray(), value => Assert.False(grammar.Accepts(value.GetRawText()), value.GetRawText()));
    }

    [Fact]
    public void More_than_a_thousand_different_schemas_in_one_oneOf_are_refused()
    {
        string schemas = string.Join(',', Enumerable.Range(0, 1001).Select(static i => $$"""{ "const": {{i}}, "minimum": 0 }"""));
        Assert.Contains("#/oneOf: must be a list of at most 1000 schemas",
            Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema($$"""{ "oneOf": [{{schemas}}] }""")).Message);
    }

    [Fact]
    public void A_list_of_a_schema_for_each_of_fifty_thousand_elements_is_read()
    {
        Grammar grammar = Grammar.FromJsonSchema($$"""{ "prefixItems": [{{string.Join(',', Enumerable.Repeat("{\"title\":\"a\"}", 50_000))}}, false] }""");
        Assert.True(grammar.Accepts("[1, 2]"));
    }

    [Theory]
    [InlineData("\"unevaluatedProperties\":false,\"$ref\":\"#/$defs/0\"", "\"$ref\":\"#/$defs/!\"")]
    [InlineData("\"unevaluatedItems\":false,\"$ref\":\"#/$defs/0\"", "\"$ref\":\"#/$defs/!\"")]
    [InlineData("\"minItems\":2,\"uniqueItems\":true,\"items\":{\"$ref\":\"#/$defs/0\"}", "\"maxItems\":2,\"items\":{\"$ref\":\"#/$defs/!\"}")]
    [InlineData("\"$ref\":\"#/$defs/0\"", "\"maxProperties\":1,\"properties\":{\"x\":{\"$ref\":\"#/$defs/!\"}},\"not\":{\"const\":{}}")]
    [InlineData("\"$ref\":\"#/$defs/0\"", "\"propertyNames\":{\"$ref\":\"#/$defs/!\"}")]
    public void Thousands_of_schemas_that_each_lead_to_the_next_take_no_more_stack_than_there_is(string first, string each)
    {
        string all = string.Join(',', Enumerable.Range(0, 4000).Select(i =>
            $$"""  "{{i}}": { {{each.Replace("!", (i + 1).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)}} }  """));
        Exception? fault = null;
        Thread thread = new(() => fault = Record.Exception(() => Grammar.FromJsonSchema($$"""{ {{first}}, "$defs": { {{all}}, "4000": {} } }""")), 1 << 20);
        thread.Start();
        thread.Join();
        Assert.True(fault is null or GrammarException, $"{fault}");
    }

    [Fact]
    public void Choices_that_multiply_without_end_are_refused()
    {
        string choices = string.Join(',', Enumerable.Range(0, 60).Select(static i => $$"""{"anyOf":[{"required":["a{{i}}"]},{"required":["b{{i}}"]}]}"""));
        GrammarException refused = Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema($$"""{"allOf":[{{choices}}]}"""));
        Assert.Contains("combines its choices in too many ways", refused.Message);
    }

    [Fact]
    public void Many_conditions_on_one_property_do_not_multiply()
    {
        string conditions = string.Join(',', Enumerable.Range(0, 60).Select(static i =>
            """{"if":{"properties":{"country":{"const":"c#"}}},"then":{"properties":{"zip":{"pattern":"^[0-9]{!}$"}}}}"""
                .Replace("#", i.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
                .Replace("!", (i % 9 + 1).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)));
        Grammar grammar = Grammar.FromJsonSchema($$"""{"type":"object","required":["country"],"allOf":[{{conditions}}]}""");
        Assert.True(grammar.Accepts("{\"country\":\"c3\",\"zip\":\"1234\"}"));
        Assert.True(grammar.Accepts("{\"zip\":\"1234\",\"country\":\"c3\"}"));
        Assert.True(grammar.Accepts("{\"zip\":\"x\",\"country\":\"elsewhere\"}"));
        Assert.False(grammar.Accepts("{\"zip\":\"12345\",\"country\":\"c3\"}"));
    }

    [Fact]
    public void Forty_kinds_of_objects_are_told_by_their_discriminator()
    {
        string kinds = string.Join(',', Enumerable.Range(0, 40).Select(static i =>
            $$$"""{"type":"object","properties":{"kind":{"const":"k{{{i}}}"},"value{{{i}}}":{"type":"integer"}},"required":["kind"]}"""));
        Grammar grammar = Grammar.FromJsonSchema($$"""{"oneOf":[{{kinds}}]}""");
        Assert.True(grammar.Accepts("{\"value7\":1,\"kind\":\"k7\",\"value8\":\"free\"}"));
        Assert.False(grammar.Accepts("{\"value7\":\"no\",\"kind\":\"k7\"}"));
        Assert.False(grammar.Accepts("{\"kind\":\"k40\"}"));
    }
}
