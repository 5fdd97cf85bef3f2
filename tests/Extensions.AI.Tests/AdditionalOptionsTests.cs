using System.Text.Json;
using System.Text.Json.Nodes;
using MeKi.Model.Generation;
using MeKi.Model.Grammars;

namespace MeKi.Extensions.AI.Tests;

[Collection(TalkingModel.Collection)]
public sealed class AdditionalOptionsTests(TalkingModel talking)
{
    public static TheoryData<string, object> Values => new()
    {
        { "min_p", 0.25f }, { "typical_p", 0.25 }, { "top_n_sigma", 1 }, { "xtc_probability", 0.25m }, { "xtc_threshold", "0.25" }, { "dynatemp_range", 1L },
        { "dynatemp_exponent", JsonElement.Parse("2.5") }, { "repeat_penalty", JsonValue.Create(1.5) }, { "repetition_penalty", 1.5 }, { "repeat_last_n", -1 },
        { "dry_multiplier", 1 }, { "dry_base", 2 }, { "dry_allowed_length", 3 }, { "dry_penalty_last_n", 5 }, { "dry_sequence_breakers", new[] { "a" } },
        { "mirostat", 2 }, { "mirostat_tau", 3 }, { "mirostat_eta", 0.25 }, { "samplers", JsonNode.Parse("""["top_k"]""")! }, { "seed", 7UL },
        { "logit_bias", new Dictionary<int, float> { [5] = -1 } }, { "logprobs", true }, { "top_logprobs", 3 }, { "context_shift", true }, { "n_keep", 4 },
        { "adapter", "calm=0.5" },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public void A_value_reaches_the_option_of_its_name(string name, object value)
    {
        GenerationOptions start = new();
        Assert.NotEqual(start, Read(name, value).Generation);
        Assert.Equal(start, Read(name, null).Generation);
    }

    [Fact]
    public void Every_name_is_tried() => Assert.Equal(
        AdditionalOptions.Names.Except(["grammar", "json_schema", "regex", "chat_template_kwargs"]).Order(), Values.Select(row => (string)row[0]).Order());

    [Fact]
    public void A_grammar_is_a_text_or_a_grammar_and_made_once()
    {
        Grammar own = Grammar.FromRegex("a");
        Assert.Same(own, Read("grammar", own).Generation.Grammar);
        Assert.True(Read("grammar", "root ::= \"yes\"").Generation.Grammar!.Accepts("yes"));
        Assert.Same(Read("regex", "[ab]+").Generation.Grammar, Read("regex", "[ab]+").Generation.Grammar);
        Assert.True(Read("json_schema", JsonElement.Parse("""{"const": 1}""")).Generation.Grammar!.Accepts("1"));
        Assert.Throws<ArgumentException>(() => AdditionalOptions.Read(talking.Model, new(), new() { ["regex"] = "a", ["grammar"] = "root ::= \"a\"" }));
    }

    [Fact]
    public void Variables_of_the_template_are_an_object()
    {
        Assert.Equal("""{"enable_thinking":false}""", Read("chat_template_kwargs", new JsonObject { ["enable_thinking"] = false }).Variables!.ToJsonString());
        Assert.Equal("""{"a":1}""", Read("chat_template_kwargs", new Dictionary<string, object?> { ["a"] = 1 }).Variables!.ToJsonString());
    }

    [Fact]
    public void A_bias_comes_by_token_or_in_pairs_and_false_forbids()
    {
        Assert.Equal(float.NegativeInfinity, Read("logit_bias", JsonNode.Parse("[[5, false]]")!).Generation.LogitBias![5]);
        Assert.Equal(2, Read("logit_bias", JsonNode.Parse("""{"5": 2}""")!).Generation.LogitBias![5]);
    }

    [Theory]
    [InlineData("min_p", "much")]
    [InlineData("min_p", 2)]
    [InlineData("repeat_last_n", 0.5)]
    [InlineData("samplers", 1)]
    [InlineData("mirostat", 1)]
    [InlineData("logit_bias", "5")]
    [InlineData("context_shift", "yes")]
    public void A_value_that_there_is_not_is_refused(string name, object value) => Assert.ThrowsAny<ArgumentException>(() => Read(name, value));

    private AdditionalOptions Read(string name, object? value) => AdditionalOptions.Read(talking.Model, new(), new() { [name] = value });
}
