using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary>
/// <see cref="Q3_K"/>: three bits around 4, a scale for 16 columns, 256 columns in a block. Eight times a code is one of six bits around 32, and an eighth of
/// the scale makes up for it: exactly, all being powers of two.
/// </summary>
internal readonly unsafe struct Q3_KCodes : IPanelCodes<SubScaledCodes>
{
    private const int Times = 8;

    public static int BlockBytes => PanelFormat.Rows * Q3_K.Bytes;

    public static int Groups => Q3_K.Columns / 32;

    public static int CodesAt => Q3_K.PanelCodesAt;

    public static int GroupBytes => Q3_K.PanelGroupBytes;

    public static int CodeBits => 6;

    public static bool MovesScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
    {
        // Bits 2·i and 2·i + 1 are to become bits 3 and 4, bit i or i + 4 of the third vector bit 5.
        TVector third = TVector.Load(group + 64);
        low = TVector.OrMasked(TVector.Mask(Moved(TVector.Load(group), 3 - 2 * i), 0x18), Moved(third, 5 - i), 0x20);
        high = TVector.OrMasked(TVector.Mask(Moved(TVector.Load(group + 32), 3 - 2 * i), 0x18), Moved(third, 1 - i), 0x20);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ShiftedCodes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
        => Codes(group, i, out low, out high);

    public static int HighShift<TVector>()
        where TVector : struct, IPanelVector<TVector>
        => 0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector.Store(TVector.Multiply(TVector.LoadHalves(block), TVector.Constant(1f / Times)), (byte*)decoded);
        Q4_KCodes.SixBits<TVector>(block + Q3_K.PanelScalesAt, (byte*)(decoded + 64));
        // All bytes less 32: no byte borrows from the next, as the uppermost bit of each is set meanwhile.
        const ulong Uppermost = 0x8080808080808080, Middle = 0x2020202020202020;
        ulong* scales = (ulong*)(decoded + 64);
        for (int i = 0; i < 16; i++)
            scales[i] = (scales[i] | Uppermost) - Middle ^ Uppermost;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load((byte*)decoded);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* SubScales(byte* block, float* decoded, int group) => (byte*)(decoded + 64) + 16 * group;

    public static void Read(ReadOnlySpan<byte> block, Span<short> codes, Span<float> scales, Span<float> minima)
    {
        scales[..Groups].Fill((float)MemoryMarshal.Read<Half>(block[Q3_K.ScaleAt..]) * (1f / Times));
        for (int i = 0; i < Q3_K.Columns; i++)
            codes[i] = (short)(Times * Q3_K.Code(block, i) * Q3_K.Scale(block, i / 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Moved<TVector>(TVector bits, int left)
        where TVector : struct, IPanelVector<TVector>
        => left > 0 ? TVector.ShiftLeft(bits, left) : left < 0 ? TVector.ShiftRight(bits, -left) : bits;
}
