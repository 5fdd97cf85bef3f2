using System.Runtime.CompilerServices;

namespace MeKi.Tests;

/// <summary>The large reference material that lies beside a developer's checkout and not in the repository: <c>../shared</c>.</summary>
internal static class SharedMaterial
{
    public static string Repository { get; } = FindRepository();

    public static string Folder { get; } = System.IO.Path.Combine(Repository, "..", "shared");

    /// <summary>Full path of a file or folder of <c>../shared</c>.</summary>
    public static string Path(string relative) => System.IO.Path.GetFullPath(System.IO.Path.Combine(Folder, relative));

    public static bool Has(string relative) => File.Exists(Path(relative)) || Directory.Exists(Path(relative));

    private static string FindRepository([CallerFilePath] string thisFile = "")
    {
        // Deterministic builds map source paths, so fall back to walking up from the test binary.
        foreach (string start in new[] { System.IO.Path.GetDirectoryName(thisFile) ?? "", AppContext.BaseDirectory })
        {
            for (DirectoryInfo? folder = start.Length > 0 && Directory.Exists(start) ? new(start) : null; folder is not null; folder = folder.Parent)
            {
                if (File.Exists(System.IO.Path.Combine(folder.FullName, "MeKi.sln")))
                    return folder.FullName;
            }
        }
        throw new InvalidOperationException("MeKi.sln not found above the tests.");
    }
}

/// <summary>A fact that reads <c>../shared</c>; reported as skipped, with the reason, where that is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedFactAttribute : FactAttribute
{
    public SharedFactAttribute(string needs)
    {
        if (!SharedMaterial.Has(needs))
            Skip = $"needs ../shared/{needs}, which is not on this machine";
    }
}

/// <summary>A theory that reads <c>../shared</c>; reported as skipped, with the reason, where that is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute(string needs)
    {
        if (!SharedMaterial.Has(needs))
            Skip = $"needs ../shared/{needs}, which is not on this machine";
    }
}
