using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels;
using MeKi.Model.Tests.Checkpoints;

namespace MeKi.Model.Tests.Inference;

/// <summary>However a sequence came about, by reuse, fork or truncation, its logits are those of a session that was given it at once: bit for bit.</summary>
public sealed class SharedPrefixTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const int Vocabulary = 300;

    // Forks and cuts at, before and behind the ends of pages, 256 positions, and anywhere else.
    private static readonly Gen<int> Lengths = Gen.OneOf(Gen.Choose(0, 600), Gen.Elements(1, 255, 256, 257, 511, 512, 513));

    private static readonly Gen<(string Act, int Session, int Length, int Seed)[]> Histories =
        (from act in Gen.Elements("append", "append", "fork", "truncate", "reuse", "dispose")
         from session in Gen.Choose(0, 1000)
         from length in Lengths
         from seed in Gen.Choose(0, 5)
         select (act, session, length, seed)).ArrayOf().Where(acts => acts.Length is > 3 and < 16);

    [Theory]
    [InlineData(KvFormat.F16, KvFormat.F16)]
    [InlineData(KvFormat.Q8_0, KvFormat.F32)]
    [InlineData(KvFormat.F32, KvFormat.Q8_0)]
    public void Any_history_of_sessions_gives_the_straight_runs_logits(KvFormat keys, KvFormat values)
    {
        using MeKiModel model = MeKiModel.Load(tiny.Converted, new() { KeyFormat = keys, ValueFormat = values, Threads = 1 });
        Prop.ForAll(Histories.ToArbitrary(), acts => Replay(model, acts)).Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    [Fact]
    public void Reuse_computes_only_what_is_new()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        int[] first = TinyModel.Tokens(300);
        Assert.Equal(0, session.Reuse(first));
        session.Forward(first, []);
        Assert.Equal(first, session.Tokens.ToArray());

        int[] longer = [.. first, 7, 8, 9], other = [.. first[..120], (first[120] + 1) % Vocabulary, 5];
        Assert.Equal(300, session.Reuse(longer));
        Assert.Equal(120, session.Reuse(other));
        Assert.Equal(first[..120], session.Tokens.ToArray());
        // The last token of a prompt that is held as a whole gives the logits once more.
        Assert.Equal(119, session.Reuse(first.AsSpan(0, 120)));
        Assert.Equal(0, session.Reuse([(first[0] + 1) % Vocabulary]));
        Assert.Equal(0, session.Reuse([]));
        Assert.Equal(0, session.Position);
    }

    [Fact]
    public void A_fork_holds_the_pages_of_its_parent_until_one_of_both_writes()
    {
        using MeKiModel model = tiny.Load(converted: true);
        int[] prefix = TinyModel.Tokens(400);
        MeKiSession parent = model.CreateSession();
        parent.Forward(prefix, []);
        using MeKiSession fork = parent.Fork(300);
        Assert.Equal(prefix[..300], fork.Tokens.ToArray());
        Assert.Equal((300, parent.KvCacheBytes), (fork.Position, fork.KvCacheBytes));
        float[] logits = new float[Vocabulary];
        fork.Forward([1], logits);
        Assert.Equal(Straight(model, [.. prefix[..300], 1]), logits);
        parent.Forward([2], logits);
        Assert.Equal(Straight(model, [.. prefix, 2]), logits);
        parent.Dispose();
        fork.Forward([3], logits);
        Assert.Equal(Straight(model, [.. prefix[..300], 1, 3]), logits);
        Assert.Throws<ArgumentOutOfRangeException>(() => fork.Fork(303));
        Assert.Throws<ArgumentOutOfRangeException>(() => fork.Fork(-1));
        Assert.Throws<ObjectDisposedException>(() => parent.Fork(1));
        Assert.Throws<ObjectDisposedException>(() => parent.Reuse([1]));
        Assert.Throws<ObjectDisposedException>(() => parent.Truncate(0));
    }

    [Fact]
    public async Task Forks_side_by_side_are_sessions_alone()
    {
        using MeKiModel model = tiny.Load(converted: true, threads: 2);
        // The last page is partial and shared by all: each fork takes its copy while the others read it, take theirs, or let go of it.
        int[] prefix = TinyModel.Tokens(270);
        int[][] ends = [.. Enumerable.Range(0, 6).Select(i => TinyModel.Tokens(20, seed: 10 + i))];
        float[][] expected = [.. ends.Select(end => Straight(model, [.. prefix, .. end]))];
        for (int round = 0; round < 20; round++)
        {
            using MeKiSession parent = model.CreateSession();
            parent.Forward(prefix, []);
            MeKiSession[] forks = [.. ends.Select(_ => parent.Fork(prefix.Length))];
            using Barrier start = new(forks.Length);
            float[][] logits = await Task.WhenAll(forks.Select((fork, i) => Task.Factory.StartNew(() =>
            {
                float[] last = new float[Vocabulary];
                start.SignalAndWait();
                using (fork)
                {
                    foreach (int token in ends[i])
                        fork.Forward([token], last);
                }
                return last;
            }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
            Assert.Equal(expected, logits);
        }
    }

    private static void Replay(MeKiModel model, (string Act, int Session, int Length, int Seed)[] acts)
    {
        List<(MeKiSession Session, List<int> Tokens)> held = [(model.CreateSession(), [])];
        try
        {
            foreach ((string act, int which, int length, int seed) in acts)
            {
                (MeKiSession session, List<int> tokens) = held[which % held.Count];
                int cut = length % (tokens.Count + 1);
                switch (act)
                {
                    case "append":
                        int[] more = TinyModel.Tokens(1 + Math.Min(length, 900 - tokens.Count), seed);
                        if (tokens.Count + more.Length <= 900)
                            Append(model, session, tokens, more);
                        break;
                    case "fork":
                        held.Add((session.Fork(cut), tokens[..cut]));
                        break;
                    case "truncate":
                        session.Truncate(cut);
                        tokens.RemoveRange(cut, tokens.Count - cut);
                        break;
                    case "reuse":
                        int[] prompt = [.. tokens[..cut], .. TinyModel.Tokens(3, seed)];
                        int kept = session.Reuse(prompt);
                        Assert.InRange(kept, cut, prompt.Length - 1);
                        tokens.RemoveRange(kept, tokens.Count - kept);
                        Append(model, session, tokens, prompt[kept..]);
                        break;
                    default:
                        session.Dispose();
                        held[which % held.Count] = (model.CreateSession(), []);
                        break;
                }
            }
            foreach ((MeKiSession session, List<int> tokens) in held)
                Append(model, session, tokens, [42]);
        }
        finally
        {
            held.ForEach(each => each.Session.Dispose());
        }
    }

    private static void Append(MeKiModel model, MeKiSession session, List<int> tokens, int[] more)
    {
        float[] logits = new float[Vocabulary];
        session.Forward(more, logits);
        tokens.AddRange(more);
        Assert.Equal(tokens, session.Tokens.ToArray());
        Assert.Equal(Straight(model, [.. tokens]), logits);
    }

    private static float[] Straight(MeKiModel model, int[] tokens)
    {
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[Vocabulary];
        session.Forward(tokens, logits);
        return logits;
    }
}
