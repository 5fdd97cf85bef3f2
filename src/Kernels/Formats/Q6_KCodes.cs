using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary><see cref="Q6_K"/>: six bits around 32, a signed scale for 16 columns, 256 columns in a block.</summary>
internal readonly unsafe struct Q6_KCodes : IPanelCodes<SubScaledCodes>
{
    public static int BlockBytes => PanelFormat.Rows * Q6_K.Bytes;

    public static int Groups => Q6_K.Columns / 32;

    public static int CodesAt => Q6_K.PanelCodesAt;

    public static int GroupBytes => Q6_K.PanelGroupBytes;

    public static int CodeBits => 6;

    public static bool MovesScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
    {
        Q4_0Codes.Codes(group, i, out TVector lows, out TVector highs);
        // Bits 2·i and 2·i + 1 are to become bits 4 and 5.
        TVector first = TVector.Load(group + 128), second = TVector.Load(group + 160);
        low = TVector.OrMasked(lows, Moved(first, i), 0x30);
        high = TVector.OrMasked(highs, Moved(second, i), 0x30);
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
        => TVector.Store(TVector.LoadHalves(block), (byte*)decoded);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load((byte*)decoded);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* SubScales(byte* block, float* decoded, int group) => block + Q6_K.PanelScalesAt + 16 * group;

    public static void Read(ReadOnlySpan<byte> block, Span<short> codes, Span<float> scales, Span<float> minima)
    {
        scales[..Groups].Fill((float)MemoryMarshal.Read<Half>(block[Q6_K.ScaleAt..]));
        for (int i = 0; i < Q6_K.Columns; i++)
            codes[i] = (short)((Q6_K.Code(block, i) - 32) * (sbyte)block[Q6_K.ScalesAt + i / 16]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Moved<TVector>(TVector bits, int i)
        where TVector : struct, IPanelVector<TVector>
        => i < 2 ? TVector.ShiftLeft(bits, 4 - 2 * i) : i > 2 ? TVector.ShiftRight(bits, 2 * i - 4) : bits;
}
