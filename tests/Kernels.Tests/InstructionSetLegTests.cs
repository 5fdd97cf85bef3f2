using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using MeKi.Kernels.Operations;

namespace MeKi.Kernels.Tests;

/// <summary>
/// The test suite runs in legs, each with instruction sets switched off that the machine has. A switch whose name the runtime does not know does nothing,
/// silently (on .NET 10
/// <c>EnableAVX512F</c>, <c>EnableFMA</c> and others), so each leg asserts that it is the one it claims to be: what it switches off is off, and all else the
/// machine has is on.
/// </summary>
public class InstructionSetLegTests
{
    /// <summary>Names the leg a process is run as.</summary>
    public const string Variable = "MEKI_TEST_LEG";

    private static readonly string[] Vectors = ["Vector128", "Vector256"];

    // Each leg's switches stand in .ci/run. EnableAVX2 takes FMA with it, and what builds on AVX2.
    private static readonly Dictionary<string, (string[] Needs, string[] Off)> Legs = new()
    {
        ["default"] = ([], []),
        ["vnni"] = (["AvxVnni"], ["Avx512F"]),
        ["avx2"] = (["Avx2"], ["Avx512F", "AvxVnni"]),
        ["vector128"] = (["Avx2"], ["Avx512F", "AvxVnni", "Avx2", "Fma", "Vector256"]),
        ["scalar"] = ([], ["Avx512F", "AvxVnni", "Avx2", "Fma", "AdvSimd", "Dp", .. Vectors]),
    };

    private static readonly (string Name, string[] Flags, bool Supported)[] Sets =
    [
        // A set is there when the processor has all its flags, as Linux names them. The runtime knows AVX-512 only as a whole.
        ("Avx2", ["avx2"], Avx2.IsSupported),
        ("Fma", ["fma"], Fma.IsSupported),
        ("AvxVnni", ["avx_vnni"], AvxVnni.IsSupported),
        ("Avx512F", ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"], Avx512F.IsSupported),
        ("AdvSimd", ["asimd"], AdvSimd.IsSupported),
        ("Dp", ["asimddp"], Dp.IsSupported),
        ("Vector256", ["avx2"], Vector256.IsHardwareAccelerated),
        ("Vector128", [], Vector128.IsHardwareAccelerated),
    ];

    [LegFact]
    public void The_instruction_sets_are_those_of_the_leg()
    {
        string leg = Environment.GetEnvironmentVariable(Variable)!;
        foreach ((string name, string[] flags, bool supported) in Sets)
        {
            bool expected = flags.All(LegFactAttribute.MachineFlags.Contains) && !Legs[leg].Off.Contains(name);
            Assert.True(expected == supported, $"leg {leg}: {name} is {(supported ? "on" : "off")} and should be {(expected ? "on" : "off")}");
        }
    }

    [LegFact]
    public void The_kernels_are_those_of_the_leg()
    {
        Assert.Equal(AvxVnni.IsSupported, KernelSelection.Names.Contains("AvxVnni"));
        Assert.Equal(AvxVnni.IsSupported && Avx512BW.IsSupported && Vector512.IsHardwareAccelerated, KernelSelection.Names.Contains("AvxVnniAvx512"));
        Assert.Equal(Avx2.IsSupported && Fma.IsSupported, KernelSelection.Names.Contains("Avx2"));
        if (!Vector128.IsHardwareAccelerated)
            Assert.Equal("Scalar", KernelSelection.Names[0]);
    }

    [LegFact]
    [Trait("Fault", "18.8")]
    public void A_leg_without_the_machines_best_kernels_is_warned_about()
    {
        bool lessens = LegFactAttribute.MachineFlags.Contains("avx2") && !Avx2.IsSupported || LegFactAttribute.MachineFlags.Contains("avx_vnni")
            && !AvxVnni.IsSupported;
        Assert.Equal(lessens && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(KernelSelection.Variable)), KernelSelection.Warning is not null);
    }

    /// <summary>
    /// A fact about the leg this process is run as; reported as skipped where it is run as none, or as one that takes more than the machine has.
    /// </summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class LegFactAttribute : FactAttribute
    {
        public static readonly HashSet<string> MachineFlags = ReadFlags();

        public LegFactAttribute()
        {
            string? leg = Environment.GetEnvironmentVariable(Variable);
            if (string.IsNullOrEmpty(leg))
                Skip = $"{Variable} is not set: this process is no leg";
            else if (!OperatingSystem.IsLinux())
                Skip = "what the machine has is read from /proc/cpuinfo, which only Linux has";
            else if (Legs.TryGetValue(leg, out (string[] Needs, string[] Off) known)
                && known.Needs.FirstOrDefault(need => !Sets.Single(set => set.Name == need).Flags.All(MachineFlags.Contains)) is { } missing)
                Skip = $"leg {leg} needs {missing}, which this {RuntimeInformation.ProcessArchitecture} machine has not";
        }

        // "flags" on x86, "Features" on ARM64, once for each core; cores of one machine have the same.
        private static HashSet<string> ReadFlags() => OperatingSystem.IsLinux()
            ? [.. File.ReadLines("/proc/cpuinfo")
                .FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal) || line.StartsWith("Features", StringComparison.Ordinal))?.Split(' ')
                ?? []]
            : [];
    }
}
