using MeKi.Model.Tests.Files;
using MeKi.Tests;

namespace MeKi.Model.Tests.Inference;

/// <summary>
/// Models whose layers see only the last positions, and of which some read other layers' keys and values: logits have the same bits however a sequence came
/// about, and pages that nobody sees any more are not held.
/// </summary>
public sealed class WindowTests : IDisposable
{
    // Sliding layers see 16 positions; a page has 256.
    private const int Length = 450, Early = 200;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Families => ["gemma3", "gemma3n", "gemma4"];

    public void Dispose() => _folder.Dispose();

    [SharedTheory("foreign/gemma4.json")]
    [MemberData(nameof(Families))]
    public void Chunks_forks_cuts_and_files_of_sessions_give_the_straight_runs_bits(string family)
    {
        using MeKiModel model = Load(family, threads: 2);
        int[] tokens = Tokens(model, Length, 1), others = Tokens(model, 60, 2);
        float[] straight = Last(model, tokens), cut = Last(model, [.. tokens[..Early], .. others]);
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[model.Config.VocabularySize];
        // In parts and one by one.
        foreach ((int from, int to) in new[] { (0, 1), (1, 8), (8, 250), (250, 251), (251, 252), (252, 420) })
            session.Forward(tokens.AsSpan(from, to - from), []);
        for (int at = 420; at < Length; at++)
            session.Forward(tokens.AsSpan(at, 1), logits);
        Assert.Equal(straight, logits);

        // Within the window, and behind it, where the pages have gone.
        using MeKiSession near = session.Fork(Length - 5), far = session.Fork(Early);
        near.Forward(tokens.AsSpan(Length - 5), logits);
        Assert.Equal(straight, logits);
        Assert.Equal(Early, far.Position);
        far.Forward(others, logits);
        Assert.Equal(cut, logits);

        session.Save(_folder["full"]);
        session.Truncate(Early);
        Assert.Equal(Early, session.Position);
        Assert.Equal(tokens[..Early], session.Tokens.ToArray());
        session.Save(_folder["cut"]);
        session.Forward(others, logits);
        Assert.Equal(cut, logits);
        Assert.Equal(Early, session.Reuse(tokens));
        session.Forward(tokens.AsSpan(Early), logits);
        Assert.Equal(straight, logits);

        using MeKiSession full = model.LoadSession(_folder["full"]), loaded = model.LoadSession(_folder["cut"]);
        loaded.Forward(others, logits);
        Assert.Equal(cut, logits);
        full.Truncate(Length - 1);
        full.Forward(tokens.AsSpan(Length - 1), logits);
        Assert.Equal(straight, logits);
        full.Truncate(Early);
        full.Forward(others, logits);
        Assert.Equal(cut, logits);
    }

    [SharedTheory("foreign/gemma4.json")]
    [MemberData(nameof(Families))]
    public void Tokens_that_leave_change_no_bit_of_the_logits_that_are_wanted(string family)
    {
        using MeKiModel model = Load(family, threads: 1);
        int[] tokens = Tokens(model, 40, 3);
        using MeKiSession all = model.CreateSession(), three = model.CreateSession();
        float[] logits = new float[tokens.Length * model.Config.VocabularySize], wanted = new float[3 * model.Config.VocabularySize];
        all.Forward(tokens, logits);
        three.Forward(tokens, wanted);
        Assert.Equal(logits[^wanted.Length..], wanted);
    }

    // Gemma 3: 7 layers, one full. Gemma 3n: 20 with keys, 4 of them full. Gemma 4: 5, one full of twice the size.
    [SharedTheory("foreign/gemma4.json")]
    [InlineData("gemma3", 6, 1, 2 * 32)]
    [InlineData("gemma3n", 16, 4, 2 * 32)]
    [InlineData("gemma4", 4, 2, 32)]
    public void Sliding_layers_hold_the_pages_of_their_window_and_sharing_layers_none(string family, int sliding, int full, int columns)
    {
        using MeKiModel model = Load(family, threads: 1);
        long position = columns * 2 * sizeof(short);
        Assert.Equal((sliding + full) * position, model.KvBytesPerPosition);
        using MeKiSession session = model.CreateSession();
        int[] tokens = Tokens(model, Length, 1);
        session.Forward(tokens.AsSpan(0, 256), []);
        Assert.Equal(256 * (sliding + full) * position, session.KvCacheBytes);
        session.Forward(tokens.AsSpan(256), []);
        Assert.Equal(256 * (sliding + 2 * full) * position, session.KvCacheBytes);
        using MeKiSession fork = session.Fork(Length);
        Assert.Equal(session.KvCacheBytes, fork.KvCacheBytes);
        session.Save(_folder["session"]);
        using MeKiSession loaded = model.LoadSession(_folder["session"]);
        Assert.Equal(session.KvCacheBytes, loaded.KvCacheBytes);
        session.Truncate(0);
        Assert.Equal(0, session.KvCacheBytes);
    }

    [SharedFact("foreign/gemma4.json")]
    public void A_call_that_was_cancelled_while_tokens_are_computed_once_more_may_be_repeated()
    {
        using MeKiModel model = Load("gemma4", threads: 1);
        int[] tokens = Tokens(model, Length, 1);
        using MeKiSession session = model.CreateSession();
        session.Forward(tokens, []);
        session.Truncate(Early);
        Assert.Throws<OperationCanceledException>(() => session.Forward(tokens.AsSpan(Early, 1), [], cancellationToken: new(canceled: true)));
        Assert.Equal(Early, session.Position);
        float[] logits = new float[model.Config.VocabularySize];
        session.Forward(tokens.AsSpan(Early), logits);
        Assert.Equal(Last(model, tokens), logits);
    }

    private static MeKiModel Load(string family, int threads) => MeKiModel.Load(SharedMaterial.Path($"foreign/{family}.gguf"), new() { Threads = threads });

    private static int[] Tokens(MeKiModel model, int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(model.Config.VocabularySize))];
    }

    private static float[] Last(MeKiModel model, int[] tokens)
    {
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[model.Config.VocabularySize];
        session.Forward(tokens, logits);
        return logits;
    }
}
