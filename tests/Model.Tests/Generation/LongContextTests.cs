using System.Text;
using MeKi.Model.Generation;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Tests;

namespace MeKi.Model.Tests.Generation;

/// <summary>Generation in a session that is kept, beyond the end of the context, and over prompts that take a while.</summary>
public sealed class LongContextTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const string Prompt = "The other";
    private const int Vocabulary = 300;

    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 30 };

    [Fact]
    public async Task A_session_computes_only_what_the_prompts_do_not_share()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        (string first, GenerationStatistics done) = await Run(session, Prompt, Greedy);
        Assert.Equal(0, done.ReusedTokens);
        Assert.Equal(first, (await Run(model.CreateSession(), Prompt, Greedy)).Text);
        int prompt = model.Tokenizer!.Encode(Prompt).Length;
        // The last token was not passed on.
        Assert.Equal(prompt + 29, session.Position);

        string longer = Prompt + first + " end";
        (string second, done) = await Run(session, longer, Greedy);
        Assert.InRange(done.ReusedTokens, prompt, prompt + 29);
        Assert.Equal(model.Tokenizer!.Encode(longer).Length, done.PromptTokens);
        Assert.Equal(second, (await Run(model.CreateSession(), longer, Greedy)).Text);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(-1)]
    public async Task A_shift_is_a_fresh_session_over_the_tokens_that_stay(int keep)
    {
        const int Context = 40, Tokens = 120;
        using TemporaryFolder folder = new();
        using MeKiModel model = MeKiModel.Load(new TinyCheckpoint { Tied = false, Context = Context }.Write(folder["c"]));
        int[] prompt = model.Tokenizer!.Encode(Prompt);
        int kept = keep < 0 ? prompt.Length : Math.Min(keep, prompt.Length);

        List<int> held = [.. prompt], generated = [];
        int next = Likeliest(model, held);
        for (int i = 0; i < Tokens; i++)
        {
            generated.Add(next);
            if (held.Count == Context)
                held.RemoveRange(kept, (Context - kept) / 2);
            held.Add(next);
            next = Likeliest(model, held);
        }

        using MeKiSession session = model.CreateSession();
        (string text, GenerationStatistics done) = await Run(session, Prompt, Greedy with { MaxTokens = Tokens, ContextShift = true, KeepTokens = keep });
        Assert.Equal(model.Tokenizer!.Decode([.. generated]), text);
        Assert.Equal((Tokens, FinishReason.Length), (done.GeneratedTokens, done.Reason));
        Assert.Equal(held[..^1], session.Tokens.ToArray());
    }

    [Fact]
    public async Task Kept_tokens_that_fill_the_context_end_the_text()
    {
        using TemporaryFolder folder = new();
        using MeKiModel model = MeKiModel.Load(new TinyCheckpoint { Tied = false, Context = 20 }.Write(folder["c"]));
        string prompt = string.Concat(Enumerable.Repeat("x", 19));
        (_, GenerationStatistics done) = await Run(model.CreateSession(), prompt, Greedy with { ContextShift = true, KeepTokens = -1 });
        Assert.Equal((2, FinishReason.ContextFull), (done.GeneratedTokens, done.Reason));
        // A prompt that does not fit is refused, shift or not.
        await Assert.ThrowsAsync<ContextOverflowException>(() => Run(model.CreateSession(), prompt + "yz", Greedy with { ContextShift = true }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GenerationOptions { KeepTokens = -2 });
    }

    [Fact]
    public async Task Progress_of_a_long_prompt_is_told_batch_by_batch()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        string prompt = new('x', 600);
        List<(long, long)> told = [];
        Told progress = new(each => told.Add((each.Done, each.Total)));
        await Run(session, prompt, Greedy with { MaxTokens = 1 }, progress);
        Assert.Equal([(0, 600), (256, 600), (512, 600), (600, 600)], told);
        told.Clear();
        await Run(session, prompt + "yz", Greedy with { MaxTokens = 1 }, progress);
        Assert.Equal([(600, 602), (602, 602)], told);
    }

    [Fact]
    public async Task A_long_prompt_is_cancelled_between_batches_and_taken_up_again()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        using CancellationTokenSource source = new();
        string prompt = new('x', 900);
        GenerationOptions options = Greedy with { MaxTokens = 5 };
        Told cancelling = new(progress =>
        {
            if (progress.Done == 512)
                source.Cancel();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Run(session, prompt, options, cancelling, source.Token));
        Assert.Equal(512, session.Position);
        (string text, GenerationStatistics done) = await Run(session, prompt, options);
        Assert.Equal(512, done.ReusedTokens);
        Assert.Equal(text, (await Run(model.CreateSession(), prompt, options)).Text);
    }

    private static int Likeliest(MeKiModel model, List<int> tokens)
    {
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[Vocabulary];
        session.Forward([.. tokens], logits);
        return Array.IndexOf(logits, logits.Max());
    }

    private static async Task<(string Text, GenerationStatistics Statistics)> Run(
        MeKiSession session, string prompt, GenerationOptions options, Told? progress = null, CancellationToken cancellationToken = default)
    {
        StringBuilder text = new();
        TextGeneration generation = session.GenerateAsync(prompt, options, progress, cancellationToken);
        await foreach (string piece in generation)
            text.Append(piece);
        return (text.ToString(), generation.Statistics!);
    }

    private sealed class Told(Action<WorkProgress> tell) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => tell(value);
    }
}
