using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace MeKi.Regress;

/// <summary>What kind of machine this is: ratios of kernels to yardsticks are comparable on machines with the same name.</summary>
internal static class Machine
{
    public static string Name { get; } = $"{Processor()}, {InstructionSets()}, {Environment.ProcessorCount} threads";

    private static string Processor()
    {
        if (!File.Exists("/proc/cpuinfo"))
            return RuntimeInformation.OSArchitecture.ToString();
        Dictionary<string, string> fields = [];
        foreach (string line in File.ReadLines("/proc/cpuinfo"))
        {
            if (line.Split(':', 2) is [string key, string value])
                fields.TryAdd(key.Trim(), value.Trim());
        }
        return fields.TryGetValue("model name", out string? model)
            ? $"{model} (family {fields.GetValueOrDefault("cpu family")}, model {fields.GetValueOrDefault("model")})"
            : $"ARM implementer {fields.GetValueOrDefault("CPU implementer")} part {fields.GetValueOrDefault("CPU part")}";
    }

    private static string InstructionSets() =>
        Dp.IsSupported ? "AdvSimd+Dp"
        : AdvSimd.IsSupported ? "AdvSimd"
        : Avx512BW.IsSupported ? "AVX-512"
        : AvxVnni.IsSupported ? "AVX-VNNI"
        : Avx2.IsSupported ? "AVX2"
        : $"{8 * Vector<byte>.Count}-bit vectors";
}
