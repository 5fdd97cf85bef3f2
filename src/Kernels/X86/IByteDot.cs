using System.Runtime.Intrinsics;

namespace MeKi.Kernels.X86;

/// <summary>Dot products of four bytes in each 32-bit lane; the members mean what those of <see cref="Vectors.IPanelVector{TSelf}"/> do.</summary>
internal unsafe interface IByteDot
{
    static abstract bool IsSupported { get; }

    static abstract int SignedOffsetShift { get; }

    static abstract int DotsPerSum(int codeBits);

    static abstract int UpperNibbleShift { get; }

    static abstract Vector256<byte> UpperNibbles(Vector256<byte> bytes);

    /// <summary>Both 16-bit numbers of every lane, as a partial sum.</summary>
    static abstract Vector256<int> Start(Vector256<int> packed);

    static abstract Vector256<int> Add(Vector256<int> partial, Vector256<byte> codes, Vector256<sbyte> x);

    static abstract Vector256<int> AddPartial(Vector256<int> a, Vector256<int> b);

    static abstract Vector256<int> Widen(Vector256<int> partial);

    /// <summary>Sub-scales in the form that <see cref="Scale"/> takes.</summary>
    static abstract Vector256<int> SubScales(Vector256<int> scales);

    /// <summary>Partial sums times sub-scales, as 32-bit integers.</summary>
    static abstract Vector256<int> Scale(Vector256<int> partial, Vector256<int> subScales);

    static abstract Vector256<byte> Magnitudes(Vector256<byte> codes);

    static abstract Vector256<int> AddSigned(Vector256<int> sums, Vector256<byte> codes, Vector256<byte> magnitudes, Vector256<sbyte> x);

    static abstract bool TakesSignMagnitudes { get; }

    static virtual Vector256<int> AddSignMagnitude(Vector256<int> sums, sbyte* codes, Vector256<byte> magnitudes, Vector256<sbyte> signs) =>
        throw new NotSupportedException();
}
