using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary><see cref="Q8_0"/>: signed bytes, one scale for 32 columns.</summary>
internal readonly unsafe struct Q8_0Codes : IPanelCodes<SignedCodes>
{
    public static int BlockBytes => PanelFormat.Rows * Q8_0.Bytes;

    public static int Groups => 1;

    public static int CodesAt => Q8_0.PanelCodesAt;

    public static int GroupBytes => BlockBytes;

    public static int CodeBits => 8;

    public static bool MovesScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
    {
        low = TVector.Load(group + 32 * i);
        high = TVector.Load(group + 32 * (i + 4));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ShiftedCodes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
        => Codes(group, i, out low, out high);

    public static int HighShift<TVector>()
        where TVector : struct, IPanelVector<TVector>
        => 0;

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
        for (int i = 0; i < Q8_0.Columns; i++)
            codes[i] = (sbyte)block[Q8_0.CodesAt + i];
    }
}
