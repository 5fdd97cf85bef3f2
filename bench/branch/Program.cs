using System.Globalization;
using MeKi.Branch;
using MeKi.Regress;

const string Usage = """
    What the MeKi branch costs a decoded token: bursts with the branch on and off in turn, in one process, on the same mapped weights.
      meki-branch MODEL ROUNDS [THREADS]    MODEL in panels, as 'meki convert' and 'meki quantize' write it
    """;
const int Tokens = 8, WarmUps = 6;
if (args is not [string path, string count, ..] || !int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int rounds) || rounds < 1)
{
    Console.Error.WriteLine(Usage);
    return 2;
}
int? threads = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : null;
Variant[] variants =
[
    new("off", path, new() { Threads = threads, WithoutMeKi = true }, RowsIn.RecordCache),
    new("on, records cached", path, new() { Threads = threads }, RowsIn.RecordCache),
    new("on, file in the page cache", path, new() { Threads = threads, Rows = new() { CacheBytes = 0 } }, RowsIn.PageCache),
    new("on, cold", path, new() { Threads = threads, Rows = new() { CacheBytes = 0 } }, RowsIn.Device),
];
Random random = new(20260203);
double[,] seconds = new double[variants.Length, rounds];
for (int round = -WarmUps; round < rounds; round++)
{
    // In any order: none follows the same one always.
    int[] order = [.. Enumerable.Range(0, variants.Length)];
    random.Shuffle(order);
    foreach (int i in order)
    {
        double time = variants[i].Run(random, Tokens);
        if (round >= 0)
            seconds[i, round] = time;
        else
            variants[i].Clear();
    }
}
Console.WriteLine("| branch | ms a token | speed / off | 99 % interval | wait p50, ms | p99, ms |");
Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: |");
for (int i = 0; i < variants.Length; i++)
{
    double[] times = [.. Enumerable.Range(0, rounds).Select(round => seconds[i, round])], waits = variants[i].Waits;
    MedianInterval ratio = MedianInterval.Of([.. Enumerable.Range(0, rounds).Select(round => seconds[0, round] / seconds[i, round])]);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"| {variants[i].Name} | {times.Order().ElementAt(rounds / 2) * 1e3:f2} | {ratio.Median:f3} | {ratio.Low:f3}–{ratio.High:f3}"
            + $" | {waits[waits.Length / 2]:f2} | {waits[(int)(waits.Length * 0.99)]:f2} |"));
}
foreach (Variant variant in variants)
    variant.Dispose();
return 0;
