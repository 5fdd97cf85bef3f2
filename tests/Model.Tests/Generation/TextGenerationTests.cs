using System.Text;
using MeKi.Model.Generation;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Tests;

namespace MeKi.Model.Tests.Generation;

public sealed class TextGenerationTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const string Prompt = "The other";

    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 40 };
    private static readonly GenerationOptions Sampled = new() { Temperature = 1, TopP = 1, MinP = 0, MaxTokens = 60, Seed = 7 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Greedy_text_is_the_sessions_greedy_tokens(bool converted)
    {
        using MeKiModel model = tiny.Load(converted);
        int[] tokens = GoldenAssert.Greedy(model, model.Tokenizer!.Encode(Prompt), 40);
        Assert.Equal(model.Tokenizer!.Decode(tokens), (await Run(model, Greedy)).Text);
    }

    [Fact]
    public async Task Statistics_count_tokens()
    {
        using MeKiModel model = tiny.Load(converted: true);
        (_, GenerationStatistics done) = await Run(model, Greedy);
        Assert.Equal((model.Tokenizer!.Encode(Prompt).Length, 40, FinishReason.Length), (done.PromptTokens, done.GeneratedTokens, done.Reason));
        Assert.True(done.PrefillTokensPerSecond > 0 && done.DecodeTokensPerSecond > 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Max_tokens_is_the_most_tokens(int count)
    {
        using MeKiModel model = tiny.Load(converted: true);
        int[] tokens = GoldenAssert.Greedy(model, model.Tokenizer!.Encode(Prompt), 2);
        (string text, GenerationStatistics done) = await Run(model, Greedy with { MaxTokens = count });
        Assert.Equal(model.Tokenizer!.Decode(tokens.AsSpan(0, count)), text);
        Assert.Equal((count, FinishReason.Length), (done.GeneratedTokens, done.Reason));
    }

    [Fact]
    public async Task A_seed_repeats_and_another_differs()
    {
        using MeKiModel model = tiny.Load(converted: true);
        string first = (await Run(model, Sampled)).Text;
        Assert.Equal(first, (await Run(model, Sampled)).Text);
        Assert.NotEqual(first, (await Run(model, Sampled with { Seed = 8 })).Text);
        Assert.NotEqual((await Run(model, Sampled with { Seed = null })).Text, (await Run(model, Sampled with { Seed = null })).Text);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public async Task A_stop_string_ends_the_text_before_itself(int length)
    {
        using MeKiModel model = tiny.Load(converted: true);
        string whole = (await Run(model, Sampled)).Text;
        string stop = whole.Substring(20, length);
        (string text, GenerationStatistics done) = await Run(model, Sampled with { StopStrings = ["never said", stop] });
        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], text);
        Assert.Equal(FinishReason.StopString, done.Reason);
        Assert.True(done.GeneratedTokens <= 20 + length);
    }

    [Fact]
    public async Task Text_that_might_have_become_a_stop_string_is_given_at_the_end()
    {
        using MeKiModel model = tiny.Load(converted: true);
        string whole = (await Run(model, Sampled)).Text;
        (string text, GenerationStatistics done) = await Run(model, Sampled with { StopStrings = [whole[^3..] + "\u0001"] });
        Assert.Equal((whole, FinishReason.Length), (text, done.Reason));
    }

    [Fact]
    public async Task An_end_of_sequence_token_ends_the_text()
    {
        using TemporaryFolder folder = new();
        TinyCheckpoint checkpoint = new() { Tied = false };
        int[] tokens;
        using (MeKiModel endless = MeKiModel.Load(checkpoint.Write(folder["endless"])))
            tokens = GoldenAssert.Greedy(endless, endless.Tokenizer!.Encode(Prompt), 40);
        int end = Enumerable.Range(1, 39).First(i => !tokens.AsSpan(0, i).Contains(tokens[i]));
        using MeKiModel model = MeKiModel.Load((checkpoint with { DamageConfig = config => config["eos_token_id"] = tokens[end] }).Write(folder["ending"]));
        (string text, GenerationStatistics done) = await Run(model, Greedy);
        Assert.Equal((model.Tokenizer!.Decode(tokens.AsSpan(0, end)), end, FinishReason.EndOfSequence), (text, done.GeneratedTokens, done.Reason));
    }

    [Fact]
    public async Task The_end_of_the_context_ends_the_text()
    {
        using TemporaryFolder folder = new();
        using MeKiModel model = MeKiModel.Load(new TinyCheckpoint { Tied = false, Context = 12 }.Write(folder["c"]));
        int prompt = model.Tokenizer!.Encode(Prompt).Length;
        (_, GenerationStatistics done) = await Run(model, Greedy);
        // The last token needs no place: nothing comes after it.
        Assert.Equal((12 - prompt + 1, FinishReason.ContextFull), (done.GeneratedTokens, done.Reason));
    }

    [Fact]
    public async Task A_prompt_longer_than_the_context()
    {
        using MeKiModel model = tiny.Load(converted: true);
        ContextOverflowException failure = await Assert.ThrowsAsync<ContextOverflowException>(() => Run(model, Greedy, new string('x', 1025)));
        Assert.Contains("1025 tokens do not fit", failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await Run(model, Greedy, new string('x', 1024))).Statistics.GeneratedTokens);
    }

    [Fact]
    public async Task An_empty_prompt_is_refused()
    {
        using MeKiModel model = tiny.Load(converted: true);
        await Assert.ThrowsAsync<ArgumentException>(() => Run(model, Greedy, ""));
    }

    [Fact]
    public async Task A_model_without_a_tokenizer_generates_no_text()
    {
        using TemporaryFolder folder = new();
        using MeKiModel model = MeKiModel.Load(new TinyCheckpoint { HasTokenizer = false }.Write(folder["c"]));
        Assert.Contains(folder["c"], (await Assert.ThrowsAsync<InvalidOperationException>(() => Run(model, Greedy))).Message, StringComparison.Ordinal);
        Assert.Equal(300, GoldenAssert.AllLogits(model, [1]).Length);
    }

    [Fact]
    public async Task Leaving_the_loop_ends_the_generation()
    {
        using MeKiModel model = tiny.Load(converted: true);
        StringBuilder text = new();
        TextGeneration generation = model.GenerateAsync(Prompt, Greedy);
        await foreach (string piece in generation)
        {
            Assert.Null(generation.Statistics);
            if (text.Append(piece).Length >= 5)
                break;
        }
        Assert.Equal(FinishReason.Abandoned, generation.Statistics!.Reason);
        Assert.InRange(generation.Statistics.GeneratedTokens, 5, 6);
        string whole = (await Run(model, Greedy)).Text;
        Assert.StartsWith(text.ToString(), whole, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_token_ends_the_generation()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using CancellationTokenSource source = new();
        int tokens = 0;
        TextGeneration generation = model.GenerateAsync(Prompt, Greedy, cancellationToken: source.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (string _ in generation)
            {
                if (++tokens == 4)
                    await source.CancelAsync();
            }
        });
        Assert.Equal((4, FinishReason.Abandoned, 4), (tokens, generation.Statistics!.Reason, generation.Statistics.GeneratedTokens));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (string _ in model.GenerateAsync(Prompt, Greedy, cancellationToken: source.Token))
                Assert.Fail("a piece after the cancellation");
        });
    }

    [Fact]
    public async Task A_model_disposed_at_a_piece_ends_the_generation()
    {
        MeKiModel model = tiny.Load(converted: true);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (string _ in model.GenerateAsync(Prompt, Greedy))
                model.Dispose();
        });
    }

    [Fact]
    public async Task Generations_side_by_side_are_generations_alone()
    {
        using MeKiModel model = tiny.Load(converted: true, threads: 2);
        string[] alone = new string[3];
        for (int i = 0; i < alone.Length; i++)
            alone[i] = (await Run(model, Sampled with { Seed = i })).Text;
        string[] together = await Task.WhenAll(Enumerable.Range(0, alone.Length)
            .Select(i => Task.Run(async () => (await Run(model, Sampled with { Seed = i })).Text)));
        Assert.Equal(alone, together);
    }

    [Theory]
    [InlineData("MaxTokens")]
    [InlineData("Temperature")]
    [InlineData("TopK")]
    [InlineData("TopP")]
    [InlineData("MinP")]
    [InlineData("RepetitionPenalty")]
    [InlineData("LogProbabilities")]
    [InlineData("StopStrings")]
    public void Settings_out_of_range_are_named(string name)
    {
        Func<GenerationOptions>[] wrong = name switch
        {
            "MaxTokens" => [() => new() { MaxTokens = -1 }],
            "Temperature" =>
                [() => new() { Temperature = -0.1f }, () => new() { Temperature = float.NaN }, () => new() { Temperature = float.PositiveInfinity }],
            "TopK" => [() => new() { TopK = -1 }],
            "TopP" => [() => new() { TopP = 0 }, () => new() { TopP = 1.1f }, () => new() { TopP = float.NaN }],
            "MinP" => [() => new() { MinP = -0.1f }, () => new() { MinP = 1.1f }, () => new() { MinP = float.NaN }],
            "RepetitionPenalty" =>
                [() => new() { RepetitionPenalty = 0 }, () => new() { RepetitionPenalty = float.NaN },
                    () => new() { RepetitionPenalty = float.PositiveInfinity }],
            "LogProbabilities" => [() => new() { LogProbabilities = -1 }],
            _ => [() => new() { StopStrings = ["a", ""] }, () => new() { StopStrings = null! }],
        };
        foreach (Func<GenerationOptions> options in wrong)
            Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(options).ParamName);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task Tokens_come_with_the_models_own_log_probabilities(int likeliest)
    {
        using MeKiModel model = tiny.Load(converted: true);
        List<GeneratedToken> tokens = [];
        TextGeneration generation = model.GenerateAsync(Prompt, Sampled with { LogProbabilities = likeliest, LogitsProcessor = (_, logits) => logits[5] += 2 });
        await foreach (TextPiece piece in generation)
            tokens.AddRange(piece.Tokens);
        Assert.Equal(generation.Statistics!.GeneratedTokens, tokens.Count);
        List<int> sequence = [.. model.Tokenizer!.Encode(Prompt)];
        foreach (GeneratedToken token in tokens)
        {
            double[] expected = [.. Logits(model, sequence).Take(model.Tokenizer.VocabularySize).Select(logit => (double)logit)];
            double sum = Math.Log(expected.Sum(Math.Exp));
            Assert.Equal(expected[token.Id] - sum, token.LogProbability!.Value, 1e-9);
            int[] order = [.. Enumerable.Range(0, expected.Length).OrderByDescending(id => expected[id]).Take(likeliest)];
            Assert.Equal(order, token.Likeliest.Select(each => each.Id));
            Assert.All(token.Likeliest, each => Assert.Equal(expected[each.Id] - sum, each.LogProbability, 1e-9));
            sequence.Add(token.Id);
        }
    }

    [Fact]
    public async Task Without_being_asked_no_token_has_a_log_probability()
    {
        using MeKiModel model = tiny.Load(converted: true);
        await foreach (TextPiece piece in model.GenerateAsync(Prompt, Greedy))
            Assert.All(piece.Tokens, token => Assert.True(token is { LogProbability: null, Likeliest.Count: 0 }));
    }

    [Fact]
    public async Task The_pieces_have_all_tokens_and_their_text()
    {
        using MeKiModel model = tiny.Load(converted: true);
        List<int> tokens = [];
        StringBuilder text = new();
        await foreach (TextPiece piece in model.GenerateAsync(Prompt, Greedy))
        {
            tokens.AddRange(piece.Tokens.Select(token => token.Id));
            text.Append(piece.Text);
        }
        Assert.Equal(GoldenAssert.Greedy(model, model.Tokenizer!.Encode(Prompt), 40), tokens);
        Assert.Equal(model.Tokenizer!.Decode([.. tokens]), text.ToString());
    }

    [Fact]
    public async Task A_logits_processor_sees_the_tokens_so_far_and_forbids_others()
    {
        using MeKiModel model = tiny.Load(converted: true);
        int[] prompt = model.Tokenizer!.Encode(Prompt);
        int calls = 0;
        LogitsProcessor everySecond = (tokens, logits) =>
        {
            Assert.Equal(prompt.Length + calls++, tokens.Length);
            Assert.True(tokens.StartsWith(prompt));
            for (int id = tokens.Length % 2; id < logits.Length; id += 2)
                logits[id] = float.NegativeInfinity;
        };
        LogitsProcessor none = (_, _) => { };
        List<int> chosen = [];
        await foreach (TextPiece piece in model.GenerateAsync(Prompt, Greedy with { LogitsProcessor = everySecond + none }))
            chosen.AddRange(piece.Tokens.Select(token => token.Id));
        Assert.Equal(40, calls);
        for (int i = 0; i < chosen.Count; i++)
            Assert.NotEqual((prompt.Length + i) % 2, chosen[i] % 2);
    }

    private static float[] Logits(MeKiModel model, List<int> tokens)
    {
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[model.Config.VocabularySize];
        session.Forward([.. tokens], logits);
        return logits;
    }

    private static async Task<(string Text, GenerationStatistics Statistics)> Run(MeKiModel model, GenerationOptions options, string prompt = Prompt)
    {
        StringBuilder text = new();
        TextGeneration generation = model.GenerateAsync(prompt, options);
        await foreach (string piece in generation)
        {
            Assert.NotEqual("", piece);
            text.Append(piece);
        }
        return (text.ToString(), generation.Statistics!);
    }
}
