using System.Globalization;

namespace MeKi.Server;

/// <summary>How many connections a server has at once. Each is an open file; without any left, a server could not even refuse.</summary>
internal static class ConnectionLimit
{
    // More than a test of ten thousand.
    private const int Most = 16_384;

    // The model's, the runtime's, and those of connections that are being refused.
    private const int OtherFiles = 256;

    /// <summary>The most connections of this process.</summary>
    public static int Find() => Of(OpenFiles());

    /// <summary>The most connections of a process that may open so many files; null for no limit.</summary>
    public static int Of(int? files) => files is { } most ? Math.Min(Math.Max(most - OtherFiles, most / 2), Most) : Most;

    // The runtime has raised the limit to the most that the system lets it have.
    private static int? OpenFiles()
    {
        const string Name = "Max open files";
        try
        {
            if (!OperatingSystem.IsLinux())
                return null;
            string? line = File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal));
            string? number = line?[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
            return int.TryParse(number, CultureInfo.InvariantCulture, out int files) ? files : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
