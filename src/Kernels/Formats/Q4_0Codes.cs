using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary><see cref="Q4_0"/>: nibbles around 8, one scale for 32 columns.</summary>
internal readonly unsafe struct Q4_0Codes : IPanelCodes<CentredCodes>
{
    public static int BlockBytes => PanelFormat.Rows * Q4_0.Bytes;

    public static int Groups => 1;

    public static int CodesAt => Q4_0.PanelCodesAt;

    public static int GroupBytes => BlockBytes;

    public static int CodeBits => 4;

    public static bool MovesScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector pairs = TVector.Load(group + 32 * i);
        low = TVector.LowNibbles(pairs);
        high = TVector.HighNibbles(pairs);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ShiftedCodes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector pairs = TVector.Load(group + 32 * i);
        low = TVector.LowNibbles(pairs);
        high = TVector.UpperNibbles(pairs);
    }

    public static int HighShift<TVector>()
        where TVector : struct, IPanelVector<TVector>
        => TVector.UpperNibbleShift;

    public static void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LoadHalves(block);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* SubScales(byte* block, float* decoded, int group) => block;

    public static void Read(ReadOnlySpan<byte> block, Span<short> codes, Span<float> scales, Span<float> minima)
    {
        scales[0] = (float)MemoryMarshal.Read<Half>(block);
        for (int i = 0; i < Q4_0.Columns / 2; i++)
        {
            int pair = block[Q4_0.CodesAt + i];
            codes[i] = (short)((pair & 15) - 8);
            codes[Q4_0.Columns / 2 + i] = (short)((pair >> 4) - 8);
        }
    }
}
