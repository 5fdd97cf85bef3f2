using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// The extremes of a block of 32 values, four lanes at a time. A NaN compares as nothing and is passed over; of several equal values the first counts,
/// the sign of a zero included, so that the result is the one of a loop over the values.
/// </summary>
internal static class BlockExtremes
{
    /// <summary>The largest magnitude, at least 0.</summary>
    /// <param name="values">32 values.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Magnitude(ReadOnlySpan<float> values)
    {
        Vector128<float> largest = Vector128<float>.Zero;
        for (int i = 0; i < 32; i += 4)
        {
            Vector128<float> x = Vector128.Abs(Vector128.Create(values.Slice(i, 4)));
            largest = Vector128.ConditionalSelect(Vector128.GreaterThan(x, largest), x, largest);
        }
        return Math.Max(Math.Max(largest[0], largest[1]), Math.Max(largest[2], largest[3]));
    }

    /// <summary>The value of largest magnitude; 0 if there is none but zeros.</summary>
    /// <param name="values">32 values.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Extreme(ReadOnlySpan<float> values)
    {
        float magnitude = Magnitude(values);
        if (magnitude == 0)
            return 0;
        int i = 0;
        while (Math.Abs(values[i]) != magnitude)
            i++;
        return values[i];
    }

    /// <summary>The least and the greatest value.</summary>
    /// <param name="values">32 values.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float Low, float High) Range(ReadOnlySpan<float> values)
    {
        Vector128<float> lows = Vector128.Create(float.MaxValue), highs = Vector128.Create(float.MinValue);
        for (int i = 0; i < 32; i += 4)
        {
            Vector128<float> x = Vector128.Create(values.Slice(i, 4));
            lows = Vector128.ConditionalSelect(Vector128.LessThan(x, lows), x, lows);
            highs = Vector128.ConditionalSelect(Vector128.GreaterThan(x, highs), x, highs);
        }
        float low = Math.Min(Math.Min(lows[0], lows[1]), Math.Min(lows[2], lows[3]));
        float high = Math.Max(Math.Max(highs[0], highs[1]), Math.Max(highs[2], highs[3]));
        // Both zeros compare as equal: take the one that stands first.
        if (low == 0)
            low = values[values.IndexOf(0f)];
        if (high == 0)
            high = values[values.IndexOf(0f)];
        return (low, high);
    }
}
