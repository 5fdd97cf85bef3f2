using MeKi.Fuzz.Mutation;
using MeKi.Fuzz.Readers;

namespace MeKi.Fuzz;

/// <summary>The fuzzer itself, and a little of it. The gate runs it for minutes: <c>.ci/run</c>.</summary>
public sealed class FuzzTests
{
    public static TheoryData<string> Readers => [.. AllReaders.Names];

    [Theory]
    [MemberData(nameof(Readers))]
    public void Sound_inputs_are_accepted_and_changed_ones_accepted_or_refused(string name)
    {
        using Reader reader = AllReaders.Create([name]).Single();
        // Not each of them: a config.json fits weights of its own family only, a template may refuse a conversation.
        Assert.Contains(reader.Seeds, seed => Judge.Run(reader, seed).Signature == "accepted");
        Random random = new(1);
        for (int i = 0; i < 40; i++)
        {
            byte[] input = reader.Mutate(Interesting.Pick(random, reader.Seeds), Interesting.Pick(random, reader.Seeds), random);
            Assert.Null(Judge.Run(reader, input).Fault);
        }
    }

    [Fact]
    public void What_failed_once_fails_no_more() => Assert.Equal(0, Corpus.Run(Corpus.Files()));

    [Fact]
    public void A_crash_a_hang_and_memory_are_seen()
    {
        Outcome outcome = Judge.Run(new Greedy(), [1]);
        Assert.StartsWith("memory", outcome.Signature, StringComparison.Ordinal);
        Assert.Contains("InvalidOperationException", Judge.Run(new Greedy(), [2]).Fault, StringComparison.Ordinal);
        Assert.Null(Judge.Run(new Greedy(), []).Fault);
    }

    private sealed class Greedy : Reader
    {
        public override string Name => "greedy";

        public override byte[] Mutate(byte[] input, byte[] other, Random random) => input;

        public override void Read(byte[] input, Random random)
        {
            if (input is [1])
                GC.KeepAlive(Hold());
            if (input is [2])
                throw new InvalidOperationException();
        }

        protected override IEnumerable<byte[]> Sound() => [[]];

        private static byte[][] Hold()
        {
            byte[][] held = [.. Enumerable.Range(0, 100).Select(_ => new byte[1 << 20])];
            Thread.Sleep(300);
            return held;
        }
    }
}
