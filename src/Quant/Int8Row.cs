using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace MeKi.Quant;

/// <summary>Expert rows in signed bytes with one single-precision scale: <c>value = scale · q</c>, scale = max|value| / 127, q from −127 to 127.</summary>
internal static class Int8Row
{
    public static void Encode(ReadOnlySpan<float> row, Span<sbyte> codes, Span<byte> scales)
    {
        float scale = Math.Abs(TensorPrimitives.MaxMagnitude(row)) / 127;
        float inverse = scale > 0 ? 1 / scale : 0;
        MemoryMarshal.Write(scales, scale);
        for (int i = 0; i < row.Length; i++)
            codes[i] = (sbyte)Math.Clamp(MathF.Round(row[i] * inverse), -127, 127);
    }

    public static void Decode(ReadOnlySpan<sbyte> codes, ReadOnlySpan<byte> scales, Span<float> row)
    {
        TensorPrimitives.ConvertTruncating(codes, row);
        TensorPrimitives.Multiply(row, MemoryMarshal.Read<float>(scales), row);
    }
}
