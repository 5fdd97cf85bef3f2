using System.Numerics;

namespace MeKi.Kernels.Tests.Arm;

/// <summary>
/// The notation of the architecture manual's pseudo-code (DDI 0487, "Shared pseudocode"): elements of a register as integers without bounds, cut to their width
/// when they are written. Floats are calculated as fractions of integers and rounded at the end.
/// </summary>
internal static class PseudoCode
{
    // Every finite float32 is a multiple of 2^-149; a product of two of 2^-298.
    private const int SmallestExponent = -149;

    /// <summary>SInt(Elem[register, e, width]).</summary>
    public static BigInteger SInt(byte[] register, int e, int width) => new(register.AsSpan(e * width / 8, width / 8));

    /// <summary>UInt(Elem[register, e, width]).</summary>
    public static BigInteger UInt(byte[] register, int e, int width) => new(register.AsSpan(e * width / 8, width / 8), isUnsigned: true);

    /// <summary>Elem[register, e, width] = value&lt;width−1:0&gt;.</summary>
    public static void SetElem(byte[] register, int e, int width, BigInteger value)
    {
        for (int i = 0; i < width / 8; i++)
            register[e * width / 8 + i] = (byte)((value >> (8 * i)) & 0xFF);
    }

    /// <summary>
    /// FPMulAdd(addend, left, right) of finite numbers, rounding to nearest with ties to even; a result of zero is positive unless both terms are negative
    /// zeros.
    /// </summary>
    public static float FPMulAdd(float addend, float left, float right)
    {
        BigInteger sum = Multiples(left) * Multiples(right) + (Multiples(addend) << -SmallestExponent);
        if (!sum.IsZero)
            return Round(sum, 2 * SmallestExponent);
        return float.IsNegative(addend) && float.IsNegative(left) != float.IsNegative(right) && addend == 0 ? -0f : 0f;
    }

    // How many 2^-149 a finite float is.
    private static BigInteger Multiples(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value), exponent = (bits >> 23) & 0xFF, mantissa = bits & 0x7FFFFF;
        BigInteger magnitude = exponent == 0 ? mantissa : (BigInteger)(mantissa | 0x800000) << (exponent - 1);
        return bits < 0 ? -magnitude : magnitude;
    }

    // The float nearest to value · 2^exponent.
    private static float Round(BigInteger value, int exponent)
    {
        BigInteger magnitude = BigInteger.Abs(value);
        // 24 bits, or fewer where the last would lie below 2^-149.
        int drop = Math.Max((int)magnitude.GetBitLength() - 24, SmallestExponent - exponent);
        BigInteger kept = magnitude >> drop, rest = magnitude - (kept << drop), half = BigInteger.One << (drop - 1);
        if (rest > half || (rest == half && !kept.IsEven))
            kept += 1;
        double rounded = (double)kept * Math.Pow(2, exponent + drop);
        float result = rounded > float.MaxValue ? float.PositiveInfinity : (float)rounded;
        return value.Sign < 0 ? -result : result;
    }
}
