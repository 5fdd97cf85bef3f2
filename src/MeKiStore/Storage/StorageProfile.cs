namespace MeKi.Store.Storage;

/// <summary>
/// What a storage device does with a read: it takes a while to find the bytes, for several reads at a time, then sends them, one read after the other.
/// </summary>
/// <param name="Name">As <c>meki bench --storage</c> takes it.</param>
/// <param name="Latency">Time from the request to the first byte.</param>
/// <param name="BytesPerSecond">Rate of the bus.</param>
/// <param name="Depth">Reads that the device works on at a time.</param>
internal sealed record StorageProfile(string Name, TimeSpan Latency, double BytesPerSecond, int Depth)
{
    /// <summary>
    /// microSD, application class A1: at least 1,500 random reads of 4 KB a second (SD Association, Physical Layer Specification 5.1), one at a time since A1
    /// has no command queue, over the 50 MB/s bus of a Raspberry Pi 4 (DDR50). 1/1500 s less the transfer of 4 KB.
    /// </summary>
    public static readonly StorageProfile Sd = new("sd", TimeSpan.FromMicroseconds(585), 50e6, 1);

    /// <summary>
    /// eMMC 5.1: 11,000 random reads a second, 250 MB/s sequential (Samsung's announcement of its 5.1 line, February 2015), the former with two commands in the
    /// queue.
    /// </summary>
    public static readonly StorageProfile Emmc = new("emmc", TimeSpan.FromMicroseconds(165), 250e6, 2);

    /// <summary>
    /// UFS 4.0: 4,200 MB/s sequential (Samsung's announcement, May 2022); latency is that of a TLC page, some 60 µs, and of the way through controller and
    /// kernel, some 40.
    /// </summary>
    public static readonly StorageProfile Ufs = new("ufs", TimeSpan.FromMicroseconds(100), 4200e6, 8);

    /// <summary>
    /// NVMe on the one PCIe 2.0 lane of a Raspberry Pi 5 (450 MB/s): 15,000 random reads a second one at a time (Samsung 970 EVO data sheet, queue depth 1).
    /// </summary>
    public static readonly StorageProfile Nvme = new("nvme", TimeSpan.FromMicroseconds(58), 450e6, 8);

    /// <summary>All profiles.</summary>
    public static IReadOnlyList<StorageProfile> All { get; } = [Sd, Emmc, Ufs, Nvme];
}
