namespace MeKi.Kernels.Processors;

/// <summary>Small text files in which Linux tells of itself.</summary>
internal static class ProcFile
{
    /// <summary>The lines; none where the file is missing or may not be read: it only ever informs a default.</summary>
    public static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return [];
        }
    }
}
