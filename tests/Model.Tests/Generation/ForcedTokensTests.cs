using MeKi.Model.Generation;
using MeKi.Model.Grammars;
using MeKi.Model.Tests.Checkpoints;

namespace MeKi.Model.Tests.Generation;

/// <summary>Tokens that a grammar leaves no choice about go through the model together, and change nothing.</summary>
public sealed class ForcedTokensTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    // Characters that the tokenizer has as bytes only: behind their first there is no choice.
    private static readonly Grammar s_choices = Grammar.FromGbnf("root ::= ([a-z ]{1,3} (\"ꙮ𐎀ꙮ\" | \"𐎂ꙮ\"))+");

    private static GenerationOptions Options { get; } = new() { TopK = 0, TopP = 1, MinP = 0, MaxTokens = 60, Seed = 3, Grammar = s_choices };

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(1, 7)]
    public async Task A_text_is_the_one_that_it_is_token_by_token(int temperature, int lookup)
    {
        using MeKiModel model = tiny.Load(converted: true);
        GenerationOptions options = Options with { Temperature = temperature, PromptLookup = lookup };
        Outcome together = await Run(model, options), single = await Run(model, OneByOne(options));
        Assert.Equal(single.Tokens, together.Tokens);
        Assert.Equal(single.Text, together.Text);
        Assert.Equal(single.Held, together.Held);
        Assert.True(s_choices.Accepts(together.Text), together.Text);
        Assert.Equal(single.Done.Reason, together.Done.Reason);
        Assert.InRange(together.Done.DecodePasses, 1, single.Done.DecodePasses / 2);
    }

    [Fact]
    public async Task A_text_without_any_choice_takes_one_pass()
    {
        using MeKiModel model = tiny.Load(converted: true);
        string whole = string.Concat(Enumerable.Repeat("ꙮ", 20));
        Outcome done = await Run(model, Options with { Temperature = 1, MaxTokens = 70, Grammar = Grammar.FromGbnf($"root ::= \"{whole}\"") });
        Assert.Equal((whole, FinishReason.EndOfSequence, 60, 1), (done.Text, done.Done.Reason, done.Done.GeneratedTokens, done.Done.DecodePasses));
    }

    [Fact]
    public async Task There_are_no_more_tokens_than_are_asked_for()
    {
        using MeKiModel model = tiny.Load(converted: true);
        for (int most = 0; most < 12; most++)
        {
            GenerationOptions options = Options with { Temperature = 1, MaxTokens = most };
            Outcome together = await Run(model, options), single = await Run(model, OneByOne(options));
            Assert.Equal(single.Tokens, together.Tokens);
            Assert.Equal((single.Held, single.Done.Reason, single.Done.GeneratedTokens), (together.Held, together.Done.Reason, together.Done.GeneratedTokens));
        }
    }

    [Fact]
    public async Task The_context_ends_a_text_and_its_shift_goes_on_as_token_by_token()
    {
        using MeKiModel model = tiny.Load(converted: true);
        int[] prompt = [.. Enumerable.Range(0, model.Config.ContextLength - 20).Select(static i => 5 + i % 90)];
        foreach (bool shift in new[] { false, true })
        {
            GenerationOptions options = Options with { Temperature = 1, ContextShift = shift };
            Outcome together = await Run(model, options, prompt), single = await Run(model, OneByOne(options), prompt);
            Assert.Equal(single.Tokens, together.Tokens);
            Assert.Equal((single.Held, single.Done.Reason), (together.Held, together.Done.Reason));
        }
    }

    [Fact]
    public async Task A_stop_string_among_them_ends_the_text()
    {
        using MeKiModel model = tiny.Load(converted: true);
        GenerationOptions options = Options with { Temperature = 0, StopStrings = ["𐎂ꙮ", "𐎀ꙮ"] };
        Outcome together = await Run(model, options), single = await Run(model, OneByOne(options));
        Assert.Equal((FinishReason.StopString, single.Text), (together.Done.Reason, together.Text));
        Assert.Equal(single.Tokens, together.Tokens);
        Assert.Equal(single.Done.GeneratedTokens, together.Done.GeneratedTokens);
        Assert.StartsWith(together.Held, single.Held, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Texts_that_are_generated_together_are_what_they_are_alone()
    {
        using MeKiModel model = tiny.Load(converted: true);
        GenerationOptions[] all = [.. Enumerable.Range(0, 8).Select(static seed => Options with { Temperature = 1, Seed = seed })];
        Outcome[] together = await Task.WhenAll(all.Select(options => Run(model, options)));
        for (int i = 0; i < all.Length; i++)
            Assert.Equal((await Run(model, OneByOne(all[i]))).Tokens, together[i].Tokens);
    }

    [Fact]
    public async Task Log_probabilities_are_those_of_each_token()
    {
        using MeKiModel model = tiny.Load(converted: true);
        int[] prompt = model.Tokenizer!.Encode("The other");
        List<int> seen = [];
        Outcome single = await Run(model, Options with { Temperature = 1, LogProbabilities = 2, LogitsProcessor = (tokens, _) => seen.Add(tokens.Length) });
        Assert.Equal(Enumerable.Range(prompt.Length, single.Done.GeneratedTokens), seen.Take(single.Done.GeneratedTokens));
        Assert.All(single.LogProbabilities, static one => Assert.True(one < 0));
    }

    // Who asks for log-probabilities asks for the logits of each token.
    private static GenerationOptions OneByOne(GenerationOptions options) => options with { LogProbabilities = 0, PromptLookup = 0 };

    private static async Task<Outcome> Run(MeKiModel model, GenerationOptions options, int[]? prompt = null)
    {
        using MeKiSession session = model.CreateSession();
        TextGeneration generation = session.GenerateAsync(prompt ?? model.Tokenizer!.Encode("The other"), options);
        Outcome outcome = new() { Done = null! };
        await foreach (TextPiece piece in generation)
        {
            outcome.Tokens.AddRange(piece.Tokens.Select(static token => token.Id));
            outcome.LogProbabilities.AddRange(piece.Tokens.Select(static token => token.LogProbability ?? 0));
            outcome.Text += piece.Text;
        }
        return outcome with { Done = generation.Statistics!, Held = string.Join(' ', session.Tokens.ToArray()) };
    }

    private sealed record Outcome
    {
        public List<int> Tokens { get; } = [];

        public List<double> LogProbabilities { get; } = [];

        public string Text { get; set; } = "";

        public string Held { get; init; } = "";

        public required GenerationStatistics Done { get; init; }
    }
}
