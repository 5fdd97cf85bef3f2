using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary><see cref="Q5_K"/>: five bits, a scale and a minimum for 32 columns, 256 columns in a block.</summary>
internal readonly unsafe struct Q5_KCodes : IPanelCodes<CodesWithMinima>
{
    public static int BlockBytes => PanelFormat.Rows * Q5_K.Bytes;

    public static int Groups => Q5_K.Columns / 32;

    public static int CodesAt => Q5_K.PanelCodesAt;

    public static int GroupBytes => Q5_K.PanelGroupBytes;

    public static int CodeBits => 5;

    public static bool MovesScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
    {
        Q4_0Codes.Codes(group, i, out TVector lows, out TVector highs);
        // Bit i of the fifth vector belongs to chunk i, bit i + 4 to chunk i + 4: both are to become bit 4.
        TVector fifth = TVector.Load(group + 128);
        low = TVector.OrMasked(lows, TVector.ShiftLeft(fifth, 4 - i), 0x10);
        high = TVector.OrMasked(highs, i > 0 ? TVector.ShiftRight(fifth, i) : fifth, 0x10);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ShiftedCodes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
        => Codes(group, i, out low, out high);

    public static int HighShift<TVector>()
        where TVector : struct, IPanelVector<TVector>
        => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>
        => Q4_KCodes.Decode<TVector>(block, decoded);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        => Q4_KCodes.Scale<TVector>(block, decoded, group);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* SubScales(byte* block, float* decoded, int group) => block;

    public static void Read(ReadOnlySpan<byte> block, Span<short> codes, Span<float> scales, Span<float> minima)
    {
        for (int j = 0; j < Groups; j++)
        {
            (float scale, float offset) = SubScaledBlock.ScaleAndOffset(block, j);
            (scales[j], minima[j]) = (scale, -offset);
        }
        for (int i = 0; i < Q5_K.Columns; i++)
            codes[i] = (short)(Nibbles.OfRuns(block[Q5_K.CodesAt..], i) | (block[Q5_K.FifthBitsAt + i % 32] >> (i / 32) & 1) << 4);
    }
}
