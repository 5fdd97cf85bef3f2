using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Processors;
using MeKi.Model;
using MeKi.Model.Checkpoints;
using MeKi.Tool.Diagnosis;

namespace MeKi.Tool;

/// <summary><c>meki doctor</c>: what the machine is, what computes on it and why, how fast the model comes from storage, and what would help.</summary>
internal static class DoctorCommand
{
    private const double SlowRead = 1e-3, SlowStorage = 100, LongLoad = 5;
    private const long RuntimeBytes = 45_000_000;
    private const int LongestName = 200;

    public static Command Create()
    {
        Option<string?> model = DemoModel.Option();
        Command command = new("doctor", "Tell what this machine makes of a model: processor, kernels, memory, storage, and what would help.") { model };
        command.SetAction(parsed => Diagnose(Machine.This, parsed.GetValue(model) ?? DemoModel.Find(), Console.Out));
        return command;
    }

    /// <returns>The exit code: 0, or 1 where something keeps the model from running.</returns>
    internal static int Diagnose(Machine machine, string path, TextWriter output)
    {
        // What there is of the machine is told, too, where the model is the trouble.
        List<string> advice = [];
        ResultTable table = new(false, false);
        DescribeMachine(machine, table, advice);
        table.Write(output);
        bool runs = DescribeModel(machine, path, output, advice);
        foreach (string line in advice)
            output.WriteLine($"advice: {line}");
        output.WriteLine(runs ? advice.Count == 0 ? "all is well" : "the model runs" : "the model does not run here");
        return runs ? 0 : 1;
    }

    private static void DescribeMachine(Machine machine, ResultTable table, List<string> advice)
    {
        table.Add("program", $"meki {typeof(MeKiModel).Assembly.GetName().Version!.ToString(3)}, {RuntimeInformation.FrameworkDescription}, "
            + $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}");
        table.Add("processor", UntrustedText.Line(machine.Processor, LongestName));
        string quota = machine.Quota is { } paid ? $", of which a control group pays for {paid}" : "";
        table.Add("threads", string.Create(CultureInfo.InvariantCulture,
            $"{ProcessorTopology.PerformanceCores()}, one for each performance core; the process may use {Environment.ProcessorCount} processors{quota}"));
        table.Add("kernels", Machine.Kernels);
        if (KernelSelection.Warning is { } warning)
            advice.Add(warning);
        if (machine.Governor is { } governor)
        {
            table.Add("clock", $"governor {UntrustedText.Line(governor, LongestName)}");
            if (governor == "powersave")
                advice.Add("the processor's clock is kept low: as root, echo performance to /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor");
        }
        table.Add("memory", machine.Memory is { } memory
            ? $"{Size(memory)}, {(machine.Available is { } free ? $"{Size(free)} available, " : "")}"
                + (machine.MemoryLimit is { } limit ? $"a control group allows {Size(limit)}" : "no control group limits it")
            : $"{Size(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)} for this process");
        if (machine.HugePages is { } pages)
        {
            string use = pages == "never" ? "packed weights lie in pages of 4 KB" : "packed weights lie in them";
            table.Add("huge pages", $"{UntrustedText.Line(pages, LongestName)}: {use}");
            if (pages == "never")
                advice.Add("huge pages make decoding a few percent faster: as root, echo madvise to /sys/kernel/mm/transparent_hugepage/enabled");
        }
    }

    /// <returns>Whether it runs.</returns>
    private static bool DescribeModel(Machine machine, string path, TextWriter output, List<string> advice)
    {
        string gguf = Directory.Exists(path) ? Path.Combine(path, ModelFiles.ModelName) : path;
        ResultTable table = new(false, false);
        using WeightSource source = File.Exists(gguf) ? GgufModel.Open(gguf) : HuggingFaceCheckpoint.Open(path);
        MemoryNeed need = MemoryNeed.Of(source, new());
        table.Add("model", $"{UntrustedText.Line(source.Path, LongestName)}, {source.Config.Family}");
        table.Add("it takes", $"{need}");
        string file = source.FirstFile, rows = ModelFiles.RowsOf(file);
        bool hasRows = source.Config.HasTable || (source.Config.HasMeKi && File.Exists(rows));
        string stored = source.Config.HasMeKi && File.Exists(rows) ? rows : file;
        table.Add("file system", machine.FileSystem(file) is { } system ? UntrustedText.Line(system, LongestName) : "unknown");
        StorageSpeed speed = StorageSpeed.Measure(stored);
        table.Add("storage", string.Create(CultureInfo.InvariantCulture,
            $"{UntrustedText.Line(Path.GetFileName(stored), LongestName)}: {speed.MegabytesPerSecond:f0} MB/s from end to end, "
            + $"a read of 4 KB anywhere takes {1e6 * speed.Median:f0} µs "
            + $"(p99 {1e6 * speed.Percentile99:f0} µs){(speed.IsCold ? "" : ", perhaps from the page cache, which could not be emptied")}"));
        table.Write(output);
        if (hasRows && speed.Median > SlowRead)
            advice.Add("rows come slowly: put the row file on faster storage, or keep more of it in memory (--row-cache)");
        double load = (need.Mapped + need.Packed) / 1e6 / speed.MegabytesPerSecond;
        if (speed.MegabytesPerSecond < SlowStorage && load > LongLoad)
            advice.Add(string.Create(CultureInfo.InvariantCulture, $"loading takes some {load:f0} s: put the model on faster storage"));
        long most = Math.Min(machine.Available ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, machine.MemoryLimit ?? long.MaxValue);
        long total = need.Total + RuntimeBytes;
        if (total > most)
            advice.Add($"the model takes {Size(total)} and there are {Size(most)}: take a smaller type of weights, or end other programs");
        else if (total > most / 10 * 8)
            advice.Add($"memory is tight: the model takes {Size(total)} of {Size(most)} (--max-memory, --kv-type q8_0)");
        // Mapped weights that do not fit come from storage again for every token: it runs, slowly.
        return total - need.Mapped <= most;
    }

    private static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:f2} GB");
}
