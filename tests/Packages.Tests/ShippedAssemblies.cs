using System.Reflection;

namespace MeKi.Packages.Tests;

/// <summary>The assemblies that the packages hold.</summary>
internal static class ShippedAssemblies
{
    /// <summary>Those of the libraries.</summary>
    public static IReadOnlyList<Assembly> Libraries { get; } =
        [.. new[] { "Quant", "Kernels", "Store", "Model", "Extensions.AI", "Server" }.Select(name => Assembly.Load($"MeKi.{name}"))];

    /// <summary>The files of all, the tool's included.</summary>
    public static IEnumerable<string> Files => Libraries.Select(each => each.Location).Append(Path.Combine(AppContext.BaseDirectory, "meki.dll"));
}
