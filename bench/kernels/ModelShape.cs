namespace MeKi.Benchmarks;

/// <summary>The three model shapes of the paper (table 5).</summary>
public sealed record ModelShape(string Name, int Hidden, int FeedForward, int Heads, int KvHeads, int HeadDimension, int Memory)
{
    public static ModelShape[] All { get; } =
    [
        new("0.6B", 1024, 3072, 16, 8, 128, 128),
        new("1.7B", 2048, 6144, 16, 8, 128, 256),
        new("4B", 2560, 9728, 32, 8, 128, 512),
    ];

    public override string ToString() => Name;
}
