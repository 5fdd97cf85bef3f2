using System.Text;
using MeKi.Model.Generation;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;

namespace MeKi.Model.Tests.Generation;

/// <summary>A session belongs to one generation from its first token until its enumerator is disposed.</summary>
public sealed class SessionUseTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const string Prompt = "The other";

    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 20 };

    [Fact]
    [Trait("Fault", "18.3")]
    public async Task A_second_generation_in_a_session_is_refused_at_once_and_the_first_goes_on()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        string expected = await Text(model.CreateSession().GenerateAsync(Prompt, Greedy));
        // Asked for while the session was free, begun while it is not.
        TextGeneration late = session.GenerateAsync("Another", Greedy);
        StringBuilder text = new();
        await foreach (string piece in session.GenerateAsync(Prompt, Greedy))
        {
            text.Append(piece);
            // The pass that follows a piece may have ended or not: neither lets a second generation in.
            if (text.Length % 2 == 0)
                await Task.Delay(2);
            await using IAsyncEnumerator<TextPiece> second = late.GetAsyncEnumerator();
            InvalidOperationException failure = await Assert.ThrowsAsync<InvalidOperationException>(() => second.MoveNextAsync().AsTask());
            Assert.Contains("A generation is in progress in this session", failure.Message, StringComparison.Ordinal);
            Assert.Throws<InvalidOperationException>(() => { session.GenerateAsync("Another", Greedy); });
        }
        Assert.Equal(expected, text.ToString());
        Assert.Equal(await Text(model.CreateSession().GenerateAsync("Another", Greedy)), await Text(late));
    }

    [Fact]
    [Trait("Fault", "18.3")]
    public async Task No_call_is_let_into_a_session_that_generates()
    {
        using TemporaryFolder folder = new();
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        string expected = await Text(model.CreateSession().GenerateAsync(Prompt, Greedy));
        Action[] calls =
        [
            () => session.Forward([1], []), () => session.Truncate(0), () => session.Reuse([1, 2]), () => session.Prefetch(1), () => session.Fork(0),
            () => session.Save(folder["chat.session"]),
        ];
        StringBuilder text = new();
        await foreach (string piece in session.GenerateAsync(Prompt, Greedy))
        {
            text.Append(piece);
            foreach (Action call in calls)
                Assert.Throws<InvalidOperationException>(call);
        }
        Assert.Equal(expected, text.ToString());
        Assert.Empty(Directory.GetFileSystemEntries(folder.FullName));
        foreach (Action call in calls)
            call();
    }

    [Fact]
    [Trait("Fault", "18.3")]
    public async Task A_generation_is_let_into_no_session_that_computes()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        List<Exception> failures = [];
        Told progress = new(() => failures.Add(Record.Exception(() => session.Forward([1], []))));
        await Text(session.GenerateAsync(Prompt, Greedy, progress));
        Assert.NotEmpty(failures);
        Assert.All(failures, failure => Assert.IsType<InvalidOperationException>(failure));
    }

    [Theory]
    [InlineData("left")]
    [InlineData("cancelled")]
    [InlineData("failed")]
    [InlineData("not begun")]
    [Trait("Fault", "18.3")]
    public async Task However_a_generation_ends_the_session_is_free(string how)
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        using CancellationTokenSource stop = new();
        Told? progress = how == "failed" ? new(() => throw new NotSupportedException("mine")) : null;
        IAsyncEnumerator<TextPiece> pieces = session.GenerateAsync(Prompt, Greedy, progress).GetAsyncEnumerator(stop.Token);
        if (how == "failed")
            Assert.Equal("mine", (await Assert.ThrowsAsync<NotSupportedException>(() => pieces.MoveNextAsync().AsTask())).Message);
        else if (how != "not begun")
            Assert.True(await pieces.MoveNextAsync());
        if (how == "cancelled")
        {
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pieces.MoveNextAsync().AsTask());
        }
        await pieces.DisposeAsync();
        await pieces.DisposeAsync();
        session.Forward([1], []);
        Assert.NotEqual("", await Text(session.GenerateAsync(Prompt, Greedy)));
    }

    [Fact]
    public async Task The_statistics_come_when_the_session_is_free()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        TextGeneration generation = session.GenerateAsync(Prompt, Greedy);
        await using (IAsyncEnumerator<TextPiece> pieces = generation.GetAsyncEnumerator())
        {
            while (await pieces.MoveNextAsync())
                Assert.Null(generation.Statistics);
            Assert.NotNull(generation.Statistics);
            session.Truncate(3);
        }
        Assert.Equal(3, session.Position);
    }

    [Fact]
    public async Task A_session_disposed_at_a_piece_ends_its_generation_and_frees_what_it_holds()
    {
        using MeKiModel model = tiny.Load(converted: true);
        MeKiSession session = model.CreateSession();
        TextGeneration generation = session.GenerateAsync(Prompt, Greedy);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (string _ in generation)
            {
                session.Dispose();
                session.Dispose();
            }
        });
        Assert.Equal((FinishReason.Abandoned, 0), (generation.Statistics!.Reason, session.KvCacheBytes));
        Assert.Throws<ObjectDisposedException>(() => session.Truncate(0));
        Assert.Throws<ObjectDisposedException>(() => { session.GenerateAsync(Prompt); });
    }

    [Fact]
    public async Task A_session_whose_enumerator_nobody_disposes_can_be_disposed()
    {
        using MeKiModel model = tiny.Load(converted: true);
        MeKiSession session = model.CreateSession();
        IAsyncEnumerator<TextPiece> pieces = session.GenerateAsync(Prompt, Greedy with { MaxTokens = 1 }).GetAsyncEnumerator();
        Assert.True(await pieces.MoveNextAsync());
        session.Dispose();
        Assert.Equal(0, session.KvCacheBytes);
        Assert.False(await pieces.MoveNextAsync());
        await pieces.DisposeAsync();
    }

    [Fact]
    public async Task An_enumerable_generates_each_time_it_is_enumerated()
    {
        using MeKiModel model = tiny.Load(converted: true);
        TextGeneration pieces = model.GenerateAsync(Prompt, Greedy);
        string first = await Text(pieces);
        Assert.Equal([first, first], await Task.WhenAll(Task.Run(() => Text(pieces)), Task.Run(() => Text(pieces))));
    }

    [Fact]
    public async Task What_becomes_of_a_list_of_stop_strings_after_the_call_changes_nothing()
    {
        using MeKiModel model = tiny.Load(converted: true);
        string whole = await Text(model.GenerateAsync(Prompt, Greedy));
        List<string> stops = [whole[5..7]];
        TextGeneration pieces = model.GenerateAsync(Prompt, Greedy with { StopStrings = stops });
        stops[0] = "";
        stops.Add(null!);
        Assert.Equal(whole[..whole.IndexOf(whole[5..7], StringComparison.Ordinal)], await Text(pieces));
    }

    private static async Task<string> Text(TextGeneration pieces)
    {
        StringBuilder text = new();
        await foreach (string piece in pieces)
            text.Append(piece);
        return text.ToString();
    }

    private sealed class Told(Action tell) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => tell();
    }
}
