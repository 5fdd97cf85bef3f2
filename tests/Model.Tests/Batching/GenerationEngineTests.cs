using MeKi.Model.Batching;
using MeKi.Model.Generation;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Store;
using MeKi.Store.Reading;
using MeKi.Store.Tests;
using MeKi.Tests;

namespace MeKi.Model.Tests.Batching;

/// <summary>Who waits for whom, what is shared, and what one request's trouble does to the others: nothing.</summary>
public sealed class GenerationEngineTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 10 };

    [Fact]
    public async Task A_prompt_that_begins_as_one_before_computes_only_what_is_new()
    {
        using MeKiModel model = tiny.Load(converted: true);
        int[] prompt = TinyModel.Tokens(600);
        GenerationStatistics first = await Statistics(model.GenerateAsync(prompt, Greedy));
        Assert.Equal(0, first.ReusedTokens);
        // A second turn: the whole of the first, its reply, and more.
        List<int> tokens = [.. prompt];
        await foreach (TextPiece piece in model.GenerateAsync(prompt, Greedy))
            tokens.AddRange(piece.Tokens.Select(token => token.Id));
        Assert.Equal(610, tokens.Count);
        // The last token was never passed on.
        Assert.Equal(609, (await Statistics(model.GenerateAsync([.. tokens, 7, 8], Greedy))).ReusedTokens);
        Assert.Equal(599, (await Statistics(model.GenerateAsync(prompt, Greedy))).ReusedTokens);
        Assert.Equal(300, (await Statistics(model.GenerateAsync([.. prompt[..300], (prompt[300] + 1) % 300], Greedy))).ReusedTokens);
        Assert.Equal(90, (await Statistics(model.GenerateAsync([.. prompt[..90], (prompt[90] + 1) % 300], Greedy))).ReusedTokens);
        EngineCounters counters = model.EngineCounters;
        Assert.Equal(599 + 609 + 599 + 300 + 90, counters.ReusedTokens);
        Assert.Equal(600 + 1 + 3 + 1 + 1 + 1, counters.PromptTokens);
        Assert.Equal(60, counters.GeneratedTokens);
    }

    [SharedTheory("foreign/gemma4.gguf")]
    [InlineData("gemma3")]
    [InlineData("gemma4")]
    public async Task Models_with_windows_share_whole_pages(string family)
    {
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path($"foreign/{family}.gguf"), new() { Threads = 1 });
        Random random = new(1);
        int[] prompt = [.. Enumerable.Range(0, 480).Select(_ => random.Next(model.Tokenizer!.VocabularySize))];
        await Statistics(model.GenerateAsync(prompt, Greedy));
        // What windows have let go of, the tree has.
        Assert.InRange((await Statistics(model.GenerateAsync([.. prompt[..400], 5, 6], Greedy))).ReusedTokens, 256, 400);
    }

    [Fact]
    public async Task Requests_that_come_together_compute_their_common_beginning_once()
    {
        using MeKiModel model = tiny.Load(converted: true, threads: 2);
        int[] prompt = TinyModel.Tokens(200);
        GenerationStatistics[] done = await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            Statistics(model.GenerateAsync([.. prompt, i], Greedy with { Seed = i }))));
        Assert.Equal(7 * 200, done.Sum(each => each.ReusedTokens));
        Assert.Equal(201 + 7, model.EngineCounters.PromptTokens);
    }

    [Fact]
    public async Task A_short_prompt_waits_for_one_part_of_a_long_one()
    {
        using MeKiModel model = tiny.Load(converted: true, threads: 1);
        int parts = 0, partsBefore = 0;
        TaskCompletionSource<string> shortOne = new();
        Told progress = new(told =>
        {
            // The short one comes while the long one is being read.
            if (told.Done == 256)
                _ = Task.Run(async () => shortOne.SetResult(await Requests.Run(model.GenerateAsync([1, 2, 3], Greedy with { MaxTokens = 1 }, new Told(at =>
                {
                    if (at.Done == 3)
                        Volatile.Write(ref partsBefore, Volatile.Read(ref parts));
                })))));
            if (told.Done == 256)
                Assert.True(SpinWait.SpinUntil(() => model.EngineCounters.Queued > 0, Patience));
            Interlocked.Increment(ref parts);
        });
        await Requests.Run(model.GenerateAsync(TinyModel.Tokens(1000), Greedy with { MaxTokens = 1 }, progress));
        await shortOne.Task.WaitAsync(Patience);
        // Told at 0 and 256; the pass that had the short one may have told of the long one first.
        Assert.InRange(partsBefore, 2, 3);
    }

    [Fact]
    public async Task Who_does_not_take_his_text_holds_up_himself()
    {
        using MeKiModel model = tiny.Load(converted: true, threads: 1);
        TextGeneration slow = model.GenerateAsync("The other", Greedy with { MaxTokens = 200 });
        await using IAsyncEnumerator<TextPiece> pieces = slow.GetAsyncEnumerator();
        Assert.True(await pieces.MoveNextAsync());
        await Requests.Run(model.GenerateAsync("Another", Greedy with { MaxTokens = 100 }));
        Assert.InRange(model.EngineCounters.GeneratedTokens, 101, 100 + 20);
        int rest = 0;
        while (await pieces.MoveNextAsync())
            rest += pieces.Current.Tokens.Count;
        Assert.InRange(rest, 190, 199);
        Assert.Equal(200, slow.Statistics!.GeneratedTokens);
    }

    [Fact]
    public async Task Memory_of_one_who_does_not_take_his_text_goes_to_those_who_wait()
    {
        using MeKiModel sizes = tiny.Load(converted: true);
        using MeKiModel model = MeKiModel.Load(tiny.Converted, new() { Threads = 1, MaxKvBytes = 2 * sizes.Loaded.Kv.BlockBytes });
        TextGeneration slow = model.GenerateAsync(TinyModel.Tokens(300), Greedy with { MaxTokens = 60 });
        await using IAsyncEnumerator<TextPiece> pieces = slow.GetAsyncEnumerator();
        Assert.True(await pieces.MoveNextAsync());
        await Requests.Run(model.GenerateAsync(TinyModel.Tokens(300, seed: 2), Greedy)).WaitAsync(Patience);
        Assert.True(model.EngineCounters.Preemptions > 0);
        int tokens = pieces.Current.Tokens.Count;
        while (await pieces.MoveNextAsync())
            tokens += pieces.Current.Tokens.Count;
        Assert.Equal(60, tokens);
    }

    [Fact]
    public async Task What_was_used_longest_ago_goes_first_when_memory_is_wanted()
    {
        using MeKiModel sizes = tiny.Load(converted: true);
        using MeKiModel model = MeKiModel.Load(tiny.Converted, new() { Threads = 1, MaxKvBytes = 3 * sizes.Loaded.Kv.BlockBytes });
        // Each takes a page, and there is one for whoever runs.
        foreach (int seed in (int[])[1, 2, 1, 3])
            await Reused(seed);
        Assert.Equal(3 * sizes.Loaded.Kv.BlockBytes, model.EngineCounters.KvBytes);
        Assert.Equal(0, await Reused(4));
        Assert.Equal(199, await Reused(1));
        Assert.Equal(0, await Reused(2));
        Assert.Equal(199, await Reused(1));

        async Task<int> Reused(int seed) => (await Statistics(model.GenerateAsync(TinyModel.Tokens(200, seed), Greedy))).ReusedTokens;
    }

    [Fact]
    public async Task A_text_ends_where_the_memory_for_it_does()
    {
        using MeKiModel sizes = tiny.Load(converted: true);
        using MeKiModel model = MeKiModel.Load(tiny.Converted, new() { MaxKvBytes = 1 });
        Assert.True(model.EngineCounters.KvLimit < sizes.Loaded.Kv.BlockBytes);
        GenerationStatistics done = await Statistics(model.GenerateAsync(TinyModel.Tokens(250), Greedy with { MaxTokens = 100 }));
        Assert.Equal((FinishReason.ContextFull, 256 - 250 + 1), (done.Reason, done.GeneratedTokens));
        Assert.Equal(256, Assert.Throws<ContextOverflowException>(() => { model.GenerateAsync(TinyModel.Tokens(257)); }).ContextLength);
        // Sessions are their callers' memory.
        Assert.Equal(100, (await Statistics(model.CreateSession().GenerateAsync(TinyModel.Tokens(257), Greedy with { MaxTokens = 100 }))).GeneratedTokens);
        Assert.Equal("MaxKvBytes", Assert.Throws<ArgumentOutOfRangeException>(() => new LoadOptions { MaxKvBytes = 0 }).ParamName);
    }

    [Fact]
    public async Task A_shift_of_the_context_beside_others_changes_no_text()
    {
        using MeKiModel model = tiny.Load(converted: true, threads: 2);
        GenerationOptions options = new() { Temperature = 1, Seed = 4, MaxTokens = 700, ContextShift = true, KeepTokens = 5 };
        string alone = await Requests.Run(model.CreateSession().GenerateAsync(TinyModel.Tokens(900), options));
        string[] together = await Task.WhenAll(Enumerable.Range(0, 3).Select(i => Requests.Run(model.GenerateAsync(TinyModel.Tokens(900), options))));
        Assert.All(together, text => Assert.Equal(alone, text));
    }

    [Fact]
    public async Task Trouble_of_one_is_no_trouble_of_others()
    {
        using MeKiModel model = tiny.Load(converted: true, threads: 2);
        string expected = await Requests.Run(model.GenerateAsync("The other", Greedy with { MaxTokens = 100 }));
        Task<string>[] good = [.. Enumerable.Range(0, 4).Select(_ => Requests.Run(model.GenerateAsync("The other", Greedy with { MaxTokens = 100 })))];
        int calls = 0;
        GenerationOptions bad = Greedy with { LogitsProcessor = (_, _) => _ = ++calls > 3 ? throw new NotSupportedException("mine") : 0 };
        Assert.Equal("mine", (await Assert.ThrowsAsync<NotSupportedException>(() => Requests.Run(model.GenerateAsync("Bad", bad)))).Message);
        GenerationOptions none = Greedy with { LogitsProcessor = (_, logits) => logits.Fill(float.NaN) };
        await Assert.ThrowsAsync<InvalidLogitsException>(() => Requests.Run(model.GenerateAsync("Bad", none)));
        await Assert.ThrowsAsync<NotSupportedException>(() =>
            Requests.Run(model.GenerateAsync("Bad", Greedy, new Told(_ => throw new NotSupportedException()))));
        Assert.All(await Task.WhenAll(good), text => Assert.Equal(expected, text));
    }

    [Fact]
    public async Task A_row_that_cannot_be_read_ends_the_request_that_needs_it()
    {
        ScriptedSource? source = null;
        using MeKiModel model = MeKiModel.Load(tiny.Converted, new() { Threads = 2, Rows = new() { CacheBytes = 0, Before = file => source = new(file) } });
        long bad;
        using (RowStore store = RowStore.Open(model.RowFilePath!))
            bad = store.Layout.RecordOffset(299);
        GenerationOptions without = Greedy with { MaxTokens = 60, LogitBias = new Dictionary<int, float> { [299] = float.NegativeInfinity } };
        string expected = await Requests.Run(model.GenerateAsync([1, 2, 3], without));
        source!.Script = (offset, length) => offset <= bad && bad < offset + length && Thread.CurrentThread.Name != GroupVerifier.ThreadName
            ? throw new IOException("Input/output error") : length;
        Task<string>[] good = [.. Enumerable.Range(0, 4).Select(_ => Requests.Run(model.GenerateAsync([1, 2, 3], without)))];
        await Assert.ThrowsAsync<RowFileException>(() => Requests.Run(model.GenerateAsync([4, 299], Greedy)));
        Assert.All(await Task.WhenAll(good), text => Assert.Equal(expected, text));
    }

    [Fact]
    public async Task A_model_that_is_disposed_ends_what_runs_and_what_waits()
    {
        MeKiModel model = tiny.Load(converted: true, threads: 2);
        Task<string>[] all = [.. Enumerable.Range(0, 80).Select(i => Requests.Run(model.GenerateAsync([i], Greedy with { MaxTokens = 900 })))];
        Assert.True(SpinWait.SpinUntil(() => model.EngineCounters.GeneratedTokens > 100, Patience));
        model.Dispose();
        foreach (Task<string> each in all)
            await Assert.ThrowsAsync<ObjectDisposedException>(() => each.WaitAsync(Patience));
        Assert.Equal((0, 0), (model.EngineCounters.Queued, model.EngineCounters.Running));
        Assert.True(SpinWait.SpinUntil(() => model.EngineCounters.KvBytes == 0, Patience));
    }

    [Fact]
    public async Task A_thousand_requests_half_of_them_cancelled_lose_nothing_and_leave_nothing()
    {
        using MeKiModel sizes = tiny.Load(converted: true);
        long block = sizes.Loaded.Kv.BlockBytes;
        using MeKiModel model = MeKiModel.Load(tiny.Converted, new() { Threads = 2, MaxKvBytes = 80 * block });
        string[] expected = new string[20];
        for (int i = 0; i < expected.Length; i++)
            expected[i] = await Requests.Run(sizes.CreateSession().GenerateAsync(Requests.Prompt(model, i, 60), Short(i)));
        int next = -1, finished = 0, cancelled = 0;
        await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(async () =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < 1000;)
                await One(i);
        })));
        Assert.Equal(1000, finished + cancelled);
        Assert.InRange(finished, 500, 1000);
        EngineCounters counters = model.EngineCounters;
        Assert.Equal((0, 0), (counters.Queued, counters.Running));
        Assert.InRange(counters.KvBytes, 0, counters.KvLimit);
        model.Dispose();
        Assert.True(SpinWait.SpinUntil(() => model.EngineCounters.KvBytes == 0, Patience));

        static GenerationOptions Short(int i) => Requests.Options(i) with { MaxTokens = 4 + i % 10 };

        async Task One(int i)
        {
            using CancellationTokenSource stop = new();
            Random random = new(i);
            int after = i % 2 == 0 ? random.Next(12) : int.MaxValue, pieces = 0;
            if (after == 0)
                stop.CancelAfter(random.Next(3));
            try
            {
                TextGeneration generation = model.GenerateAsync(Requests.Prompt(model, i % 20, 60), Short(i % 20), cancellationToken: stop.Token);
                string text = await Requests.Run(generation, () => ++pieces == after ? stop.CancelAsync() : Task.CompletedTask);
                Assert.Equal(expected[i % 20], text);
                Interlocked.Increment(ref finished);
            }
            catch (OperationCanceledException) when (i % 2 == 0)
            {
                Interlocked.Increment(ref cancelled);
            }
        }
    }

    private static async Task<GenerationStatistics> Statistics(TextGeneration generation)
    {
        await Requests.Run(generation);
        return generation.Statistics!;
    }

    private sealed class Told(Action<WorkProgress> tell) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => tell(value);
    }
}
