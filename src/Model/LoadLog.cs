using Microsoft.Extensions.Logging;

namespace MeKi.Model;

/// <summary>The log lines of a load.</summary>
internal static partial class LoadLog
{
    public static void Write(ILogger logger, LoadReport report)
    {
        Loaded(logger, report.Path, report.MappedBytes, report.PackedBytes, report.Threads, report.Kernels, report.LoadTime.TotalMilliseconds);
        if (report.Reencoded.Count > 0)
            Reencoded(logger, report.Path, report.Reencoded.Sum(each => each.Tensors), report.Reencoded.Sum(each => each.Bytes),
                string.Join(", ", report.Reencoded));
        foreach (string warning in report.Warnings)
            Warning(logger, report.Path, warning);
    }

    [LoggerMessage(1, LogLevel.Information,
        "Loaded {Path}: {MappedBytes} bytes of panels mapped, {PackedBytes} packed; {Threads} threads, kernels {Kernels}, {Milliseconds:f0} ms")]
    private static partial void Loaded(ILogger logger, string path, long mappedBytes, long packedBytes, int threads, string kernels, double milliseconds);

    [LoggerMessage(2, LogLevel.Information,
        "{Path}: {Tensors} tensors, {Bytes} bytes, were encoded anew, for their formats have no panels: {Formats}")]
    private static partial void Reencoded(ILogger logger, string path, int tensors, long bytes, string formats);

    [LoggerMessage(3, LogLevel.Warning, "{Path}: {Warning}")]
    private static partial void Warning(ILogger logger, string path, string warning);
}
