namespace MeKi.Fuzz.Readers;

/// <summary>Sound inputs that lie as files in <c>seeds</c>.</summary>
internal static class SeedFiles
{
    public static IEnumerable<byte[]> Of(string reader) =>
        Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "seeds", reader)).Order(StringComparer.Ordinal).Select(File.ReadAllBytes);
}
