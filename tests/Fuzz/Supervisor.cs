using System.Diagnostics;

namespace MeKi.Fuzz;

/// <summary>Starts the process that works, and another when it crashes or hangs, whose input is then a failure.</summary>
/// <param name="options">What to do.</param>
internal sealed class Supervisor(FuzzOptions options)
{
    // Linux keeps it in memory.
    private static readonly string s_folder = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();

    /// <returns>Faults found.</returns>
    public long Run()
    {
        string work = Path.Combine(s_folder, $"meki-fuzz-{Environment.ProcessId}");
        Directory.CreateDirectory(work);
        FuzzOptions own = options with { Current = Path.Combine(work, "current"), Statistics = options.Statistics ?? Path.Combine(work, "statistics") };
        long before = new Tally(own.Statistics).Faults, start = Stopwatch.GetTimestamp();
        try
        {
            for (int restart = 0; ; restart++)
            {
                double left = options.Seconds - Stopwatch.GetElapsedTime(start).TotalSeconds;
                if (left <= 0 || new Tally(own.Statistics).Inputs >= options.Inputs)
                    break;
                int exit = Work(own with { Seconds = left, Seed = unchecked(own.Seed + restart * 1_000_003) }, work);
                if (exit == 0)
                    continue;
                using CurrentInput current = new(own.Current);
                (string reader, byte[] input) = current.Get();
                Failures.Save(options.Failures, reader, input, exit == Watchdog.HangExit ? "hangs: more than 5 s" : $"ends the process with {exit}");
                Tally tally = new(own.Statistics);
                tally.AddFault(reader);
                tally.Save();
            }
            Tally all = new(own.Statistics);
            Console.Write(all);
            return all.Faults - before;
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    private static int Work(FuzzOptions own, string work)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, own.ToArguments());
        start.Environment["TMPDIR"] = work;
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        // A heap that grows without bound would take the machine with it.
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x60000000";
        using Process process = Process.Start(start)!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
