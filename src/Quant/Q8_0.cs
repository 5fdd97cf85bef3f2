using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace MeKi.Quant;

/// <summary>
/// Eight-bit blocks of 32 values with one half-precision scale d: <c>value = d · q</c>.
/// <code>
/// byte 0..1   d, half precision
/// byte 2..33  q[0..31], signed
/// </code>
/// Encoding takes d = max|x| / 127 and rounds x · (1 / d), d not yet rounded to half, to nearest with ties away from zero, as ggml's reference does.
/// </summary>
public readonly struct Q8_0 : IBlockFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q8_0;

    /// <inheritdoc/>
    public static int BlockSize => 32;

    /// <inheritdoc/>
    public static int BlockBytes => 34;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; blocks.Length > 0; blocks = blocks[34..], values = values[32..])
        {
            TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, sbyte>(blocks[2..34]), values[..32]);
            TensorPrimitives.Multiply(values[..32], (float)MemoryMarshal.Read<Half>(blocks), values[..32]);
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        for (; values.Length > 0; values = values[32..], blocks = blocks[34..])
        {
            float scale = Math.Abs(TensorPrimitives.MaxMagnitude(values[..32])) / 127;
            float inverse = scale != 0 ? 1 / scale : 0;
            MemoryMarshal.Write(blocks, (Half)scale);
            for (int i = 0; i < 32; i++)
                blocks[2 + i] = (byte)(sbyte)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero);
        }
    }
}
