using System.Runtime.Intrinsics.X86;

namespace MeKi.Kernels.Tests.Vectors;

/// <summary>A theory over instructions whose emulation takes AVX2; reported as skipped where this process has not got it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class Avx2TheoryAttribute : TheoryAttribute
{
    public Avx2TheoryAttribute()
    {
        if (!Avx2.IsSupported)
            Skip = "this process cannot execute AVX2";
    }
}
