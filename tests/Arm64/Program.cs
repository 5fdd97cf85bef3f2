using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.Loader;
using Xunit.Abstractions;
using Xunit.Sdk;

// runtests ASSEMBLY [NAME…]: runs the tests of an assembly beside this program whose full names contain one of the names, without those that take long.
// A name that begins with "-" takes tests out. Prints what failed, and as the last line "passed failed skipped seconds".
string folder = AppContext.BaseDirectory;
AssemblyLoadContext.Default.Resolving += (context, name) =>
    File.Exists(Path.Combine(folder, name.Name + ".dll")) ? context.LoadFromAssemblyPath(Path.Combine(folder, name.Name + ".dll")) : null;
Assembly assembly = AssemblyLoadContext.Default.LoadFromAssemblyPath(Path.Combine(folder, args[0]));
string[] wanted = [.. args.Skip(1).Where(name => !name.StartsWith('-'))];
string[] unwanted = [.. args.Skip(1).Where(name => name.StartsWith('-')).Select(name => name[1..])];
long start = Stopwatch.GetTimestamp();
Results results = new();
XunitTestFramework framework = new(results);
ITestFrameworkDiscoverer discoverer = framework.GetDiscoverer(Reflector.Wrap(assembly));
discoverer.Find(false, results, new Options());
results.Found.Wait();
ITestCase[] tests =
[
    .. results.Tests.Where(test => !(test.Traits.TryGetValue("Length", out List<string>? length) && length.Contains("Long"))
        && (wanted.Length == 0 || Array.Exists(wanted, name => test.DisplayName.Contains(name, StringComparison.Ordinal)))
        && !Array.Exists(unwanted, name => test.DisplayName.Contains(name, StringComparison.Ordinal))),
];
framework.GetExecutor(assembly.GetName()).RunTests(tests, results, new Options());
results.Ran.Wait();
Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
    $"{results.Passed} {results.Failed} {results.Skipped} {Stopwatch.GetElapsedTime(start).TotalSeconds:f0}"));
return results.Failed == 0 && results.Passed > 0 ? 0 : 1;

/// <summary>The framework's own settings.</summary>
internal sealed class Options : ITestFrameworkDiscoveryOptions, ITestFrameworkExecutionOptions
{
    private readonly Dictionary<string, object?> _values = [];

    public TValue GetValue<TValue>(string name) => _values.TryGetValue(name, out object? value) ? (TValue)value! : default!;

    public void SetValue<TValue>(string name, TValue value) => _values[name] = value;
}

/// <summary>Counts what the framework tells of.</summary>
internal sealed class Results : IMessageSink
{
    private readonly Lock _lock = new();

    public List<ITestCase> Tests { get; } = [];

    public ManualResetEventSlim Found { get; } = new();

    public ManualResetEventSlim Ran { get; } = new();

    public int Passed { get; private set; }

    public int Failed { get; private set; }

    public int Skipped { get; private set; }

    public bool OnMessage(IMessageSinkMessage message)
    {
        lock (_lock)
        {
            switch (message)
            {
                case ITestCaseDiscoveryMessage found:
                    Tests.Add(found.TestCase);
                    break;
                case IDiscoveryCompleteMessage:
                    Found.Set();
                    break;
                case ITestPassed passed:
                    Passed++;
                    // So that one sees where the time goes.
                    if (passed.ExecutionTime > 10)
                        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"slow: {passed.Test.DisplayName}: {passed.ExecutionTime:f0} s"));
                    break;
                case ITestFailed failed:
                    Failed++;
                    Console.WriteLine($"FAIL  {failed.Test.DisplayName}: {string.Join(" | ", failed.Messages)}\n{failed.StackTraces.FirstOrDefault()}");
                    break;
                case IErrorMessage error:
                    Failed++;
                    Console.WriteLine($"FAIL  {string.Join(" | ", error.Messages)}");
                    break;
                case ITestSkipped:
                    Skipped++;
                    break;
                case ITestAssemblyFinished:
                    Ran.Set();
                    break;
                default:
                    break;
            }
        }
        return true;
    }
}
