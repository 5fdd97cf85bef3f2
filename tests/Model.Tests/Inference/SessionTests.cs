using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Reference;
using MeKi.Store;

namespace MeKi.Model.Tests.Inference;

/// <summary>However a sequence is cut, interleaved or spread over threads, its logits have the same bits.</summary>
public sealed class SessionTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    // Beyond one batch and one page of the KV cache, both 256, and a few more.
    private const int Length = 530;
    private const int Vocabulary = 300;

    private static readonly int[] Sequence = TinyModel.Tokens(Length);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Prefill_is_as_many_decode_steps(bool converted)
    {
        using MeKiModel model = tiny.Load(converted);
        float[] whole = GoldenAssert.AllLogits(model, Sequence);
        using MeKiSession session = model.CreateSession();
        float[] one = new float[Vocabulary];
        for (int i = 0; i < Length; i++)
        {
            session.Forward([Sequence[i]], one);
            Assert.True(whole.AsSpan(i * Vocabulary, Vocabulary).SequenceEqual(one), $"position {i}");
        }
        Assert.Equal(Length, session.Position);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Any_cut_of_the_prompt_gives_the_same_logits(bool converted)
    {
        using MeKiModel model = tiny.Load(converted);
        float[] whole = GoldenAssert.AllLogits(model, Sequence);
        int[][] cuts = [[255, 256, 257], [256], [257], [512], [1, 529], [3, 7, 100, 259, 300, 511, 513], [128, 256, 384, 512]];
        foreach (int[] cut in cuts)
        {
            using MeKiSession session = model.CreateSession();
            foreach (int end in (int[])[.. cut, Length])
            {
                float[] logits = new float[(end - session.Position) * Vocabulary];
                int first = session.Position;
                session.Forward(Sequence.AsSpan(first..end), logits);
                Assert.True(whole.AsSpan(first * Vocabulary, logits.Length).SequenceEqual(logits), $"{first} to {end} of the cut {string.Join(", ", cut)}");
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(18)]
    [InlineData(19)]
    [InlineData(300)]
    [InlineData(530)]
    public void Logits_of_the_last_tokens_are_the_end_of_all(int last)
    {
        using MeKiModel model = tiny.Load(converted: true);
        float[] whole = GoldenAssert.AllLogits(model, Sequence);
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[last * Vocabulary];
        session.Forward(Sequence, logits);
        Assert.Equal(whole[^logits.Length..], logits);
        Assert.Equal(Length, session.Position);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Any_number_of_threads_gives_the_same_logits(bool converted)
    {
        float[]? expected = null;
        foreach (int threads in new[] { 1, 2, 3, 8 })
        {
            using MeKiModel model = tiny.Load(converted, threads);
            float[] logits = GoldenAssert.AllLogits(model, Sequence);
            Assert.Equal(expected ??= logits, logits);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Sessions_side_by_side_are_sessions_alone(bool converted)
    {
        using MeKiModel model = tiny.Load(converted, threads: 2);
        int[][] sequences = [.. Enumerable.Range(0, 4).Select(i => TinyModel.Tokens(270 + i, seed: i))];
        float[][] alone = [.. sequences.Select(sequence => Stepwise(model, sequence))];
        float[][] together = await Task.WhenAll(sequences.Select(sequence =>
            Task.Factory.StartNew(() => Stepwise(model, sequence), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        Assert.Equal(alone, together);
    }

    [Fact]
    public void A_prefetch_of_any_token_changes_nothing()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession plain = model.CreateSession();
        using MeKiSession hinted = model.CreateSession();
        float[] expected = new float[Vocabulary], logits = new float[Vocabulary];
        for (int i = 0; i < 20; i++)
        {
            plain.Forward([Sequence[i]], expected);
            hinted.Prefetch(Sequence[i % 3 == 0 ? i : i + 1]);
            hinted.Forward([Sequence[i]], logits);
            Assert.Equal(expected, logits);
        }
    }

    [Fact]
    public void Truncating_to_nothing_begins_anew()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        float[] first = new float[Vocabulary], again = new float[Vocabulary];
        session.Forward(Sequence.AsSpan(0, 300), first);
        Assert.True(session.KvCacheBytes > 0);
        session.Truncate(0);
        Assert.Equal(0, session.Position);
        session.Forward(Sequence.AsSpan(0, 300), again);
        Assert.Equal(first, again);
    }

    [Fact]
    public void Truncating_forgets_what_came_after()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession straight = model.CreateSession(), detour = model.CreateSession();
        float[] expected = new float[Vocabulary], logits = new float[Vocabulary];
        straight.Forward(Sequence.AsSpan(0, 280), expected);
        detour.Forward(Sequence.AsSpan(0, 260), []);
        detour.Forward(Sequence.AsSpan(100, 40), []);
        detour.Truncate(260);
        detour.Forward(Sequence.AsSpan(260, 20), logits);
        Assert.Equal(expected, logits);
        Assert.Throws<ArgumentOutOfRangeException>(() => detour.Truncate(281));
        Assert.Throws<ArgumentOutOfRangeException>(() => detour.Truncate(-1));
    }

    [Fact]
    public void Only_rows_that_are_needed_are_read()
    {
        using MeKiModel model = tiny.Load(converted: true);
        GoldenAssert.AllLogits(model, [5, 5, 290, 5]);
        // Two distinct tokens of two layers, too far apart for one read; a record holds two rows of 32 float32, 256 bytes.
        Assert.Equal((4L, 512L), (model.StoreCounters.RowsRead, model.StoreCounters.BytesRead));
        using MeKiModel trainingForm = tiny.Load(converted: false);
        GoldenAssert.AllLogits(trainingForm, [5]);
        Assert.Equal(default, trainingForm.StoreCounters);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(300)]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    public void Token_outside_the_vocabulary(int token)
    {
        foreach (bool converted in new[] { false, true })
        {
            using MeKiModel model = tiny.Load(converted);
            using MeKiSession session = model.CreateSession();
            ArgumentOutOfRangeException failure = Assert.Throws<ArgumentOutOfRangeException>(() => session.Forward([1, 2, token], []));
            Assert.Contains("Token 2 has an id outside the vocabulary of 300", failure.Message, StringComparison.Ordinal);
            Assert.Equal(token, failure.ActualValue);
            Assert.Throws<ArgumentOutOfRangeException>(() => session.Prefetch(token));
            Assert.Equal(0, session.Position);
        }
    }

    [Fact]
    public void More_tokens_than_the_context()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        session.Forward(TinyModel.Tokens(1000), []);
        ContextOverflowException failure = Assert.Throws<ContextOverflowException>(() => session.Forward(TinyModel.Tokens(25), []));
        Assert.Equal((25, 1000, 1024), (failure.Tokens, failure.Position, failure.ContextLength));
        Assert.Contains("25 tokens do not fit: 1000 of the context's 1024 positions are taken", failure.Message, StringComparison.Ordinal);
        session.Forward(TinyModel.Tokens(24), []);
        Assert.Equal(1024, session.Position);
        Assert.Throws<ContextOverflowException>(() => session.Forward([1], []));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(299)]
    [InlineData(301)]
    [InlineData(600)]
    public void Logits_of_another_size(int length)
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        Assert.Throws<ArgumentException>(() => session.Forward([1], new float[length]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_model_disposed_while_it_computes_ends_cleanly(bool converted)
    {
        for (int round = 0; round < 10; round++)
        {
            MeKiModel model = tiny.Load(converted, threads: 2);
            using MeKiSession session = model.CreateSession();
            using SemaphoreSlim started = new(0);
            Task<int> decoding = Task.Factory.StartNew(() =>
            {
                float[] logits = new float[Vocabulary];
                for (int i = 0; i < 1024; i++)
                {
                    session.Prefetch(i % Vocabulary);
                    session.Forward([i % Vocabulary], logits);
                    if (i == round)
                        started.Release();
                }
                return session.Position;
            }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await started.WaitAsync();
            model.Dispose();
            // A fast machine may reach the end of the context first.
            if (await Task.WhenAny(decoding) is { IsFaulted: true })
                Assert.IsType<ObjectDisposedException>(decoding.Exception!.InnerException);
            else
                Assert.Equal(1024, await decoding);
            Assert.Throws<ObjectDisposedException>(() => session.Forward([1], []));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Use_after_dispose(bool converted)
    {
        MeKiModel model = tiny.Load(converted);
        using MeKiSession session = model.CreateSession();
        model.Dispose();
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(model.CreateSession);
        Assert.Throws<ObjectDisposedException>(() => session.Forward([1], []));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (string _ in model.GenerateAsync("A"))
                Assert.Fail("a piece of a disposed model");
        });
    }

    /// <summary>With the branch, records of the rows that a pass reads must not go to another session meanwhile: the second session asks for others all the
    /// time, and there is room for none but those in use.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_session_disposed_while_it_computes_ends_its_pass_and_frees_what_it_holds(bool withoutMeKi)
    {
        using MeKiModel model = MeKiModel.Load(tiny.Converted, new() { Threads = 2, WithoutMeKi = withoutMeKi, Rows = new() { CacheBytes = 0 } });
        float[] expected = GoldenAssert.AllLogits(model, Sequence);
        for (int round = 0; round < 30; round++)
        {
            MeKiSession session = model.CreateSession();
            using MeKiSession other = model.CreateSession();
            float[] logits = new float[expected.Length], others = new float[expected.Length];
            Task forward = Task.Run(() => session.Forward(Sequence, logits));
            await Task.Delay(round % 10);
            session.Dispose();
            other.Forward(Sequence, others);
            Assert.Equal(expected, others);
            if (await Task.WhenAny(forward) is { IsFaulted: true })
            {
                // It had not begun.
                Exception failure = forward.Exception!.InnerException!;
                Assert.True(failure is ObjectDisposedException or InvalidOperationException, failure.ToString());
            }
            else
                Assert.Equal(expected, logits);
            Assert.Equal(0, session.KvCacheBytes);
            Assert.Throws<ObjectDisposedException>(() => session.Forward([1], []));
            Assert.Throws<ObjectDisposedException>(() => session.Prefetch(1));
            session.Dispose();
        }
        // Leases that were released twice would give one record to two tokens.
        Assert.Equal(expected, GoldenAssert.AllLogits(model, Sequence));
    }

    [Fact]
    public void Failed_tokens_are_not_appended_and_may_be_repeated()
    {
        string copy = Path.Combine(Path.GetDirectoryName(tiny.Converted)!, "shortened");
        Directory.CreateDirectory(copy);
        foreach (string name in new[] { "model.gguf", "model.rows" })
            File.Copy(Path.Combine(tiny.Converted, name), Path.Combine(copy, name));
        string rows = Path.Combine(copy, "model.rows");
        // One record in memory: the row of 299 is read from the file, not kept from what is expected.
        using MeKiModel model = MeKiModel.Load(copy, new() { Rows = new() { CacheBytes = 0 } });
        using MeKiSession session = model.CreateSession();
        float[] before = new float[Vocabulary], expected = GoldenAssert.AllLogits(model, [1, 2, 299])[^Vocabulary..];
        session.Forward([1, 2], before);
        byte[] bytes = File.ReadAllBytes(rows);
        using (FileStream file = new(rows, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(4096 + 290 * 256);
            RowFileException failure = Assert.Throws<RowFileException>(() => session.Forward([299], []));
            Assert.Contains($"{rows}: byte {4096 + 299 * 256}: the file ends here", failure.Message, StringComparison.Ordinal);
            Assert.Equal(2, session.Position);
            file.Write(bytes);
        }
        float[] logits = new float[Vocabulary];
        session.Forward([299], logits);
        Assert.Equal(expected, logits);
    }

    private static float[] Stepwise(MeKiModel model, int[] sequence)
    {
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[Vocabulary];
        session.Forward(sequence.AsSpan(..^16), []);
        foreach (int token in sequence[^16..])
            session.Forward([token], logits);
        return logits;
    }
}
