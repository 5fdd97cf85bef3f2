using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using MeKi.RowCache.Policies;

namespace MeKi.RowCache.Tests;

/// <summary>What holds for every policy on any trace.</summary>
public class BoundTests
{
    private const int Vocabulary = 40;

    // Squaring makes low ids frequent, as text does; a uniform trace would hide what a policy prefers.
    private static readonly Arbitrary<(int Slots, int[] Tokens)> Cases =
        (from slots in Gen.Choose(1, Vocabulary + 5)
         from tokens in Gen.Choose(0, Vocabulary * Vocabulary - 1).Select(value => (int)Math.Sqrt(value)).Select(root => Vocabulary - 1 - root).ArrayOf()
         select (slots, tokens)).ToArbitrary();

    [Fact]
    public void No_policy_has_more_hits_than_the_bound() => Prop.ForAll(Cases, item =>
    {
        int bound = Hits(new Belady(item.Slots, Vocabulary, item.Tokens), item.Tokens);
        foreach ((string name, Func<int, ICachePolicy> create) in OnlineOn(item.Tokens))
            Assert.True(Hits(create(item.Slots), item.Tokens) <= bound, $"{name} beats the bound");
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(400));

    [Fact]
    public void A_cache_with_room_for_all_misses_each_token_once() => Prop.ForAll(Cases, item =>
    {
        int repeated = item.Tokens.Length - item.Tokens.Distinct().Count();
        foreach ((string name, Func<int, ICachePolicy> create) in Contestants.On(TraceOf(item.Tokens), Vocabulary)
            .Where(contestant => !IsPinned(contestant.Name)))
            Assert.True(Hits(create(Vocabulary), item.Tokens) == repeated, name);
    }).Check(Config.QuickThrowOnFailure.WithEndSize(400));

    [Fact]
    public void The_bound_is_the_best_of_all_choices() => Prop.ForAll(
        (from slots in Gen.Choose(1, 3)
         from tokens in Gen.Choose(0, 4).ArrayOf()
         select (slots, tokens)).ToArbitrary(),
        item => Assert.Equal(BestOfAll(item.slots, item.tokens), Hits(new Belady(item.slots, 5, item.tokens), item.tokens)))
        .Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithEndSize(30));

    /// <summary>The most hits that any sequence of decisions reaches: by trying all, over the sets of tokens that can be resident.</summary>
    private static int BestOfAll(int slots, int[] tokens)
    {
        Dictionary<uint, int> best = new() { [0] = 0 };
        foreach (int token in tokens)
        {
            Dictionary<uint, int> next = [];
            foreach ((uint resident, int hits) in best)
            {
                uint with = resident | 1u << token;
                Keep(next, resident, hits + (with == resident ? 1 : 0));
                if (BitOperations.PopCount(with) <= slots)
                    Keep(next, with, hits + (with == resident ? 1 : 0));
                for (int victim = 0; victim < 5 && with != resident; victim++)
                {
                    if ((resident >> victim & 1) != 0)
                        Keep(next, with & ~(1u << victim), hits);
                }
            }
            best = next;
        }
        return best.Values.Max();

        static void Keep(Dictionary<uint, int> states, uint resident, int hits) => states[resident] = Math.Max(hits, states.GetValueOrDefault(resident));
    }

    private static IEnumerable<(string Name, Func<int, ICachePolicy> Create)> OnlineOn(int[] tokens) => Contestants.On(TraceOf(tokens), Vocabulary).SkipLast(1)
        // A pinned set is resident before the trace begins: the bound is for caches that begin empty.
        .Where(contestant => !IsPinned(contestant.Name));

    private static bool IsPinned(string name) => name.StartsWith("pinned", StringComparison.Ordinal);

    private static Trace TraceOf(int[] tokens) => new("", tokens, Traces.ByFrequency(tokens, Vocabulary), "");

    private static int Hits(ICachePolicy policy, int[] tokens) => tokens.Count(policy.Access);
}
