namespace MeKi.Kernels.KeyValues;

/// <summary>
/// exp(x) for x ≤ 0 in float32: <c>2^n · e^r</c>, n = x / ln 2 rounded to nearest, r = x − n · ln 2 in two steps (Cody and Waite, 1980), e^r by the polynomial of Cephes' expf
/// (Moshier), of degree 7. Relative error below 1.2e-7, two units in the last place; below −87.6 exactly zero, where the truth is less than 2^−126.
/// </summary>
internal static class ExpPolynomial
{
    /// <summary>Where n is −127 and the power of two becomes zero.</summary>
    public const float Least = -88;

    /// <summary>1 / ln 2.</summary>
    public const float Log2E = 1.44269504f;

    /// <summary>1.5 · 2^23: adding it leaves n, rounded, in the lower bits.</summary>
    public const float Round = 12582912;

    /// <summary>ln 2's upper bits.</summary>
    public const float Ln2High = 0.693359375f;

    /// <summary>And the rest of it.</summary>
    public const float Ln2Low = -2.12194440e-4f;

    /// <summary>The bits of 1, to which n is added in the exponent.</summary>
    public const int One = 127 << 23;

    /// <summary>The polynomial's coefficients from r^7's down to r^2's.</summary>
    public const float C7 = 1.9875691500e-4f, C6 = 1.3981999507e-3f, C5 = 8.3334519073e-3f, C4 = 4.1665795894e-2f, C3 = 1.6666665459e-1f, C2 = 5.0000001201e-1f;

    /// <summary>The same for one number.</summary>
    public static float Scalar(float x)
    {
        x = x < Least ? Least : x;
        float rounded = MathF.FusedMultiplyAdd(x, Log2E, Round), n = rounded - Round;
        float r = MathF.FusedMultiplyAdd(-n, Ln2Low, MathF.FusedMultiplyAdd(-n, Ln2High, x));
        float p = MathF.FusedMultiplyAdd(C7, r, C6);
        p = MathF.FusedMultiplyAdd(p, r, C5);
        p = MathF.FusedMultiplyAdd(p, r, C4);
        p = MathF.FusedMultiplyAdd(p, r, C3);
        p = MathF.FusedMultiplyAdd(p, r, C2);
        p = MathF.FusedMultiplyAdd(p, r * r, r) + 1;
        return p * BitConverter.Int32BitsToSingle(unchecked((BitConverter.SingleToInt32Bits(rounded) << 23) + One));
    }
}
