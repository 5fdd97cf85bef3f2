using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Rows;

/// <summary>
/// The gate's activations, in vectors and one value at a time, with the same bits: <c>sigmoid(x) = 1 / (1 + exp(−x))</c> and <c>SiLU(x) = x · sigmoid(x)</c>.
/// </summary>
/// <remarks>
/// exp(z) = 2^n · exp(r), n = round(z / ln 2), |r| ≤ ln 2 / 2; exp(r) is the polynomial of degree 7 of Cephes' <c>expf</c> (S. Moshier, netlib.org/cephes, single/expf.c, stated
/// peak error 1.7e-7), evaluated by fused multiply-adds. ln 2 is subtracted in two parts of which the first has nine bits, so that its product with n is exact. 1 + exp and the
/// quotient round once each: sigmoid is within 2.5e-7 of its value, relative, where |x| ≤ 86 (a test walks through it). Beyond, x counts as ±86: sigmoid is then off by less than
/// 5e-38, and SiLU(−∞) is 0 as in the limit.
/// </remarks>
internal static class Logistic
{
    /// <summary>exp(±86) and its reciprocal are normal numbers, with room for the rounding of n.</summary>
    private const float Limit = 86;

    // Adding 1.5 · 2^23 leaves the integer nearest to what was there in the lower bits.
    private const float Magic = 12582912;
    private const float Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;
    private const float C0 = 1.9875691500e-4f, C1 = 1.3981999507e-3f, C2 = 8.3334519073e-3f, C3 = 4.1665795894e-2f, C4 = 1.6666665459e-1f, C5 = 5.0000001201e-1f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid<TVector>(TVector x)
        where TVector : struct, IPanelVector<TVector>
        => OfLimited(Limited(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Silu<TVector>(TVector x)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector limited = Limited(x);
        return TVector.Multiply(limited, OfLimited(limited));
    }

    public static float Sigmoid(float x) => OfLimited(MathF.Max(x, -Limit));

    public static float Silu(float x)
    {
        float limited = MathF.Max(x, -Limit);
        return limited * OfLimited(limited);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Limited<TVector>(TVector x)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Max(x, TVector.Constant(-Limit));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector OfLimited<TVector>(TVector x)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector one = TVector.Constant(1);
        TVector z = TVector.Max(TVector.Multiply(x, TVector.Constant(-1)), TVector.Constant(-Limit));
        TVector shifted = TVector.MultiplyAdd(z, TVector.Constant(Log2E), TVector.Constant(Magic)), n = TVector.AddFloats(shifted, TVector.Constant(-Magic));
        TVector r = TVector.NegatedMultiplyAdd(n, TVector.Constant(Ln2Low), TVector.NegatedMultiplyAdd(n, TVector.Constant(Ln2High), z));
        TVector p = TVector.MultiplyAdd(TVector.Constant(C0), r, TVector.Constant(C1));
        p = TVector.MultiplyAdd(p, r, TVector.Constant(C2));
        p = TVector.MultiplyAdd(p, r, TVector.Constant(C3));
        p = TVector.MultiplyAdd(p, r, TVector.Constant(C4));
        p = TVector.MultiplyAdd(p, r, TVector.Constant(C5));
        p = TVector.AddFloats(TVector.MultiplyAdd(p, TVector.Multiply(r, r), r), one);
        TVector exp = TVector.AddIntegers(p, TVector.ShiftLanesLeft(shifted, 23));
        return TVector.Divide(one, TVector.AddFloats(one, exp));
    }

    private static float OfLimited(float x)
    {
        float z = MathF.Max(-x, -Limit);
        float shifted = MathF.FusedMultiplyAdd(z, Log2E, Magic), n = shifted - Magic;
        float r = MathF.FusedMultiplyAdd(-n, Ln2Low, MathF.FusedMultiplyAdd(-n, Ln2High, z));
        float p = MathF.FusedMultiplyAdd(C0, r, C1);
        p = MathF.FusedMultiplyAdd(p, r, C2);
        p = MathF.FusedMultiplyAdd(p, r, C3);
        p = MathF.FusedMultiplyAdd(p, r, C4);
        p = MathF.FusedMultiplyAdd(p, r, C5);
        p = MathF.FusedMultiplyAdd(p, r * r, r) + 1;
        float exp = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(p) + (BitConverter.SingleToInt32Bits(shifted) << 23));
        return 1 / (1 + exp);
    }
}
