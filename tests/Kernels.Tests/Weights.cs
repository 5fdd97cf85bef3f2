using MeKi.Kernels.Operations;
using MeKi.Quant;

namespace MeKi.Kernels.Tests;

/// <summary>Operands of matrix products.</summary>
internal static class Weights
{
    /// <summary>Canonical rows of values between −1 and 1.</summary>
    public static byte[] Random(BlockFormat format, int rows, int columns, int seed)
    {
        Random random = new(seed);
        byte[] data = new byte[rows * format.RowBytes(columns)];
        float[] values = new float[rows * columns];
        foreach (ref float value in values.AsSpan())
            value = random.NextSingle() * 2 - 1;
        format.Encode(values, data);
        return data;
    }

    /// <summary>Activations between −1 and 1.</summary>
    public static ActivationMatrix RandomActivations(int rows, int columns, int seed)
    {
        Random random = new(seed);
        ActivationMatrix x = new(columns);
        x.Reserve(rows);
        foreach (ref float value in x.Rows(0, rows))
            value = random.NextSingle() * 2 - 1;
        return x;
    }
}
