using System.Runtime.InteropServices;
using MeKi.Kernels;
using MeKi.Quant;

namespace MeKi.Bench;

/// <summary>Random weights in aligned native memory.</summary>
internal sealed unsafe class NativeWeights : IDisposable
{
    // Encoding is slow in some formats, and equal rows take as long to multiply as others.
    private const int DistinctRows = 256;

    private readonly byte* _data;

    public NativeWeights(BlockFormat format, int rows, int columns)
    {
        int rowBytes = checked((int)format.RowBytes(columns));
        _data = (byte*)NativeMemory.AlignedAlloc((nuint)rows * (nuint)rowBytes, 64);
        Random random = new(1);
        float[] values = new float[columns];
        for (int row = 0; row < Math.Min(rows, DistinctRows); row++)
        {
            foreach (ref float value in values.AsSpan())
                value = random.NextSingle() * 2 - 1;
            format.Encode(values, new(_data + (long)row * rowBytes, rowBytes));
        }
        for (long row = DistinctRows; row < rows; row++)
            Buffer.MemoryCopy(_data + (row - DistinctRows) * rowBytes, _data + row * rowBytes, rowBytes, rowBytes);
        using ComputePool pool = new(Environment.ProcessorCount);
        Matrix = PanelMatrix.Pack(new(format, rows, columns, _data), pool);
    }

    public PanelMatrix Matrix { get; }

    public void Dispose() => NativeMemory.AlignedFree(_data);
}
