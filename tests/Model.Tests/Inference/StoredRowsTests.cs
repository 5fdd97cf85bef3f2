using MeKi.Kernels;
using MeKi.Model.Layers;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Store;
using MeKi.Store.Reading;
using MeKi.Store.Tests;

namespace MeKi.Model.Tests.Inference;

/// <summary>Generations whose rows come late, from elsewhere, or not at all.</summary>
public sealed class StoredRowsTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const int Vocabulary = 300;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public void The_way_to_the_rows_and_the_memory_for_them_change_no_logit()
    {
        int[] tokens = TinyModel.Tokens(600);
        float[] expected = new float[Vocabulary], logits = new float[Vocabulary];
        using (MeKiModel model = tiny.Load(converted: true))
            Decode(model, tokens, expected);
        foreach (RowStoreOptions rows in new RowStoreOptions[] { new() { CacheBytes = 0 }, new() { MemoryMapped = true },
            new() { MemoryMapped = true, CacheBytes = 5000 } })
        {
            using MeKiModel model = MeKiModel.Load(tiny.Converted, new() { Rows = rows });
            Decode(model, tokens, logits);
            Assert.Equal(expected, logits);
        }

        static void Decode(MeKiModel model, int[] tokens, float[] logits)
        {
            using MeKiSession session = model.CreateSession();
            session.Forward(tokens.AsSpan(0, 590), []);
            foreach (int token in tokens.AsSpan(590))
            {
                session.Prefetch(token);
                session.Forward([token], logits);
            }
        }
    }

    [Fact]
    public void A_row_asked_for_twice_is_read_once_and_a_wrong_guess_is_forgotten()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using ComputePool pool = new(1);
        using RowStore store = RowStore.Open(model.RowFilePath!, new() { CacheBytes = 0 });
        using StoredTokenRows rows = new(store, pool);
        rows.Prefetch([5]);
        Assert.True(SpinWait.SpinUntil(() => store.Counters.Reads == 1, Patience));
        rows.Prefetch([5]);
        AssertRow(5);
        Assert.Equal((1, 1), (store.Counters.Reads, store.Counters.Misses));
        rows.Prefetch([6]);
        rows.Prefetch([7]);
        AssertRow(7);
        Assert.Equal(3, store.Counters.Misses);

        void AssertRow(int token)
        {
            rows.Begin([token], default);
            rows.Await(1);
            using RowStore other = RowStore.Open(model.RowFilePath!);
            using RowLease lease = other.Lease([token]);
            Assert.Equal(other.Layout.Row(lease.Record(0), 1).Values, rows.Row(0).Values);
        }
    }

    [Fact]
    public void A_prompts_next_batch_is_read_while_its_first_computes()
    {
        using MeKiModel model = Load(out Func<ScriptedSource> source);
        using ManualResetEventSlim go = new();
        // Ids of the second batch lie behind those of the first: nothing of it is merged with them.
        int[] tokens = [.. Enumerable.Range(0, 260).Select(i => i < MeKiSession.BatchTokens ? i % 10 : 290 + i % 10)];
        long second;
        using (RowStore store = RowStore.Open(model.RowFilePath!))
            second = store.Layout.RecordOffset(290);
        // The first batch's rows come only once the second's are asked for.
        source().Script = (offset, length) =>
        {
            if (offset >= second)
                go.Set();
            else
                Assert.True(go.Wait(Patience));
            return length;
        };
        using MeKiSession session = model.CreateSession();
        session.Forward(tokens, []);
        Assert.Equal(260, session.Position);
    }

    [Fact]
    public async Task A_row_that_does_not_come_holds_up_its_own_sequence_only()
    {
        using MeKiModel model = Load(out Func<ScriptedSource> source);
        using ManualResetEventSlim begun = new(), go = new();
        long late;
        using (RowStore store = RowStore.Open(model.RowFilePath!))
            late = store.Layout.RecordOffset(200);
        source().Script = (offset, length) =>
        {
            if (offset >= late && Thread.CurrentThread.Name != GroupVerifier.ThreadName)
            {
                begun.Set();
                go.Wait();
            }
            return length;
        };
        using MeKiSession waiting = model.CreateSession(), other = model.CreateSession();
        // Enough tokens for their rows to be taken by all threads side by side.
        Task pass = Task.Run(() => waiting.Forward([.. Enumerable.Range(200, 40)], []));
        Assert.True(begun.Wait(Patience));
        await Task.Run(() => other.Forward([.. Enumerable.Range(0, 40)], [])).WaitAsync(Patience);
        Assert.False(pass.IsCompleted);
        go.Set();
        await pass.WaitAsync(Patience);
        Assert.Equal(40, waiting.Position);
    }

    [Fact]
    public async Task A_sampled_tokens_row_is_on_its_way_when_its_text_is_handed_out()
    {
        using MeKiModel model = Load(out Func<ScriptedSource> source);
        using ManualResetEventSlim begun = new(), go = new();
        const string Prompt = "The other";
        int[] prompt = model.Tokenizer!.Encode(Prompt);
        long[] offsets;
        using (RowStore store = RowStore.Open(model.RowFilePath!))
            offsets = [.. prompt.Select(store.Layout.RecordOffset)];
        // Rows of other tokens than the prompt's come only once the first text is out.
        source().Script = (offset, length) =>
        {
            if (Thread.CurrentThread.Name != GroupVerifier.ThreadName && !offsets.Any(each => offset <= each && each < offset + length))
            {
                begun.Set();
                Assert.True(go.Wait(Patience));
            }
            return length;
        };
        int pieces = 0;
        await foreach (string _ in model.GenerateAsync(Prompt, new() { Temperature = 0, MaxTokens = 3, RepetitionPenalty = 1000f }))
        {
            if (pieces++ == 0)
                Assert.True(begun.Wait(Patience));
            go.Set();
        }
        Assert.True(pieces > 0);
    }

    [Fact]
    public void A_read_error_ends_the_pass_that_needed_the_row_and_the_session_goes_on()
    {
        using MeKiModel model = Load(out Func<ScriptedSource> source);
        using MeKiSession failing = model.CreateSession(), other = model.CreateSession(), straight = model.CreateSession();
        float[] expected = new float[Vocabulary], logits = new float[Vocabulary];
        failing.Forward([1, 2, 3], []);
        other.Forward([1, 2, 3], []);
        source().Script = static (offset, length) => throw new IOException("Input/output error");
        Assert.Throws<RowFileException>(() => failing.Forward([290], logits));
        Assert.Equal(3, failing.Position);
        // Rows that are in memory need no device.
        other.Forward([2], logits);
        source().Script = null;
        failing.Forward([290], logits);
        straight.Forward([1, 2, 3, 290], expected);
        Assert.Equal(expected.Select(value => MathF.Round(value, 3)), logits.Select(value => MathF.Round(value, 3)));
    }

    [Fact]
    public async Task A_generation_that_waits_for_a_row_can_be_cancelled()
    {
        using MeKiModel model = Load(out Func<ScriptedSource> source);
        using ManualResetEventSlim begun = new(), go = new();
        using CancellationTokenSource stop = new();
        source().Script = (_, length) =>
        {
            begun.Set();
            go.Wait();
            return length;
        };
        Task generation = Task.Run(async () =>
        {
            await foreach (string piece in model.GenerateAsync("The other", new() { MaxTokens = 40 }, cancellationToken: stop.Token))
                Assert.Fail(piece);
        });
        Assert.True(begun.Wait(Patience));
        await stop.CancelAsync();
        // The thread that computes may be the one that reads: it is told when the read is over.
        await Task.WhenAny(generation, Task.Delay(200));
        go.Set();
        Assert.Equal(stop.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generation.WaitAsync(Patience))).CancellationToken);

        source().Script = null;
        int count = 0;
        await foreach (string piece in model.GenerateAsync("The other", new() { MaxTokens = 4, Temperature = 0 }))
            count += piece.Length;
        Assert.True(count > 0);
    }

    [Fact]
    public void A_prompt_can_be_cancelled_between_its_batches()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        using CancellationTokenSource stop = new();
        session.Forward([7], [], cancellationToken: stop.Token);
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => session.Forward(TinyModel.Tokens(300), [], cancellationToken: stop.Token));
        Assert.Equal(1, session.Position);
    }

    private MeKiModel Load(out Func<ScriptedSource> source)
    {
        ScriptedSource? scripted = null;
        source = () => scripted!;
        return MeKiModel.Load(tiny.Converted, new() { Rows = new() { Before = file => scripted = new(file) } });
    }
}
