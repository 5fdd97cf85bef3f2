// meki-regress [--move "REASON"] [--only CASE …]
//
// Measures every case and compares it with the committed baseline of this kind of machine (baseline.json). Exit code 1 when a case is slower for certain.
// What looks slower is measured again, later and in new processes. With --move the measured ratios become the baseline, all or those
// of the named cases; the reason is kept beside them.
using System.Diagnostics;
using MeKi.Regress;

const int Pairs = 41, Attempts = 5, Processes = 3;
string? reason = null;
HashSet<string>? only = null;
if (args is ["--move", string given, ..] && given.Trim().Length > 0)
    reason = given;
string[] rest = reason is null ? args : args[2..];
if (rest is ["--only", _, ..])
    only = [.. rest[1..]];
else if (rest.Length > 0)
{
    Console.Error.WriteLine("usage: meki-regress [--move \"REASON\"] [--only CASE …]");
    return 2;
}

string folder = FindFolder();
Baseline baseline = Baseline.Read(Path.Combine(folder, "baseline.json"));
Console.WriteLine($"machine: {Machine.Name}");
Stopwatch elapsed = Stopwatch.StartNew();
using KernelCases kernels = new();
using ModelCases models = new(Path.Combine(folder, "..", "..", "models", "tiny-meki"));
RatioCase[] cases = [.. kernels.All().Concat(models.All()).Where(item => only?.Contains(item.Name) ?? true)];
if (only?.FirstOrDefault(name => !cases.Any(item => item.Name == name)) is { } unknown)
{
    Console.Error.WriteLine($"no case is called '{unknown}'");
    return 2;
}
foreach (RatioCase item in cases)
    item.WarmUp();
List<double>[] again = [.. cases.Select(_ => new List<double>())];

Verdict[] verdicts = [.. cases.Select(item => Judge(item, Pairs))];
if (reason is not null)
{
    // A baseline is the median of several measurements.
    for (int attempt = 0; attempt < Attempts; attempt++)
    {
        for (int i = 0; i < cases.Length; i++)
            again[i].Add(Judge(cases[i], Pairs).Ratio.Median);
    }
}
else
{
    // A neighbour on the machine disturbs a case for seconds; a slower kernel is slower every time.
    for (int i = 0; i < cases.Length; i++)
    {
        if (verdicts[i].IsSlower)
            verdicts[i] = Judge(cases[i], 2 * Pairs);
    }
}
// Where a process' memory came to lie can cost a case 10 to 30 % for as long as it lives (ten runs of an unchanged tree raised two such alarms), so new
// processes have the last word.
HashSet<string> slow = SlowerAgainstEveryYardstick(verdicts);
for (int process = 0; process < Processes && slow.Count > 0 && only is null && reason is null; process++)
    slow.IntersectWith(SlowerInNewProcess(slow));
for (int i = 0; i < verdicts.Length && only is null; i++)
{
    if (verdicts[i].IsSlower && !slow.Contains(verdicts[i].Name))
        verdicts[i] = verdicts[i] with { HeldElsewhere = true };
}
foreach (Verdict verdict in verdicts)
    Console.WriteLine(verdict);

int slower = verdicts.Count(verdict => verdict.IsSlower);
if (reason is not null)
{
    baseline.Move(Machine.Name, reason, cases.Select((item, i) => (item.Name, again[i].Order().ElementAt(again[i].Count / 2))));
    baseline.Write();
    Console.WriteLine($"the baseline of this machine was moved: {reason}");
    return 0;
}
if (verdicts.All(verdict => verdict.Baseline is null))
    Console.WriteLine("this kind of machine has no baseline, so nothing was judged; make one with --move \"REASON\"");
Console.WriteLine($"{verdicts.Length - slower} of {verdicts.Length} cases hold their baseline, in {elapsed.Elapsed.TotalSeconds:f0} s");
return slower == 0 ? 0 : 1;

Verdict Judge(RatioCase item, int pairs) => new(item.Name, MedianInterval.Of(item.Measure(pairs)), baseline.Find(Machine.Name, item.Name));

// A kernel that was measured against two yardsticks is slower when it is against both.
static HashSet<string> SlowerAgainstEveryYardstick(IEnumerable<Verdict> verdicts) =>
    [.. verdicts.GroupBy(verdict => verdict.Name.Split(" / ")[0]).Where(kernel => kernel.All(verdict => verdict.IsSlower)).SelectMany(kernel => kernel)
        .Select(verdict => verdict.Name)];

static IEnumerable<string> SlowerInNewProcess(IEnumerable<string> names)
{
    bool isHosted = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet";
    ProcessStartInfo start = new(Environment.ProcessPath!,
        [.. isHosted ? [Environment.GetCommandLineArgs()[0]] : Array.Empty<string>(), "--only", .. names]) { RedirectStandardOutput = true };
    using Process process = Process.Start(start)!;
    string output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    // Both ratios of a kernel are in names, so both must be in the answer.
    HashSet<string> slower = [.. names.Where(name => output.Split('\n').Any(line => line.StartsWith("SLOWER " + name + " ", StringComparison.Ordinal)))];
    return names.GroupBy(name => name.Split(" / ")[0]).Where(kernel => kernel.All(slower.Contains)).SelectMany(kernel => kernel);
}

static string FindFolder()
{
    for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
    {
        if (File.Exists(Path.Combine(at.FullName, "MeKi.sln")))
            return Path.Combine(at.FullName, "bench", "regress");
    }
    throw new InvalidOperationException("MeKi.sln was not found above this program: run it from a checkout.");
}
