using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary><see cref="F32"/>.</summary>
internal readonly unsafe struct F32Floats : IPanelFloats
{
    public static int ColumnBytes => PanelFormat.Rows * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load(column);

    public static float Read(byte* column, int row) => ((float*)column)[row];
}
