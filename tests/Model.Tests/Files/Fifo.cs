using System.Diagnostics;

namespace MeKi.Model.Tests.Files;

/// <summary>Pipes that have a name, which nobody writes to.</summary>
internal static class Fifo
{
    /// <summary>Why there can be none on this machine; null where there can.</summary>
    public static string? Obstacle { get; } = FindObstacle();

    /// <summary>Makes a pipe in the place of what lies there and gives its path.</summary>
    public static string Create(string path)
    {
        File.Delete(path);
        using Process process = Process.Start(new ProcessStartInfo("mkfifo", [path]))!;
        process.WaitForExit();
        return process.ExitCode == 0 ? path : throw new InvalidOperationException("mkfifo failed");
    }

    private static string? FindObstacle()
    {
        if (OperatingSystem.IsWindows())
            return "needs a pipe with a name in a folder, which Windows has not";
        try
        {
            using TemporaryFolder folder = new();
            Create(folder["pipe"]);
            return null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "needs mkfifo, which this machine has not";
        }
    }
}

/// <summary>A theory about pipes; reported as skipped, with the reason, where there can be none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FifoTheoryAttribute : TheoryAttribute
{
    public FifoTheoryAttribute() => Skip = Fifo.Obstacle;
}
