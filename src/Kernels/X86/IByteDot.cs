using System.Runtime.Intrinsics;

namespace MeKi.Kernels.X86;

/// <summary>Dot products of four bytes in each 32-bit lane; the members mean what those of <see cref="Vectors.IPanelVector{TSelf}"/> do.</summary>
internal interface IByteDot
{
    static abstract bool IsSupported { get; }

    static abstract int SignedOffsetShift { get; }

    static abstract int DotsPerSum(int codeBits);

    static abstract Vector256<int> Add(Vector256<int> partial, Vector256<byte> codes, Vector256<sbyte> x);

    static abstract Vector256<int> AddPartial(Vector256<int> a, Vector256<int> b);

    static abstract Vector256<int> Widen(Vector256<int> partial);

    static abstract Vector256<byte> Magnitudes(Vector256<byte> codes);

    static abstract Vector256<int> AddSigned(Vector256<int> sums, Vector256<byte> codes, Vector256<byte> magnitudes, Vector256<sbyte> x);
}
