using MeKi.Kernels.Panels;

namespace MeKi.Kernels;

/// <summary>Which instruction set's kernels compute matrix products in this process.</summary>
public static class KernelSelection
{
    /// <summary>The environment variable that names the set to use instead of the fastest.</summary>
    public const string Variable = "MEKI_KERNELS";

    /// <summary>The set in use.</summary>
    /// <exception cref="KernelSelectionException"><see cref="Variable"/> names a set that this process cannot execute.</exception>
    public static string Name => PanelKernels.Selected.Name;

    /// <summary>Every set this process can execute, the fastest first.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. PanelKernels.Available.Select(kernels => kernels.Name)];
}

/// <summary><see cref="KernelSelection.Variable"/> names kernels that this process cannot execute.</summary>
/// <param name="name">The name.</param>
public sealed class KernelSelectionException(string name)
    : InvalidOperationException($"{KernelSelection.Variable}={name}: there are no such kernels for this machine; it has {string.Join(", ", KernelSelection.Names)}.");
