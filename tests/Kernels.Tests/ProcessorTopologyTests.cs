using MeKi.Kernels.Processors;

namespace MeKi.Kernels.Tests;

/// <summary>The default number of threads on machines made of text files.</summary>
public sealed class ProcessorTopologyTests : IDisposable
{
    private const string Version2Mount = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("meki-test-");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData("1024 1024 1024 1024", 4)]                          // Raspberry Pi 5
    [InlineData("530 530 530 530 1024 1024 1024 1024", 4)]          // RK3588, 4 × A55 and 4 × A76, before their clocks count
    [InlineData("414 414 414 414 1003 1003 1024 1024", 4)]          // and with them: its pairs of A76 are binned
    [InlineData("592 592 1024 1024 1024 1024", 4)]                  // A311D, 2 × A53 and 4 × A73
    [InlineData("280 280 280 280 870 870 870 1024", 4)]             // three classes
    [InlineData("400 400 400 400 400 400 1024 1024", 2)]
    public void The_large_classes_of_cores_count(string capacities, int expected)
    {
        string[] each = capacities.Split(' ');
        Allow($"0-{each.Length - 1}");
        for (int processor = 0; processor < each.Length; processor++)
            Processor(processor, $"{processor}", each[processor]);
        Assert.Equal(expected, PerformanceCores(each.Length));
    }

    [Fact]
    public void Cores_of_untold_capacity_are_equal()
    {
        Allow("0-3");
        for (int processor = 0; processor < 4; processor++)
            Processor(processor, $"{processor}", null);
        Assert.Equal(4, PerformanceCores(4));
    }

    [Theory]
    [InlineData("0-7", 4)]
    [InlineData("0,4", 1)]
    [InlineData("4-7", 4)]
    [InlineData("1-3,5", 3)]
    public void Two_threads_of_a_core_are_one(string allowed, int expected)
    {
        Allow(allowed);
        for (int processor = 0; processor < 8; processor++)
            Processor(processor, $"{processor % 4},{processor % 4 + 4}", null);
        Assert.Equal(expected, PerformanceCores(8));
    }

    [Fact]
    public void Hybrid_desktop_processors_count_their_large_cores_once()
    {
        Allow("0-7");
        for (int processor = 0; processor < 8; processor++)
            Processor(processor, processor < 4 ? $"{processor & ~1}-{processor | 1}" : $"{processor}", processor < 4 ? "1024" : "620");
        Assert.Equal(2, PerformanceCores(8));
    }

    [Theory]
    [InlineData("0,2-3", 3)]
    [InlineData("0-3,6", 1)]
    public void Only_processors_of_the_cpuset_count(string allowed, int expected)
    {
        Allow(allowed);
        for (int processor = 0; processor < 8; processor++)
            Processor(processor, $"{processor}", processor < 4 ? "530" : "1024");
        // A process confined to small cores has those.
        Assert.Equal(expected, PerformanceCores(8));
    }

    [Theory]
    [InlineData("150000 100000", 2)]
    [InlineData("100000 100000", 1)]
    [InlineData("1000 100000", 1)]
    [InlineData("900000 100000", 4)]
    [InlineData("max 100000", 4)]
    [InlineData("150000", 4)]
    [InlineData("-5 100000", 4)]
    [InlineData("150000 0", 4)]
    [InlineData("99999999999999999999 1", 4)]
    [InlineData("", 4)]
    public void A_quota_of_version_2_is_rounded_up(string maximum, int expected)
    {
        FourCores();
        Write("proc/self/mountinfo", Version2Mount);
        Write("proc/self/cgroup", "0::/\n");
        Write("sys/fs/cgroup/cpu.max", maximum + "\n");
        Assert.Equal(expected, PerformanceCores(4));
    }

    [Theory]
    [InlineData("max 100000", "200000 100000", "300000 100000", 2)]
    [InlineData("max 100000", "300000 100000", "100000 100000", 1)]
    [InlineData("200000 100000", "max 100000", "max 100000", 2)]
    public void The_tightest_quota_of_the_groups_above_rules(string top, string middle, string own, int expected)
    {
        FourCores();
        Write("proc/self/mountinfo", Version2Mount);
        Write("proc/self/cgroup", "0::/system.slice/meki.service\n");
        Write("sys/fs/cgroup/cpu.max", top);
        Write("sys/fs/cgroup/system.slice/cpu.max", middle);
        Write("sys/fs/cgroup/system.slice/meki.service/cpu.max", own);
        Write("sys/fs/cgroup/other.slice/cpu.max", "100000 100000");
        Assert.Equal(expected, PerformanceCores(4));
    }

    [Theory]
    [InlineData("250000", "100000", 3)]
    [InlineData("-1", "100000", 4)]
    [InlineData("garbage", "100000", 4)]
    public void A_quota_of_version_1_in_a_container_that_sees_its_hosts_names(string quota, string period, int expected)
    {
        FourCores();
        Write("proc/self/mountinfo",
            "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n32 31 0:29 /docker/c0ffee /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
            + "33 31 0:30 /docker/c0ffee /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n");
        Write("proc/self/cgroup", "5:cpuset:/docker/c0ffee\n4:cpu,cpuacct:/docker/c0ffee\n0::/elsewhere\n");
        Write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", quota);
        Write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", period);
        Assert.Equal(expected, PerformanceCores(4));
    }

    [Fact]
    public void Never_more_than_the_runtime_counts()
    {
        FourCores();
        Assert.Equal(3, PerformanceCores(3)); // DOTNET_PROCESSOR_COUNT=3
    }

    [Theory]
    [InlineData("")]
    [InlineData("Cpus_allowed_list:")]
    [InlineData("Cpus_allowed_list:\t0-")]
    [InlineData("Cpus_allowed_list:\t0-4294967295")]
    [InlineData("Cpus_allowed_list:\t0-2000000000")]
    [InlineData("Cpus_allowed_list:\t-3")]
    [InlineData("Cpus_allowed_list:\tall of them")]
    public void A_list_that_is_none_leaves_the_runtimes_count(string status)
    {
        FourCores();
        Write("proc/self/status", status);
        Assert.Equal(5, PerformanceCores(5));
    }

    [Fact]
    public void Garbage_and_missing_files_are_overlooked()
    {
        Assert.Equal(6, PerformanceCores(6));
        Allow("0-3");
        Assert.Equal(4, PerformanceCores(6)); // nothing is told of the processors: each a core, all equal
        for (int processor = 0; processor < 4; processor++)
            Processor(processor, "\0\u0001", "-7");
        Processor(3, "17", "999999999999999999999");
        Write("proc/self/mountinfo", " - \n - cgroup2\n1 2 3 / - cgroup2 x y\n1 2 3 / /../../nowhere rw - cgroup2 x y\nnone");
        Write("proc/self/cgroup", "::\n0\n0::/../../..\n\n");
        Assert.Equal(4, PerformanceCores(6));
        Directory.CreateDirectory(Path.Combine(_root.FullName, "sys/fs/cgroup/cpu.max"));
        Write("proc/self/mountinfo", Version2Mount);
        Assert.Equal(4, PerformanceCores(6));
    }

    [Fact]
    public void This_machine_has_from_one_to_all_of_its_processors() =>
        Assert.InRange(ProcessorTopology.PerformanceCores(), 1, Environment.ProcessorCount);

    private int PerformanceCores(int processors) => ProcessorTopology.PerformanceCores(_root.FullName, processors);

    private void FourCores()
    {
        Allow("0-3");
        for (int processor = 0; processor < 4; processor++)
            Processor(processor, $"{processor}", null);
    }

    private void Allow(string list) => Write("proc/self/status", $"Name:\tmeki\nCpus_allowed:\tff\nCpus_allowed_list:\t{list}\nMems_allowed_list:\t0\n");

    private void Processor(int processor, string siblings, string? capacity)
    {
        Write($"sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list", siblings + "\n");
        if (capacity is not null)
            Write($"sys/devices/system/cpu/cpu{processor}/cpu_capacity", capacity + "\n");
    }

    private void Write(string name, string text)
    {
        string path = Path.Combine(_root.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
