namespace MeKi.Fuzz.Mutation;

/// <summary>Numbers and texts at which readers break.</summary>
internal static class Interesting
{
    private static readonly long[] s_integers =
    [
        0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1000, 1023, 1024, 1025, 4095, 4096, 4097,
        32767, 32768, 65535, 65536, 65537, 1 << 20, (1 << 21) - 1, 1 << 21, (1 << 24) - 1, 1 << 24, 1 << 30, int.MaxValue - 63, int.MaxValue - 1, int.MaxValue,
        1L << 31, (1L << 31) + 1, uint.MaxValue - 1, uint.MaxValue, 1L << 32, (1L << 32) + 1, 1L << 40, 1L << 53, (1L << 61) + 1, 1L << 62,
        long.MaxValue - 63, long.MaxValue - 1, long.MaxValue, long.MinValue, long.MinValue + 1, -1, -2, -4, -8, -128, -32768, int.MinValue,
    ];

    private static readonly double[] s_reals =
    [
        0, -0.0, 1, -1, 0.5, 2, 1e-45, -1e-45, 1e-38, 1e-30, 1e-8, 1e-6, 1e4, 1e6, 1e30, 3.4e38, -3.4e38, 1e300, double.NaN, double.PositiveInfinity,
        double.NegativeInfinity, double.Epsilon, double.MaxValue, 65504, 65520, -65520,
    ];

    private static readonly string[] s_texts =
    [
        "", " ", "\0", "a", "\n", "\t", "'", "\"", "\\", "/", "..", "../../../../etc/passwd", "/etc/passwd", "/dev/zero", "/proc/self/mem", "con",
        "\u001b[2J\u001b]0;x\a",
        "\u202e", "\u200b", "\ufeff", "\ufffd", "\ud83d\ude42", "\U00010ffff", "é", "İ", "ß", "ﬃ", "\u0301", "%s%n", "{0}", "${x}", "{{", "}}", "{%", "%}",
        "{#",
        "<|im_end|>", "<s>", "</s>", "<unk>", "<0x00>", "▁", "Ġ", "true", "null", "NaN", "1e999", "-1", "0x10", "18446744073709551616",
    ];

    public static long Integer(Random random) => random.Next(4) switch
    {
        0 => (1L << random.Next(64)) + random.Next(-2, 3),
        1 => random.Next(300),
        _ => Pick(random, s_integers),
    };

    public static double Real(Random random) => random.Next(4) == 0 ? random.NextDouble() * Math.Pow(10, random.Next(-40, 40)) : Pick(random, s_reals);

    public static string Text(Random random) => random.Next(8) switch
    {
        0 => new string((char)random.Next(32, 0x3000), random.Next(1, 600)),
        1 => string.Concat(Enumerable.Range(0, random.Next(1, 20)).Select(_ => Pick(random, s_texts))),
        _ => Pick(random, s_texts),
    };

    /// <summary>How many changes an input gets: mostly one, so that readers come far with it.</summary>
    public static int Rounds(Random random) => random.Next(3) switch { 0 => random.Next(2, 6), _ => 1 };

    public static T Pick<T>(Random random, IReadOnlyList<T> of) => of[random.Next(of.Count)];
}
