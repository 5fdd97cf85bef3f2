using System.Diagnostics;

namespace MeKi.Model.Tests.BadInput;

/// <summary>A file system of 1 MB that a test can fill; Linux, and only where the user may mount one.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meki-disk-");

    public SmallDisk()
    {
        if (Run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", FullName))
            return;
        _folder.Delete();
        throw new InvalidOperationException("a file system cannot be mounted here");
    }

    /// <summary>Why there can be none on this machine; null where there can.</summary>
    public static string? Obstacle { get; } = FindObstacle();

    public string FullName => _folder.FullName;

    public void Dispose()
    {
        Run("umount", FullName);
        _folder.Delete();
    }

    private static string? FindObstacle()
    {
        if (!OperatingSystem.IsLinux())
            return "needs a tmpfs, which only Linux has";
        try
        {
            using SmallDisk disk = new();
            return null;
        }
        catch (InvalidOperationException)
        {
            return "needs a tmpfs, which this user may not mount";
        }
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}

/// <summary>What tests do to file systems.</summary>
internal static class FileSystems
{
    /// <summary>Writes a file that leaves its disk no room.</summary>
    public static void Fill(string path)
    {
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        for (int bytes = 1 << 16; bytes > 0;)
        {
            try
            {
                file.Write(new byte[bytes]);
            }
            catch (IOException)
            {
                bytes /= 2;
            }
        }
    }
}

/// <summary>A fact that fills a <see cref="SmallDisk"/>; reported as skipped, with the reason, where there can be none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute() => Skip = SmallDisk.Obstacle;
}

/// <summary>A theory that needs a device of Linux; reported as skipped, with the reason, elsewhere.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DeviceTheoryAttribute : TheoryAttribute
{
    public DeviceTheoryAttribute(string device)
    {
        if (!File.Exists(device))
            Skip = $"needs {device}, which this system has not";
    }
}
