using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Eight sub-blocks side by side: lane j of vector i is value i of sub-block j. The scale searches sum in this layout, so that eight of them run at once
/// and each still adds its terms one after the other, in the order of the scalar reference: the same rounding, the same bytes.
/// </summary>
internal static class SubBlockLanes
{
    /// <summary>Sub-blocks side by side.</summary>
    public const int Count = 8;

    /// <summary>Lays eight sub-blocks side by side.</summary>
    /// <param name="values">The sub-blocks one after the other, as many values in each as there are vectors.</param>
    /// <param name="lanes">Receives the vectors.</param>
    public static void Load(ReadOnlySpan<float> values, Span<Vector256<float>> lanes)
    {
        int n = lanes.Length;
        values = values[..(Count * n)];
        for (int i = 0; i < n; i++)
        {
            lanes[i] = Vector256.Create(values[i], values[n + i], values[2 * n + i], values[3 * n + i],
                values[4 * n + i], values[5 * n + i], values[6 * n + i], values[7 * n + i]);
        }
    }

    /// <summary>Stores vector i of codes: lane j becomes code i of sub-block j.</summary>
    public static void StoreCodes(Vector256<int> lanes, int i, int subBlockSize, Span<byte> codes)
    {
        for (int j = 0; j < Count; j++)
            codes[j * subBlockSize + i] = (byte)lanes[j];
    }
}
