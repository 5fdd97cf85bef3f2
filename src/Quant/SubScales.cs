namespace MeKi.Quant;

/// <summary>
/// The eight 6-bit scales and eight 6-bit minima of a <see cref="Q4_K"/> or <see cref="Q5_K"/> block in twelve bytes (ggml's <c>get_scale_min_k4</c>):
/// <code>
/// byte 0..3   byte j:     scale[j] in the low six bits, the upper two bits of scale[j + 4] above
/// byte 4..7   byte 4 + j: minimum[j] in the low six bits, the upper two bits of minimum[j + 4] above
/// byte 8..11  byte 8 + j: the lower four bits of scale[j + 4] in the low half, those of minimum[j + 4] in the high half
/// </code>
/// </summary>
internal static class SubScales
{
    /// <summary>Sub-blocks of a block.</summary>
    public const int Count = 8;

    /// <summary>Bytes the scales and minima take.</summary>
    public const int Bytes = 12;

    /// <summary>The largest scale and the largest minimum.</summary>
    public const int Max = 63;

    /// <summary>The scale of sub-block j.</summary>
    public static int Scale(ReadOnlySpan<byte> packed, int j) => j < 4 ? packed[j] & 63 : (packed[j + 4] & 0x0F) | (packed[j - 4] >> 6 << 4);

    /// <summary>The minimum of sub-block j.</summary>
    public static int Minimum(ReadOnlySpan<byte> packed, int j) => j < 4 ? packed[j + 4] & 63 : (packed[j + 4] >> 4) | (packed[j] >> 6 << 4);

    /// <summary>Packs eight scales and eight minima, none above <see cref="Max"/>.</summary>
    public static void Pack(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> minima, Span<byte> packed)
    {
        for (int j = 0; j < 4; j++)
        {
            packed[j] = (byte)(scales[j] | (scales[j + 4] >> 4 << 6));
            packed[j + 4] = (byte)(minima[j] | (minima[j + 4] >> 4 << 6));
            packed[j + 8] = (byte)((scales[j + 4] & 0x0F) | (minima[j + 4] << 4));
        }
    }
}
