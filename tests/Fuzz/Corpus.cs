using MeKi.Fuzz.Readers;

namespace MeKi.Fuzz;

/// <summary>Inputs that failed once, a folder of files for each reader.</summary>
internal static class Corpus
{
    public static IEnumerable<(string Reader, string File)> Files()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "corpus");
        return !Directory.Exists(folder) ? [] : Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(file => (Path.GetFileName(Path.GetDirectoryName(file)!), file));
    }

    /// <summary>Gives inputs to their readers and tells of each what came of it where that must not be.</summary>
    /// <returns>How many faults.</returns>
    public static int Run(IEnumerable<(string Reader, string File)> files)
    {
        using Watchdog watchdog = new();
        int faults = 0;
        foreach (IGrouping<string, (string Reader, string File)> group in files.GroupBy(each => each.Reader))
        {
            using Reader reader = AllReaders.Create([group.Key]).Single();
            _ = reader.Seeds;
            foreach ((_, string file) in group)
            {
                Outcome outcome = Judge.Run(reader, File.ReadAllBytes(file), watchdog.Begin);
                Console.WriteLine($"{(outcome.Fault is null ? "ok   " : "FAULT")} {group.Key} {Path.GetFileName(file)}: {outcome.Fault ?? outcome.Signature}");
                faults += outcome.Fault is null ? 0 : 1;
            }
        }
        return faults;
    }
}
