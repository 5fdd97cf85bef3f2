using System.Runtime.CompilerServices;

namespace MeKi.Kernels.Vectors;

/// <summary>
/// exp(z) = 2^n · exp(r) in vectors and one value at a time, with the same bits: n = round(z / ln 2), |r| ≤ ln 2 / 2; exp(r) is the polynomial of degree 7 of
/// Cephes' <c>expf</c> (S. Moshier, netlib.org/cephes, single/expf.c, stated peak error 1.7e-7), evaluated by fused multiply-adds. ln 2 is subtracted in two
/// parts of which the first has nine bits, so that its product with n is exact.
/// </summary>
internal static class ExpPolynomial
{
    // Where n is −127 and the bits of 2^n are zero.
    private const float Least = -88;

    // Adding 1.5 · 2^23 leaves the integer nearest to what was there in the lower bits.
    private const float Magic = 12582912;
    private const float Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;
    private const float C0 = 1.9875691500e-4f, C1 = 1.3981999507e-3f, C2 = 8.3334519073e-3f, C3 = 4.1665795894e-2f, C4 = 1.6666665459e-1f,
        C5 = 5.0000001201e-1f;

    /// <summary>exp(r); and n in the upper nine bits of each lane, the exponent's place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector OfRest<TVector>(TVector z, out TVector exponent)
        where TVector : struct, IFloatLanes<TVector>
    {
        TVector shifted = TVector.MultiplyAdd(z, TVector.Constant(Log2E), TVector.Constant(Magic)), n = TVector.AddFloats(shifted, TVector.Constant(-Magic));
        exponent = TVector.ShiftLanesLeft(shifted, 23);
        TVector r = TVector.NegatedMultiplyAdd(n, TVector.Constant(Ln2Low), TVector.NegatedMultiplyAdd(n, TVector.Constant(Ln2High), z));
        TVector p = TVector.MultiplyAdd(TVector.Constant(C0), r, TVector.Constant(C1));
        p = TVector.MultiplyAdd(p, r, TVector.Constant(C2));
        p = TVector.MultiplyAdd(p, r, TVector.Constant(C3));
        p = TVector.MultiplyAdd(p, r, TVector.Constant(C4));
        p = TVector.MultiplyAdd(p, r, TVector.Constant(C5));
        return TVector.AddFloats(TVector.MultiplyAdd(p, TVector.Multiply(r, r), r), TVector.Constant(1));
    }

    /// <inheritdoc cref="OfRest{TVector}"/>
    public static float OfRest(float z, out int exponent)
    {
        float shifted = MathF.FusedMultiplyAdd(z, Log2E, Magic), n = shifted - Magic;
        exponent = BitConverter.SingleToInt32Bits(shifted) << 23;
        float r = MathF.FusedMultiplyAdd(-n, Ln2Low, MathF.FusedMultiplyAdd(-n, Ln2High, z));
        float p = MathF.FusedMultiplyAdd(C0, r, C1);
        p = MathF.FusedMultiplyAdd(p, r, C2);
        p = MathF.FusedMultiplyAdd(p, r, C3);
        p = MathF.FusedMultiplyAdd(p, r, C4);
        p = MathF.FusedMultiplyAdd(p, r, C5);
        return MathF.FusedMultiplyAdd(p, r * r, r) + 1;
    }

    /// <summary>exp(z) for z ≤ 0, relatively within 1.2e-7; below −87.6 exactly zero, where the truth is less than 2^−126, and so for −∞.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector OfNegative<TVector>(TVector z)
        where TVector : struct, IFloatLanes<TVector>
    {
        TVector p = OfRest(TVector.MaxNative(TVector.Constant(Least), z), out TVector exponent);
        // The bits of 1 are the exponent of 2^0.
        return TVector.Multiply(p, TVector.AddIntegers(exponent, TVector.Constant(1)));
    }

    /// <inheritdoc cref="OfNegative{TVector}"/>
    public static float OfNegative(float z)
    {
        float p = OfRest(z < Least ? Least : z, out int exponent);
        return p * BitConverter.Int32BitsToSingle(exponent + BitConverter.SingleToInt32Bits(1));
    }
}
