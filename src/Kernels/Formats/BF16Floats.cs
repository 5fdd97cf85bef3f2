using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary><see cref="BF16"/>.</summary>
internal readonly unsafe struct BF16Floats : IPanelFloats
{
    public static int ColumnBytes => PanelFormat.Rows * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LoadBrainFloats(column);

    public static float Read(byte* column, int row) => BitConverter.UInt32BitsToSingle((uint)((ushort*)column)[row] << 16);
}
