using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Fusing;

/// <summary>
/// The gate's activations, in vectors and one value at a time, with the same bits: <c>sigmoid(x) = 1 / (1 + exp(−x))</c>, <c>SiLU(x) = x · sigmoid(x)</c> and
/// <c>GELU(x) = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) = x · sigmoid(2 √(2/π) (x + 0.044715 x³))</c>. GELU is that of GGUF's other engines: between −10 and
/// 10, x and GELU(x) are rounded to half precision, as ggml's table has them, so that models choose the same tokens here and there.
/// </summary>
/// <remarks>
/// exp is <see cref="ExpPolynomial"/>'s; 1 + exp and the quotient round once each: sigmoid is within 2.5e-7 of its value, relative, where |x| ≤ 86 (a test
/// walks through it). Beyond, x counts as ±86: sigmoid is then off by less than 5e-38, and SiLU below −86 is −3.9e-36, that of −∞ too.
/// </remarks>
internal static class Logistic
{
    /// <summary>exp(±86) and its reciprocal are normal numbers, with room for the rounding of n.</summary>
    private const float Limit = 86;

    /// <summary>Beyond, GELU(x) is 0 or x.</summary>
    private const float GeluLimit = 10;

    /// <summary>From 0.5 to 1, floats lie as far apart as the smallest half-precision numbers: adding and subtracting it rounds small ones to these.</summary>
    private const float HalfSteps = 0.75f;

    /// <summary>2^13 + 1: leaves the 11 leading bits of 24 (Veltkamp's splitting).</summary>
    private const float HalfBits = 8193;

    // 2 √(2/π), and 0.044715 times that.
    private const float GeluLinear = 1.5957691216f, GeluCubic = 0.0713548163f;

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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Gelu<TVector>(TVector x)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector lowest = TVector.Constant(-GeluLimit), minus = TVector.Constant(-1);
        TVector above = TVector.MaxNative(TVector.Zero, TVector.AddFloats(x, lowest));
        TVector half = Half(TVector.Multiply(TVector.MaxNative(lowest, TVector.Multiply(TVector.MaxNative(lowest, x), minus)), minus));
        TVector slope = TVector.MultiplyAdd(TVector.Multiply(half, half), TVector.Constant(GeluCubic), TVector.Constant(GeluLinear));
        return TVector.AddFloats(Half(TVector.Multiply(half, OfLimited(Limited(TVector.Multiply(half, slope))))), above);
    }

    public static float Sigmoid(float x) => OfLimited(MathF.Max(x, -Limit));

    public static float Silu(float x)
    {
        float limited = MathF.Max(x, -Limit);
        return limited * OfLimited(limited);
    }

    public static float Gelu(float x)
    {
        float above = MathF.Max(0, x - GeluLimit), half = Half(-MathF.Max(-GeluLimit, -MathF.Max(-GeluLimit, x)));
        float slope = MathF.FusedMultiplyAdd(half * half, GeluCubic, GeluLinear);
        return Half(half * OfLimited(MathF.Max(half * slope, -Limit))) + above;
    }

    /// <summary>Rounds a number of at most <see cref="GeluLimit"/> to half precision.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Half<TVector>(TVector x)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector wide = TVector.Multiply(x, TVector.Constant(HalfBits));
        TVector leading = TVector.AddFloats(wide, TVector.AddFloats(x, TVector.Multiply(wide, TVector.Constant(-1))));
        return TVector.AddFloats(TVector.AddFloats(leading, TVector.Constant(HalfSteps)), TVector.Constant(-HalfSteps));
    }

    private static float Half(float x)
    {
        float wide = x * HalfBits, leading = wide + (x - wide);
        return (leading + HalfSteps) - HalfSteps;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Limited<TVector>(TVector x)
        where TVector : struct, IPanelVector<TVector>
        => TVector.MaxNative(TVector.Constant(-Limit), x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector OfLimited<TVector>(TVector x)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector one = TVector.Constant(1);
        TVector z = TVector.MaxNative(TVector.Constant(-Limit), TVector.Multiply(x, TVector.Constant(-1)));
        TVector exp = TVector.AddIntegers(ExpPolynomial.OfRest(z, out TVector exponent), exponent);
        return TVector.Divide(one, TVector.AddFloats(one, exp));
    }

    private static float OfLimited(float x)
    {
        float p = ExpPolynomial.OfRest(MathF.Max(-x, -Limit), out int exponent);
        float exp = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(p) + exponent);
        return 1 / (1 + exp);
    }
}
