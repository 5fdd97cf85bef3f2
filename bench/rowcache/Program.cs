// meki-rowcache [SHARED]
//
// Which records should the row cache keep? Replays the token ids of real text against cache policies and prints their hit rates and costs as Markdown.
// SHARED is the folder of reference material, ../shared unless given.
using System.Globalization;
using MeKi.Model;
using MeKi.RowCache;
using MeKi.RowCache.Policies;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const int CostRuns = 5, NewCaches = 100;
// Bytes of a record: 28 rows of 128 int8 with scales, padded; 36 rows of 512 f16 (the paper's 0.6B and 4B).
const int SmallRecord = 128 + 28 * 128, LargeRecord = 36 * 1024;
int[] budgets = [1, 16, 64, 256, 1024, 4096, 8192];

string shared = args is [string given] ? given : Path.Combine("..", "shared");
Trace[] traces;
int vocabulary;
try
{
    traces = Traces.Read(shared, out vocabulary);
}
catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ModelFileException)
{
    Console.Error.WriteLine($"error: {failure.Message.TrimEnd('.')}. "
        + "Run from the repository's root beside ../shared, or name that folder: meki-rowcache SHARED");
    return 1;
}

foreach (Trace trace in traces)
{
    Console.WriteLine($"### {trace.Name}: {trace.Tokens.Length:n0} tokens, {trace.Tokens.Distinct().Count():n0} distinct");
    Console.WriteLine();
    Heading("hits, %: all / second half");
    foreach ((string name, Func<int, ICachePolicy> create) in Contestants.On(trace, vocabulary))
    {
        Row(name, budgets.Select(slots =>
        {
            Replay replay = Replay.Of(create(slots), trace.Tokens);
            return $"{100 * replay.HitRate:f1} / {100 * replay.WarmHitRate:f1}";
        }));
    }
    Console.WriteLine();
}

Trace sessions = traces[^1];
Console.WriteLine($"### The first session of a new cache, S3-FIFO ({Traces.SessionTokens} tokens, mean of {NewCaches})");
Console.WriteLine();
Heading("hits, %");
Row("empty", budgets.Select(slots => FirstSession(slots, filled: false)));
Row("filled with the lowest ids", budgets.Select(slots => FirstSession(slots, filled: true)));
Console.WriteLine();

Console.WriteLine("### Cost of an access, ns (sessions; median of five runs in turn)");
Console.WriteLine();
Heading("ns");
(string Name, Func<int, ICachePolicy> Create)[] timed = [.. Contestants.On(sessions, vocabulary).SkipLast(1)];
double[][] costs = [.. timed.Select(_ => new double[budgets.Length])];
for (int b = 0; b < budgets.Length; b++)
{
    double[][] runs = [.. timed.Select(_ => new double[CostRuns])];
    for (int run = 0; run < CostRuns; run++)
    {
        for (int i = 0; i < timed.Length; i++)
            runs[i][run] = Replay.Cost(timed[i].Create(budgets[b]), sessions.Tokens);
    }
    for (int i = 0; i < timed.Length; i++)
        costs[i][b] = runs[i].Order().ElementAt(CostRuns / 2);
}
for (int i = 0; i < timed.Length; i++)
    Row(timed[i].Name, costs[i].Select(cost => $"{cost:f1}"));
return 0;

string FirstSession(int slots, bool filled)
{
    double sum = 0;
    foreach (int[] session in sessions.Tokens.Chunk(Traces.SessionTokens).Take(NewCaches))
    {
        S3Fifo cache = new(slots, vocabulary);
        // The highest first, so that it also leaves first: merges were learned in the order of their frequency.
        for (int token = slots - 1; token >= 0 && filled; token--)
            cache.Access(token);
        sum += Replay.Of(cache, session).HitRate;
    }
    return $"{100 * sum / NewCaches:f1}";
}

void Heading(string cell)
{
    Row($"records ({cell})", budgets.Select(slots => $"{slots:n0}"));
    Row("---", budgets.Select(_ => "---:"));
    Row("MB, 0.6B int8", budgets.Select(slots => Megabytes((long)slots * SmallRecord)));
    Row("MB, 4B f16", budgets.Select(slots => Megabytes((long)slots * LargeRecord)));
}

static string Megabytes(long bytes) => bytes < 1_000_000 ? $"{bytes / 1e6:f3}" : $"{bytes / 1e6:f1}";

static void Row(string name, IEnumerable<string> cells) => Console.WriteLine($"| {name} | {string.Join(" | ", cells)} |");
