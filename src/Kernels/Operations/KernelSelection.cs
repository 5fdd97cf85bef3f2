using System.Runtime.Intrinsics.X86;
using MeKi.Kernels.Processors;

namespace MeKi.Kernels.Operations;

/// <summary>Which instruction set's kernels compute matrix products in this process.</summary>
public static class KernelSelection
{
    /// <summary>The environment variable that names the set to use instead of the fastest.</summary>
    public const string Variable = "MEKI_KERNELS";

    /// <summary>The set in use.</summary>
    /// <exception cref="KernelSelectionException"><see cref="Variable"/> names a set that this process cannot execute.</exception>
    public static string Name => KernelSet.Selected.Name;

    /// <summary>Every set this process can execute, the fastest first.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. KernelSet.Available.Select(kernels => kernels.Name)];

    /// <summary>
    /// What the processor has and the kernels in use do not, and what to do about it; null where they use all there is, or where <see cref="Variable"/> chose
    /// them.
    /// </summary>
    public static string? Warning => string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)) ? WarningOf(BestOfProcessor(), Names) : null;

    /// <summary>The warning about these kernels on a processor whose best ones are others.</summary>
    internal static string? WarningOf(string? best, IReadOnlyList<string> names) => best is null || names.Contains(best) ? null
        : $"the processor has what the {best} kernels need, but this program was compiled or is run without it and computes with the {names[0]} "
            + $"kernels, {(names.Contains("Avx2") ? "somewhat" : "many times")} slower: with Native AOT set IlcInstructionSet (docs/embedding.md), "
            + "else look for DOTNET_Enable in the environment";

    // Not what the runtime says: a program that was compiled ahead for lesser processors is told by it what it was compiled for.
    private static string? BestOfProcessor()
    {
        if (!X86Base.IsSupported)
            return BestOfListed();
        const int Fma = 1 << 12, Avx = 1 << 28, Avx2 = 1 << 5, AvxVnni = 1 << 4;
        int features = X86Base.CpuId(1, 0).Ecx;
        (int lastLeaf, int extended, _, _) = X86Base.CpuId(7, 0);
        if ((features & Fma) == 0 || (features & Avx) == 0 || (extended & Avx2) == 0)
            return null;
        return lastLeaf >= 1 && (X86Base.CpuId(7, 1).Eax & AvxVnni) != 0 ? "AvxVnni" : "Avx2";
    }

    // Without CPUID, on ARM64 or with all intrinsics off, Linux tells.
    private static string? BestOfListed()
    {
        string[] flags = ProcFile.Lines("/proc/cpuinfo")
            .FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal) || line.StartsWith("Features", StringComparison.Ordinal))?.Split(' ')
                ?? [];
        return flags.Contains("asimddp") ? "NeonDot"
            : !flags.Contains("avx2") || !flags.Contains("fma") ? null
            : flags.Contains("avx_vnni") ? "AvxVnni" : "Avx2";
    }
}

/// <summary><see cref="KernelSelection.Variable"/> names kernels that this process cannot execute.</summary>
/// <param name="name">The name.</param>
public sealed class KernelSelectionException(string name)
    : InvalidOperationException(
        $"{KernelSelection.Variable}={name}: there are no such kernels for this machine; it has {string.Join(", ", KernelSelection.Names)}.");
