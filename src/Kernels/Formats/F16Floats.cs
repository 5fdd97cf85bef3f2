using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary><see cref="F16"/>.</summary>
internal readonly unsafe struct F16Floats : IPanelFloats
{
    public static int ColumnBytes => PanelFormat.Rows * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LoadHalves(column);

    public static float Read(byte* column, int row) => (float)((Half*)column)[row];
}
