using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Formats;

/// <summary>A weight format whose panels are columns of eight floats, as the kernels read them.</summary>
internal unsafe interface IPanelFloats
{
    static abstract int ColumnBytes { get; }

    static abstract TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>One row's number of a column, for the scalar kernels.</summary>
    static abstract float Read(byte* column, int row);
}
