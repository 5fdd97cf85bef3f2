using System.Text;
using MeKi.Model.Evaluation;
using MeKi.Model.Generation;
using MeKi.Model.Sampling;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Tests;
using Microsoft.Extensions.Logging;

namespace MeKi.Model.Tests.Generation;

/// <summary>What a prompt may be, and what becomes of logits that are none.</summary>
public sealed class PromptTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private const string EndOfText = "<|endoftext|>";

    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 12 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task Names_of_control_tokens_in_a_prompt_are_text_unless_asked_otherwise()
    {
        using MeKiModel model = tiny.Load(converted: true);
        int[] special = model.Tokenizer!.Encode($"a{EndOfText}b"), plain = model.Tokenizer!.Encode($"a{EndOfText}b", parseSpecial: false);
        Assert.Equal(3, special.Length);
        Assert.True(plain.Length > 10);
        using MeKiSession session = model.CreateSession();
        await Run(session.GenerateAsync($"a{EndOfText}b", Greedy with { MaxTokens = 1 }));
        Assert.Equal(plain, session.Tokens.ToArray());
        await Run(session.GenerateAsync($"a{EndOfText}b", Greedy with { MaxTokens = 1, ParseSpecialTokens = true }));
        Assert.Equal(special, session.Tokens.ToArray());
        Assert.Equal(await Run(model.GenerateAsync(plain, Greedy)), await Run(model.GenerateAsync($"a{EndOfText}b", Greedy)));
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task A_prompt_of_tokens_is_continued_as_its_text_is()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        int[] prompt = model.Tokenizer!.Encode("The other");
        string expected = await Run(model.GenerateAsync("The other", Greedy));
        IAsyncEnumerable<TextPiece> pieces = model.GenerateAsync(prompt, Greedy);
        // The array is the caller's.
        prompt.AsSpan().Clear();
        Assert.Equal(expected, await Run(pieces));
        Assert.Equal(expected, await Run(session.GenerateAsync(model.Tokenizer!.Encode("The other"), Greedy)));
        Assert.Equal(expected, await Run(session.GenerateAsync("The other", Greedy)));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(300)]
    [Trait("Fault", "18.convenience")]
    public void Tokens_that_no_prompt_can_have_are_refused_by_the_call(int token)
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        ArgumentOutOfRangeException failure = Assert.Throws<ArgumentOutOfRangeException>(() => { model.GenerateAsync([1, token]); });
        Assert.Equal(("prompt", token), (failure.ParamName, failure.ActualValue));
        Assert.Contains("Token 1 has an id outside the vocabulary of 300", failure.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => { session.GenerateAsync([token]); });
        Assert.Throws<ArgumentException>(() => { model.GenerateAsync(ReadOnlySpan<int>.Empty); });
        Assert.Throws<ContextOverflowException>(() => { model.GenerateAsync(new int[1025]); });
    }

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public async Task Two_beginnings_of_a_prompt_are_warned_of()
    {
        string folder = new TinyCheckpoint { Tied = false }.Write(_folder["c"]);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), $$"""{"bos_token":"{{EndOfText}}","add_bos_token":true}""");
        Lines log = new();
        using MeKiModel model = MeKiModel.Load(folder, new() { Logger = log });
        GenerationOptions parsing = Greedy with { ParseSpecialTokens = true, MaxTokens = 1 };
        log.Written.Clear();
        await Run(model.GenerateAsync("ab", parsing));
        await Run(model.GenerateAsync($"{EndOfText}ab", parsing with { ParseSpecialTokens = false }));
        await Run(model.GenerateAsync([299, 97, 299], parsing));
        Assert.Empty(log.Written);
        await Run(model.GenerateAsync($"{EndOfText}ab", parsing));
        await Run(model.GenerateAsync([299, 299, 97], parsing));
        Assert.Equal(2, log.Written.Count);
        const string Warning = "Warning: The prompt begins with two beginning-of-sequence tokens (id 299)";
        Assert.All(log.Written, line => Assert.StartsWith(Warning, line, StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task A_full_context_is_a_reason_of_its_own()
    {
        using MeKiModel model = MeKiModel.Load(new TinyCheckpoint { Tied = false, Context = 12 }.Write(_folder["c"]));
        Assert.Equal(FinishReason.ContextFull, await Reason(Greedy with { MaxTokens = 100 }));
        // Both at once: the user got what was asked for.
        int most = 12 - model.Tokenizer!.Encode("The other").Length + 1;
        Assert.Equal(FinishReason.Length, await Reason(Greedy with { MaxTokens = most }));
        Assert.Equal(FinishReason.ContextFull, await Reason(Greedy with { MaxTokens = most + 1 }));
        Assert.Equal(FinishReason.Length, await Reason(Greedy with { MaxTokens = 100, ContextShift = true }));

        async Task<FinishReason> Reason(GenerationOptions options)
        {
            TextGeneration generation = model.GenerateAsync("The other", options);
            await Run(generation);
            return generation.Statistics!.Reason;
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    [Trait("Fault", "18.17")]
    public async Task Logits_that_are_no_numbers_end_in_an_exception_of_their_own(float value)
    {
        string folder = new TinyCheckpoint { Tied = false, Damage = tensors => tensors["model.norm.weight"].Values[3] = value }.Write(_folder["c"]);
        using MeKiModel model = MeKiModel.Load(folder);
        foreach (float temperature in new[] { 0, 1f })
        {
            InvalidLogitsException failure = await Assert.ThrowsAsync<InvalidLogitsException>(() =>
                Run(model.GenerateAsync("The other", Greedy with { Temperature = temperature })));
            Assert.Contains("its weights or rows are damaged", failure.Message, StringComparison.Ordinal);
        }
        Assert.Throws<InvalidLogitsException>(() => Perplexity.Measure(model, new("To be or not to be"), 8));
    }

    [Theory]
    [InlineData(1e-39f)]
    [InlineData(0.0009f)]
    [InlineData(1001f)]
    [InlineData(-1f)]
    [InlineData(float.Epsilon)]
    [InlineData(float.MaxValue)]
    [Trait("Fault", "18.23")]
    public void A_penalty_beyond_its_range_is_refused_with_the_range(float penalty)
    {
        ArgumentOutOfRangeException failure = Assert.Throws<ArgumentOutOfRangeException>(() => new GenerationOptions { RepetitionPenalty = penalty });
        Assert.StartsWith("RepetitionPenalty must be from 0.001 to 1000.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Fault", "18.23")]
    public void Every_number_out_of_its_range_is_refused_with_its_name_and_range()
    {
        foreach ((string name, Func<GenerationOptions> options) in new (string, Func<GenerationOptions>)[]
        {
            ("MaxTokens must be 0 or more", () => new() { MaxTokens = int.MinValue }),
            ("Temperature must be 0 or a positive finite number", () => new() { Temperature = -float.Epsilon }),
            ("Temperature must be 0 or a positive finite number", () => new() { Temperature = float.NaN }),
            ("TopK must be 0 or more", () => new() { TopK = -1 }),
            ("TopP must be above 0 and at most 1", () => new() { TopP = -float.Epsilon }),
            ("TopP must be above 0 and at most 1", () => new() { TopP = float.PositiveInfinity }),
            ("MinP must be from 0 to 1", () => new() { MinP = 1.0000001f }),
            ("RepetitionPenalty must be from 0.001 to 1000", () => new() { RepetitionPenalty = float.NaN }),
            ("KeepTokens must be -1 or more", () => new() { KeepTokens = int.MinValue }),
        })
        {
            ArgumentOutOfRangeException failure = Assert.Throws<ArgumentOutOfRangeException>(options);
            Assert.StartsWith(name + ".", failure.Message, StringComparison.Ordinal);
        }
        Assert.Equal("StopStrings", Assert.Throws<ArgumentNullException>(() => new GenerationOptions { StopStrings = null! }).ParamName);
    }

    [Theory]
    [InlineData(0.001f)]
    [InlineData(1000f)]
    [Trait("Fault", "18.23")]
    public void A_penalty_within_its_range_blames_no_weights(float penalty)
    {
        TokenSampler sampler = new(Greedy with { RepetitionPenalty = penalty });
        Assert.Equal(0, sampler.Sample([3e38f, -3e38f, 1], [0, 1]));
        Assert.Equal(0, sampler.Sample([-3e38f, -3e38f], [0, 1]));
    }

    /// <summary>The smallest and the largest numbers that an option takes are numbers like others: no sampler divides by zero.</summary>
    [Theory]
    [InlineData(float.Epsilon, 1f, 0f)]
    [InlineData(1e-39f, 0.95f, 0.05f)]
    [InlineData(float.MaxValue, 1f, 0f)]
    [InlineData(1f, float.Epsilon, 0f)]
    [InlineData(1f, 1f, float.Epsilon)]
    [InlineData(1f, 1f, 1f)]
    [Trait("Fault", "18.23")]
    public void Extreme_numbers_within_the_ranges_choose_a_token(float temperature, float topP, float minP)
    {
        foreach (int topK in new[] { 0, 2, int.MaxValue })
        {
            TokenSampler sampler = new(new GenerationOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Seed = 5 });
            for (int i = 0; i < 50; i++)
            {
                int token = sampler.Sample([1, 2, float.NegativeInfinity, -40], []);
                Assert.NotEqual(2, token);
                if (temperature < 1 || topP < 1 || minP == 1)
                    Assert.Equal(1, token);
            }
        }
    }

    private static async Task<string> Run(IAsyncEnumerable<TextPiece> pieces)
    {
        StringBuilder text = new();
        await foreach (string piece in pieces)
            text.Append(piece);
        return text.ToString();
    }

    private sealed class Lines : ILogger
    {
        public List<string> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add($"{logLevel}: {formatter(state, exception)}");
    }
}
