using System.Text.RegularExpressions;
using MeKi.Model.Tests.Files;
using MeKi.Tool.Diagnosis;

namespace MeKi.Tool.Tests;

/// <summary><c>meki doctor</c>.</summary>
public sealed class DoctorCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_demo_model_runs_and_its_storage_is_measured()
    {
        ProgramResult run = await MekiProgram.Run("doctor");
        Assert.Equal((0, 0), (run.ExitCode, run.Errors.Length));
        foreach (string fact in new[] { "program", "processor", "threads", "kernels", "memory", "model", "it takes", "file system", "storage" })
            Assert.Matches($@"(?m)^{fact} +\S", run.Output);
        Assert.Matches(@"(?m)^storage +model\.rows: \d+ MB/s from end to end, a read of 4 KB anywhere takes \d+ µs \(p99 \d+ µs\)", run.Output);
        Assert.Matches(@"(?m)^(all is well|the model runs)\r?$", run.Output);
    }

    [Fact]
    public async Task Kernels_that_somebody_chose_are_told_as_such()
    {
        ProgramResult run = await MekiProgram.RunWith("MEKI_KERNELS", "Scalar", "doctor");
        Assert.Matches(@"(?m)^kernels +Scalar, as MEKI_KERNELS says; there are .*Scalar", run.Output);
    }

    [Fact]
    public async Task A_model_that_is_not_there_is_one_line_behind_the_machines_facts()
    {
        ProgramResult run = await MekiProgram.Run("doctor", "-m", "none.gguf");
        run.AssertFailed(1, "none.gguf");
        Assert.Matches(@"(?m)^kernels +\S", run.Output);
    }

    [Fact]
    public void A_machine_that_is_too_small_does_not_run_the_model_and_what_would_help_is_told()
    {
        Write("proc/meminfo", "MemTotal:        4000 kB\nMemAvailable:     900 kB\n");
        Write("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
        Write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
        Write("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0");
        StringWriter output = new();
        Assert.Equal(1, DoctorCommand.Diagnose(new(_folder.FullName), MekiProgram.DemoModel, output));
        string text = output.ToString();
        Assert.Matches(@"(?m)^processor +Raspberry Pi 5 Model B Rev 1\.0\r?$", text);
        Assert.Equal(3, Regex.Count(text, "(?m)^advice: .*(kept low|huge pages|there are 0.00 GB)"));
        Assert.EndsWith("the model does not run here", text.TrimEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0::/box/inner", "sys/fs/cgroup/box/memory.max", 536_870_912)]
    [InlineData("0::/box/inner", "sys/fs/cgroup/box/inner/memory.max", 536_870_912)]
    [InlineData("4:cpu:/\n3:memory:/box", "sys/fs/cgroup/memory/box/memory.limit_in_bytes", 536_870_912)]
    [InlineData("3:memory:/box", "sys/fs/cgroup/memory/memory.limit_in_bytes", 536_870_912)]
    [InlineData("0::/../box", "sys/fs/cgroup/memory.max", null)]
    [InlineData("0::/box", "sys/fs/cgroup/other/memory.max", null)]
    public void The_tightest_limit_of_memory_counts(string groups, string file, int? limit)
    {
        Write("proc/self/cgroup", groups + "\n");
        Write("sys/fs/cgroup/box/cpu.max", "max 100000\n");
        Write(file, "536870912\n");
        Assert.Equal(limit, new Machine(_folder.FullName).MemoryLimit);
        Write(file, "max\n");
        Assert.Null(new Machine(_folder.FullName).MemoryLimit);
        Write(file, "9223372036854771712\n");
        Assert.Null(new Machine(_folder.FullName).MemoryLimit);
    }

    [Fact]
    public void A_file_lies_on_the_innermost_mount()
    {
        Write("proc/self/mountinfo",
            "26 1 254:0 / / rw,relatime - ext4 /dev/root rw\n30 26 8:1 / /media/my\\040card rw shared:1 - vfat /dev/sda1 rw\nnonsense\n");
        Machine machine = new(_folder.FullName);
        Assert.Equal("vfat on /dev/sda1", machine.FileSystem("/media/my card/model.gguf"));
        Assert.Equal("ext4 on /dev/root", machine.FileSystem("/media/my cards/model.gguf"));
    }

    private void Write(string name, string text)
    {
        string path = Path.Combine(_folder.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
