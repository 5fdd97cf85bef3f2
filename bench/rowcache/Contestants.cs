using MeKi.RowCache.Policies;

namespace MeKi.RowCache;

/// <summary>The policies that are compared, the bound last.</summary>
internal static class Contestants
{
    /// <param name="trace">What the policies will be given; the bound knows it beforehand.</param>
    /// <param name="vocabulary">Token ids.</param>
    /// <returns>Names, and what makes an empty cache of so many slots.</returns>
    public static (string Name, Func<int, ICachePolicy> Create)[] On(Trace trace, int vocabulary) =>
    [
        ("LRU", slots => new Lru(slots, vocabulary)),
        ("CLOCK, one bit", slots => new Clock(slots, vocabulary, 1)),
        ("CLOCK, counts to 3", slots => new Clock(slots, vocabulary, 3)),
        ("CLOCK, counts to 15", slots => new Clock(slots, vocabulary, 15)),
        ("SIEVE", slots => new Sieve(slots, vocabulary)),
        ("S3-FIFO", slots => new S3Fifo(slots, vocabulary)),
        ("W-TinyLFU", slots => new WindowTinyLfu(slots, vocabulary)),
        ("pinned: lowest ids", slots => new Pinned(slots, vocabulary, [.. Enumerable.Range(0, vocabulary)])),
        ($"pinned: most frequent in {trace.FrequencySource}", slots => new Pinned(slots, vocabulary, trace.ByFrequency)),
        ("Belady's optimum", slots => new Belady(slots, vocabulary, trace.Tokens)),
    ];
}
