using MeKi.Model.Generation;
using MeKi.Model.Grammars;
using MeKi.Tests;

namespace MeKi.Model.Tests.Generation;

/// <summary>Guesses from the text so far change the number of passes, and nothing else.</summary>
public sealed class PromptLookupTests
{
    private static readonly string Demo = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    // Copies what stood 20 tokens before, with a break now and then.
    private static readonly GenerationOptions Greedy = new()
    {
        Temperature = 0,
        MaxTokens = 60,
        LogProbabilities = 2,
        LogitsProcessor = Copy,
    };

    public static TheoryData<string> Kinds => ["greedy", "sampled", "penalised", "mirostat", "schema", "processed", "stopped", "short"];

    public static TheoryData<string> Families =>
        ["gemma3", "gemma3n", "gemma4", "granite", "llama", "phi3", "qwen2", "qwen3", "smollm3"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task The_tokens_their_probabilities_and_the_session_are_those_without(string kind)
    {
        using MeKiModel model = MeKiModel.Load(Demo, new() { Threads = 2 });
        List<int[]> histories = [];
        GenerationOptions options = kind switch
        {
            "sampled" => Greedy with { Temperature = 0.7f, Seed = 5 },
            "penalised" => Greedy with { Temperature = 1, Seed = 6, RepetitionPenalty = 1.3f, PenaltyWindow = 8, DryMultiplier = 0.8f, XtcProbability = 0.5f },
            "mirostat" => Greedy with { Temperature = 1, Seed = 7, Mirostat = true },
            "schema" => Greedy with
            {
                LogitsProcessor = null,
                Grammar = Grammar.FromJsonSchema("""{ "type": "array", "items": { "const": "ab" }, "minItems": 5 }"""),
            },
            "processed" => Greedy with
            {
                LogitsProcessor = (tokens, logits) =>
                {
                    histories.Add(tokens.ToArray());
                    Copy(tokens, logits);
                },
            },
            "stopped" => Greedy with { StopStrings = [" the", "\n\n"] },
            "short" => Greedy with { MaxTokens = 3 },
            _ => Greedy,
        };
        int[] ids = Repeated(model);
        Outcome without = await Run(model, ids, options);
        int[][] seen = [.. histories];
        histories.Clear();
        foreach (int most in new[] { 1, 7, 15 })
        {
            Outcome with = await Run(model, ids, options with { PromptLookup = most });
            Assert.Equal(without.Tokens, with.Tokens);
            Assert.Equal(without.LogProbabilities, with.LogProbabilities);
            Assert.Equal(without.Text, with.Text);
            Assert.Equal(without.Statistics.Reason, with.Statistics.Reason);
            Assert.StartsWith(without.Held, with.Held, StringComparison.Ordinal);
            Assert.Equal(seen, histories);
            Assert.True(with.Statistics.DraftedTokens > 0 || most == 1 || kind is "schema" or "short" or "stopped");
            histories.Clear();
        }
    }

    [SharedTheory("foreign/gemma4.json")]
    [MemberData(nameof(Families))]
    public async Task Each_family_gives_the_tokens_that_it_gives_without(string family)
    {
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path($"foreign/{family}.gguf"), new() { Threads = 2 });
        int[] prompt = Repeated(model);
        Outcome without = await Run(model, prompt, Greedy), with = await Run(model, prompt, Greedy with { PromptLookup = 7 });
        Assert.Equal(without.Tokens, with.Tokens);
        Assert.Equal(without.LogProbabilities, with.LogProbabilities);
        Assert.Equal(without.Held, with.Held);
        Assert.True(with.Statistics.DraftedTokens > 0);
        // The last token needs no pass.
        int last = with.Statistics.Reason == FinishReason.Length ? 1 : 0;
        Assert.Equal(with.Statistics.GeneratedTokens, with.Statistics.DecodePasses + with.Statistics.AcceptedTokens + last);
    }

    [Fact]
    public async Task Text_that_repeats_itself_takes_fewer_passes()
    {
        using MeKiModel model = MeKiModel.Load(Demo, new() { Threads = 2 });
        int[] prompt = Repeated(model);
        GenerationOptions copying = Greedy with
        {
            LogProbabilities = null,
            MaxTokens = 100,
            LogitsProcessor = (tokens, logits) => logits[tokens[^20]] = 1000,
        };
        Outcome without = await Run(model, prompt, copying), with = await Run(model, prompt, copying with { PromptLookup = 15 });
        Assert.Equal(without.Tokens, with.Tokens);
        Assert.True(with.Statistics.AcceptedTokens > 0);
        Assert.Equal(99, with.Statistics.DecodePasses + with.Statistics.AcceptedTokens);
        Assert.Equal((99, 0, 0), (without.Statistics.DecodePasses, without.Statistics.DraftedTokens, without.Statistics.AcceptedTokens));
    }

    [SharedFact("foreign/gemma3.json")]
    public void No_guess_reaches_over_the_page_that_a_window_lets_go_of()
    {
        // Sliding layers see 16 positions; a page has 256. The token at 271 needs nothing of the first page.
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path("foreign/gemma3.gguf"), new() { Threads = 2 });
        using MeKiSession session = model.CreateSession();
        session.Forward([.. Enumerable.Range(3, 240)], []);
        for (int position = 240; position < 280; position++)
        {
            int most = model.Loaded.Kv.Revocable(position + 1, 8);
            Assert.Equal(position < 270 ? Math.Min(8, 269 - position) : 8, most);
            session.Forward([.. Enumerable.Range(3, most + 1)], []);
            session.Truncate(position + 1);
            // What had to be computed anew would hold no pages now.
            Assert.True(session.KvCacheBytes > 0, $"at {position}");
        }
    }

    [SharedFact("foreign/gemma3.json")]
    public async Task Beyond_its_window_a_model_gives_the_tokens_that_it_gives_without()
    {
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path("foreign/gemma3.gguf"), new() { Threads = 2 });
        int[] prompt = [.. Enumerable.Range(0, 230).Select(i => 3 + i % 23)];
        GenerationOptions options = Greedy with { MaxTokens = 80, LogitsProcessor = (tokens, logits) => logits[tokens[^23]] += 3 * (tokens.Length % 7) };
        Outcome without = await Run(model, prompt, options), with = await Run(model, prompt, options with { PromptLookup = 15 });
        Assert.Equal(without.Tokens, with.Tokens);
        Assert.Equal(without.LogProbabilities, with.LogProbabilities);
    }

    [Fact]
    public async Task Who_leaves_leaves_a_session_without_guesses()
    {
        using MeKiModel model = MeKiModel.Load(Demo, new() { Threads = 2 });
        int[] prompt = Repeated(model), whole = [.. prompt, .. (await Run(model, prompt, Greedy)).Tokens];
        for (int stop = 1; stop < 24; stop += 2)
        {
            using MeKiSession session = model.CreateSession();
            int given = 0;
            await foreach (TextPiece piece in session.GenerateAsync(prompt, Greedy with
            {
                PromptLookup = 7,
            }))
            {
                given += piece.Tokens.Count;
                if (given >= stop)
                    break;
            }
            Assert.InRange(session.Position, prompt.Length + given - 1, whole.Length);
            Assert.Equal(whole[..session.Position], session.Tokens.ToArray());
        }
    }

    [Fact]
    public void Guesses_follow_the_place_of_the_longest_common_past_and_go_on_as_text_that_repeats_itself()
    {
        int[] past = [.. Enumerable.Range(100, 20)], one = [1, 2, 3, 4, 5, 6, 7, 8], two = [31, 32, 33, 34, 35, 36, 37, 38];
        Assert.Equal(one[..7], Guess([.. past, .. one, .. past]));
        Assert.Equal(one[..7], Guess([.. past, .. one, 60, .. past[5..], .. two, .. past]));
        Assert.Equal(two[..7], Guess([.. past, .. one, .. past, .. two, .. past]));
        Assert.Equal([5, 5, 5, 5, 5, 5, 5], Guess([.. Enumerable.Repeat(5, 20)]));
        Assert.Equal([1, 2, 1, 2, 1, 2, 1], Guess([.. Enumerable.Repeat((int[])[1, 2], 10).SelectMany(pair => pair)]));
        Assert.Empty(Guess([.. past, .. one]));
        Assert.Empty(Guess([1, 2, 1, 2]));
        Assert.Empty(Guess([1]));
    }

    [Fact]
    public void A_right_guess_is_taken_and_behind_a_wrong_one_none_holds()
    {
        PromptLookup lookup = Looked([.. Enumerable.Range(0, 30), .. Enumerable.Range(0, 20)]);
        Assert.Equal(Enumerable.Range(19, 8), lookup.Batch.ToArray());
        Assert.Equal((0, 0), (lookup.Ahead, lookup.Row));
        lookup.Computed(TimeSpan.FromMilliseconds(30));
        Assert.Equal((7, 0), (lookup.Ahead, lookup.Row));
        Assert.True(lookup.Take(20));
        Assert.True(lookup.Take(21));
        Assert.Equal((5, 2), (lookup.Ahead, lookup.Row));
        Assert.False(lookup.Take(99));
        Assert.Equal((0, 0), (lookup.Ahead, lookup.Row));
        Assert.Equal((7, 2), (lookup.Guessed, lookup.Right));
    }

    [Theory]
    [InlineData(0.05)]
    [InlineData(0.25)]
    [InlineData(1)]
    [InlineData(3)]
    public void Where_every_guess_is_wrong_hardly_any_time_is_lost(double costOfGuess)
    {
        const int Passes = 1000;
        DraftBudget budget = new(15);
        double time = 0;
        for (int i = 0; i < Passes; i++)
            time += Pass(budget, 2 + i % 30, costOfGuess, isRight: false, out _);
        Assert.InRange(time / (0.01 * Passes), 1, 1.03);
    }

    [Fact]
    public void Where_every_guess_is_right_passes_are_soon_full_after_a_text_without_repetitions_too()
    {
        DraftBudget budget = new(15);
        for (int i = 0; i < 100; i++)
            Pass(budget, 2, 0.25, isRight: false, out _);
        int passes = 0;
        for (int past = 2, guesses = 0; guesses < 15; past += guesses + 1)
        {
            Pass(budget, past, 0.25, isRight: true, out guesses);
            Assert.True(++passes < 40, $"{guesses} guesses");
        }
    }

    [Fact]
    public void Guesses_that_cost_more_than_passes_are_not_made_again()
    {
        DraftBudget budget = new(15);
        int made = 0;
        for (int i = 0; i < 500; i++)
        {
            Pass(budget, 8, 2, isRight: true, out int guesses);
            made += guesses;
        }
        Assert.InRange(made, 1, 30);
    }

    private static double Pass(DraftBudget budget, int past, double costOfGuess, bool isRight, out int guesses)
    {
        guesses = budget.Guesses(past, 15);
        double seconds = 0.01 * (1 + costOfGuess * guesses);
        budget.Spend(guesses, seconds);
        if (guesses > 0)
            budget.Judge(guesses, isRight ? guesses : 0);
        else
            budget.Watch(isRight);
        return seconds;
    }

    private static void Copy(ReadOnlySpan<int> tokens, Span<float> logits)
    {
        if (tokens.Length % 17 > 0)
            logits[tokens[^20]] += 1000;
    }

    private static int[] Repeated(MeKiModel model)
    {
        Random random = new(3);
        int[] part = [.. Enumerable.Range(0, 20).Select(_ => random.Next(10, Math.Min(200, model.Tokenizer!.VocabularySize)))];
        return [.. part, .. part, .. part[..9]];
    }

    private static int[] Guess(int[] tokens) => Looked(tokens).Batch[1..].ToArray();

    // After a pass of one token.
    private static PromptLookup Looked(int[] tokens)
    {
        PromptLookup lookup = new(7, tokens);
        lookup.Guess(0);
        lookup.Computed(TimeSpan.FromMilliseconds(10));
        lookup.Guess(7);
        return lookup;
    }

    private static async Task<Outcome> Run(MeKiModel model, int[] prompt, GenerationOptions options)
    {
        using MeKiSession session = model.CreateSession();
        TextGeneration generation = session.GenerateAsync(prompt, options);
        List<GeneratedToken> tokens = [];
        string text = "";
        await foreach (TextPiece piece in generation)
        {
            text += piece;
            tokens.AddRange(piece.Tokens);
        }
        return new(
            [.. tokens.Select(token => token.Id)],
            [.. tokens.SelectMany(token => token.Likeliest.Select(each => each.LogProbability).Prepend(token.LogProbability ?? 0))],
            text, string.Join(' ', session.Tokens.ToArray()), generation.Statistics!);
    }

    private sealed record Outcome(int[] Tokens, double[] LogProbabilities, string Text, string Held, GenerationStatistics Statistics);
}
