// meki-regress [--move "REASON"]
//
// Measures every case and compares it with the committed baseline of this kind of machine (baseline.json). Exit code 1 when a case is slower for certain.
// With --move the measured ratios become the baseline; the reason is kept beside them.
using System.Diagnostics;
using MeKi.Regress;

const int Pairs = 41;
string? reason = null;
if (args is ["--move", string given] && given.Trim().Length > 0)
    reason = given;
else if (args.Length > 0)
{
    Console.Error.WriteLine("usage: meki-regress [--move \"REASON\"]");
    return 2;
}

string folder = FindFolder();
Baseline baseline = Baseline.Read(Path.Combine(folder, "baseline.json"));
Console.WriteLine($"machine: {Machine.Name}");
Stopwatch elapsed = Stopwatch.StartNew();
using KernelCases kernels = new();
using ModelCases models = new(Path.Combine(folder, "..", "..", "models", "tiny-meki"));
RatioCase[] cases = [.. kernels.All(), .. models.All()];
foreach (RatioCase item in cases)
    item.WarmUp();
Thread.Sleep(300);

List<Verdict> verdicts = [];
foreach (RatioCase item in cases)
{
    Verdict verdict = Judge(item, Pairs);
    // A disturbance of some seconds can cover a whole case: what looks slower is measured again, with more pairs, before it is said.
    if (verdict.IsSlower && reason is null)
        verdict = Judge(item, 3 * Pairs);
    Console.WriteLine(verdict);
    verdicts.Add(verdict);
}

int slower = verdicts.Count(verdict => verdict.IsSlower);
if (reason is not null)
{
    baseline.Move(Machine.Name, reason, verdicts.Select(verdict => (verdict.Name, verdict.Ratio.Median)));
    baseline.Write();
    Console.WriteLine($"the baseline of this machine was moved: {reason}");
    return 0;
}
if (verdicts.All(verdict => verdict.Baseline is null))
    Console.WriteLine("this kind of machine has no baseline, so nothing was judged; make one with --move \"REASON\"");
Console.WriteLine($"{verdicts.Count - slower} of {verdicts.Count} cases hold their baseline, in {elapsed.Elapsed.TotalSeconds:f0} s");
return slower == 0 ? 0 : 1;

Verdict Judge(RatioCase item, int pairs) => new(item.Name, MedianInterval.Of(item.Measure(pairs)), baseline.Find(Machine.Name, item.Name));

static string FindFolder()
{
    for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
    {
        if (File.Exists(Path.Combine(at.FullName, "MeKi.sln")))
            return Path.Combine(at.FullName, "bench", "regress");
    }
    throw new InvalidOperationException("MeKi.sln was not found above this program: run it from a checkout.");
}
