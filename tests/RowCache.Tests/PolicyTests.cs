using MeKi.RowCache.Policies;

namespace MeKi.RowCache.Tests;

/// <summary>Each policy on traces whose hits were worked out by hand: a letter is a token, + a hit, - a miss.</summary>
public class PolicyTests
{
    private const int Letters = 26;

    [Theory]
    [InlineData(1, "AABBA", "-+-+-")]
    [InlineData(2, "ABACBA", "--+---")] // C takes B's place, B takes A's
    [InlineData(3, "ABACBADB", "--+-++-+")] // D takes C's place, the one not used again
    public void Lru_evicts_what_was_used_longest_ago(int slots, string trace, string hits) => Assert.Equal(hits, Run(new Lru(slots, Letters), trace));

    [Theory]
    [InlineData(1, 1, "AABBA", "-+-+-")]
    [InlineData(1, 2, "AAABCDA", "-++----")] // B and C cost A its bit, D its place
    [InlineData(3, 2, "AAABCDA", "-++---+")] // two uses last for two turns of the hand
    [InlineData(1, 3, "ABCADEAFGHA", "---+--+----")] // the hand is back at A when H comes
    public void Clock_spares_what_was_used_since_the_hand_passed(int maximum, int slots, string trace, string hits) =>
        Assert.Equal(hits, Run(new Clock(slots, Letters, maximum), trace));

    [Theory]
    [InlineData(1, "AABBA", "-+-+-")]
    [InlineData(3, "ABCADEAFGHA", "---+--+---+")] // the hand stays among the newcomers, where CLOCK's evicts A
    [InlineData(2, "ABABCA", "--++--")] // both used: both bits cleared, then the oldest goes
    public void Sieve_judges_newcomers_before_survivors(int slots, string trace, string hits) => Assert.Equal(hits, Run(new Sieve(slots, Letters), trace));

    [Theory]
    [InlineData(1, "AABBA", "-+-+-")]
    [InlineData(3, "ABCADA", "---+--")] // one use is not enough: D sends A out of the small queue
    [InlineData(3, "ABCAADBAACDEFEFA", "---++--++------+")] // A's two uses in main outlast its two passes (for D and F); B, C and D have none
    [InlineData(3, "ABCAADBEFAB", "---++----++")] // A was used twice, B came back as a ghost: E and F pass through the small queue
    [InlineData(3, "ABCDEAFGHIA", "----------+")] // two ghosts: after two evictions A is remembered, and stays in main while F to I pass
    [InlineData(3, "ABCDEFAGHIA", "-----------")] // after three it is forgotten, and passes like them
    public void S3Fifo_keeps_in_main_what_proved_itself(int slots, string trace, string hits) => Assert.Equal(hits, Run(new S3Fifo(slots, Letters), trace));

    [Theory]
    [InlineData(1, "AABBA", "-+-+-")]
    [InlineData(3, "ABCADEBFEEGAE", "---+--+--+--+")] // D, E and F lose to what is on probation; E with three uses replaces A with two
    public void WindowTinyLfu_admits_what_is_used_more_often(int slots, string trace, string hits) =>
        Assert.Equal(hits, Run(new WindowTinyLfu(slots, Letters), trace));

    [Fact]
    public void WindowTinyLfu_forgets()
    {
        // A's 15 uses are halved to 7 at access 20; C's eighth use (7 since the halving, and half of two) is access 33, and access 34 weighs C against A.
        string trace = new string('A', 15) + string.Concat(Enumerable.Repeat("BC", 20));
        Assert.Equal('-' + new string('+', 14) + new string('-', 19) + new string('+', 21), Run(new WindowTinyLfu(2, Letters), trace));
    }

    [Fact]
    public void Pinned_holds_the_first_of_the_order() => Assert.Equal("+-++", Run(new Pinned(2, Letters, [2, 0, 1]), "ABCA"));

    [Theory]
    [InlineData(2, "ABCAB", "---++")] // C is not kept: it is never used again
    [InlineData(2, "ABCCA", "---++")] // C takes B's place
    [InlineData(1, "ABABAACC", "--+-++-+")] // A stays while B passes
    public void Belady_keeps_what_is_used_again_soonest(int slots, string trace, string hits) =>
        Assert.Equal(hits, Run(new Belady(slots, Letters, Tokens(trace)), trace));

    private static string Run(ICachePolicy policy, string trace) => string.Concat(Tokens(trace).Select(token => policy.Access(token) ? '+' : '-'));

    private static int[] Tokens(string trace) => [.. trace.Select(letter => letter - 'A')];
}
