using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// The codes of the formats whose scale follows from the extremes of a block of 32 values alone. Four- and five-bit rounding adds one half and cuts off, as
/// ggml's reference does; codes are computed from the scale before it is rounded to half precision.
/// </summary>
internal static class LinearCodes
{
    /// <summary>
    /// Codes around zero: <c>value ≈ scale · (code − middle)</c>. The value of largest magnitude, the first of them if there are several, gets code 0,
    /// so the scale has the opposite of its sign: the side that has one code more is the side of the extreme.
    /// </summary>
    /// <param name="values">32 values.</param>
    /// <param name="middle">The code of zero, half the number of codes.</param>
    /// <param name="codes">Receives 32 codes.</param>
    /// <returns>The scale.</returns>
    public static float AroundZero(ReadOnlySpan<float> values, int middle, Span<byte> codes)
    {
        float scale = BlockExtremes.Extreme(values) / -middle;
        Vector128<float> inverse = Vector128.Create(Inverse(scale)), half = Vector128.Create(middle + 0.5f);
        for (int i = 0; i < 32; i += 16)
        {
            ReadOnlySpan<float> x = values.Slice(i, 16);
            Store(Vector128.Create(x) * inverse + half, Vector128.Create(x[4..]) * inverse + half,
                Vector128.Create(x[8..]) * inverse + half, Vector128.Create(x[12..]) * inverse + half, 0, 2 * middle - 1, codes.Slice(i, 16));
        }
        return scale;
    }

    /// <summary>Codes from the minimum up: <c>value ≈ scale · code + minimum</c>.</summary>
    /// <param name="values">32 values.</param>
    /// <param name="maxCode">The code of the maximum.</param>
    /// <param name="codes">Receives 32 codes.</param>
    /// <param name="minimum">The minimum.</param>
    /// <returns>The scale.</returns>
    public static float FromMinimum(ReadOnlySpan<float> values, int maxCode, Span<byte> codes, out float minimum)
    {
        (minimum, float high) = BlockExtremes.Range(values);
        float scale = (high - minimum) / maxCode;
        Vector128<float> inverse = Vector128.Create(Inverse(scale)), low = Vector128.Create(minimum), half = Vector128.Create(0.5f);
        for (int i = 0; i < 32; i += 16)
        {
            ReadOnlySpan<float> x = values.Slice(i, 16);
            Store((Vector128.Create(x) - low) * inverse + half, (Vector128.Create(x[4..]) - low) * inverse + half,
                (Vector128.Create(x[8..]) - low) * inverse + half, (Vector128.Create(x[12..]) - low) * inverse + half, 0, maxCode, codes.Slice(i, 16));
        }
        return scale;
    }

    /// <summary>
    /// Signed codes that put the largest magnitude on ±<paramref name="maxCode"/>: <c>value ≈ scale · code</c>, rounded to nearest, ties away from zero.
    /// </summary>
    /// <param name="values">32 values.</param>
    /// <param name="maxCode">The largest code.</param>
    /// <param name="codes">Receives 32 codes, each the bits of a signed byte.</param>
    /// <returns>The scale.</returns>
    public static float Signed(ReadOnlySpan<float> values, int maxCode, Span<byte> codes)
    {
        float scale = BlockExtremes.Magnitude(values) / maxCode;
        Vector128<float> inverse = Vector128.Create(Inverse(scale));
        for (int i = 0; i < 32; i += 16)
        {
            ReadOnlySpan<float> x = values.Slice(i, 16);
            Store(AwayFromZero(Vector128.Create(x) * inverse), AwayFromZero(Vector128.Create(x[4..]) * inverse),
                AwayFromZero(Vector128.Create(x[8..]) * inverse), AwayFromZero(Vector128.Create(x[12..]) * inverse), -maxCode, maxCode, codes.Slice(i, 16));
        }
        return scale;
    }

    private static float Inverse(float scale) => scale != 0 ? 1 / scale : 0;

    // x plus half would round 0.49999997 up; what truncation leaves is exact.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> AwayFromZero(Vector128<float> x)
    {
        Vector128<float> whole = Vector128.Truncate(x);
        Vector128<float> isHalf = Vector128.GreaterThanOrEqual(Vector128.Abs(x - whole), Vector128.Create(0.5f));
        return whole + (isHalf & Vector128.CopySign(Vector128<float>.One, x));
    }

    // The conversion cuts off, saturates, and turns NaN (0 times the infinite inverse of a subnormal scale) into 0 on every machine.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d, int min, int max, Span<byte> codes)
    {
        Vector128<int> low = Vector128.Create(min), high = Vector128.Create(max);
        Vector128<short> ab = Vector128.Narrow(Limit(a, low, high), Limit(b, low, high)), cd = Vector128.Narrow(Limit(c, low, high), Limit(d, low, high));
        Vector128.Narrow(ab, cd).AsByte().CopyTo(codes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Limit(Vector128<float> exact, Vector128<int> low, Vector128<int> high) =>
        Vector128.Min(Vector128.Max(Vector128.ConvertToInt32(exact), low), high);
}
