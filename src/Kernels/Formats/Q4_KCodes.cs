using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary><see cref="Q4_K"/>: nibbles, a scale and a minimum for 32 columns, 256 columns in a block.</summary>
internal readonly unsafe struct Q4_KCodes : IPanelCodes<CodesWithMinima>
{
    public static int BlockBytes => PanelFormat.Rows * Q4_K.Bytes;

    public static int Groups => Q4_K.Columns / 32;

    public static int CodesAt => Q4_K.PanelCodesAt;

    public static int GroupBytes => Q4_K.PanelGroupBytes;

    public static int CodeBits => 4;

    public static bool MovesScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
        => Q4_0Codes.Codes(group, i, out low, out high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ShiftedCodes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
        => Q4_0Codes.ShiftedCodes(group, i, out low, out high);

    public static int HighShift<TVector>()
        where TVector : struct, IPanelVector<TVector>
        => TVector.UpperNibbleShift;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>
    {
        byte* six = stackalloc byte[128];
        SixBits<TVector>(block + SubScaledBlock.PanelScalesAt, six);
        TVector d = TVector.LoadHalves(block), dmin = TVector.LoadHalves(block + SubScaledBlock.PanelMinimumAt);
        for (int v = 0; v < 8; v++)
        {
            TVector.Store(TVector.Multiply(d, TVector.LoadBytesAsFloat(six + 8 * v)), (byte*)(decoded + 8 * v));
            TVector.Store(TVector.Multiply(dmin, TVector.LoadBytesAsFloat(six + 64 + 8 * v)), (byte*)(decoded + 64 + 8 * v));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load((byte*)(decoded + 8 * group));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* SubScales(byte* block, float* decoded, int group) => block;

    public static void Read(ReadOnlySpan<byte> block, Span<short> codes, Span<float> scales, Span<float> minima)
    {
        for (int j = 0; j < Groups; j++)
        {
            (float scale, float offset) = SubScaledBlock.ScaleAndOffset(block, j);
            (scales[j], minima[j]) = (scale, -offset);
        }
        for (int i = 0; i < Q4_K.Columns; i++)
            codes[i] = (short)Nibbles.OfRuns(block[Q4_K.CodesAt..], i);
    }

    /// <summary>Unpacks <see cref="PanelScales"/>: twelve values in the low bits of 96 bytes, four in the upper two bits of three times 32 bytes.</summary>
    /// <param name="packed">The 96 bytes.</param>
    /// <param name="six">Receives [16 values × 8 rows].</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixBits<TVector>(byte* packed, byte* six)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector a = TVector.Load(packed), b = TVector.Load(packed + 32), c = TVector.Load(packed + 64);
        TVector.Store(TVector.Mask(a, 63), six);
        TVector.Store(TVector.Mask(b, 63), six + 32);
        TVector.Store(TVector.Mask(c, 63), six + 64);
        TVector split = TVector.Or(
            TVector.Mask(TVector.ShiftRight(a, 6), 0x03),
            TVector.Or(TVector.Mask(TVector.ShiftRight(b, 4), 0x0C), TVector.Mask(TVector.ShiftRight(c, 2), 0x30)));
        TVector.Store(split, six + 96);
    }
}
