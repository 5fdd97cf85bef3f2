using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// The last step of the encoders of the 256-value formats: values become the nearest codes of a scale and offset that are already in their stored precision.
/// </summary>
internal static class RoundedCodes
{
    /// <summary>
    /// Writes <c>round((x + offset) / scale)</c>, ties to even, limited to [<paramref name="min"/>, <paramref name="max"/>] and counted from <paramref
    /// name="min"/>.
    /// </summary>
    /// <param name="values">A multiple of eight values.</param>
    /// <param name="scale">Not zero.</param>
    /// <param name="offset">Added before the division.</param>
    /// <param name="min">The value of code 0.</param>
    /// <param name="max">The value of the last code.</param>
    /// <param name="codes">Receives the codes.</param>
    public static void Write(ReadOnlySpan<float> values, float scale, float offset, int min, int max, Span<byte> codes)
    {
        for (int i = 0; i < values.Length; i += 8)
        {
            Vector256<float> exact = (Vector256.Create(values.Slice(i, 8)) + Vector256.Create(offset)) / Vector256.Create(scale);
            Vector256<int> code = Vector256.ConvertToInt32(Limit(Vector256.Round(exact), min, max)) - Vector256.Create(min);
            for (int lane = 0; lane < 8; lane++)
                codes[i + lane] = (byte)code[lane];
        }
    }

    /// <summary>
    /// Limits each lane to [<paramref name="min"/>, <paramref name="max"/>]; NaN becomes <paramref name="min"/> on every machine, which Min and Max do not
    /// promise.
    /// </summary>
    public static Vector256<float> Limit(Vector256<float> lanes, float min, float max)
    {
        Vector256<float> low = Vector256.Create(min), high = Vector256.Create(max);
        lanes = Vector256.ConditionalSelect(Vector256.GreaterThan(lanes, low), lanes, low);
        return Vector256.ConditionalSelect(Vector256.LessThan(lanes, high), lanes, high);
    }
}
