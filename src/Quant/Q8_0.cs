using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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
            float scale = (float)MemoryMarshal.Read<Half>(blocks);
            for (int half = 0; half < 32; half += 16)
            {
                // 16 bytes widened to 4 × 4 integers: three times the speed of two TensorPrimitives calls on spans as short as a block.
                (Vector128<short> low, Vector128<short> high) = Vector128.Widen(Vector128.Create<sbyte>(MemoryMarshal.Cast<byte, sbyte>(blocks.Slice(2 + half, 16))));
                (Vector128<int> a, Vector128<int> b) = Vector128.Widen(low);
                (Vector128<int> c, Vector128<int> d) = Vector128.Widen(high);
                (Vector128.ConvertToSingle(a) * scale).CopyTo(values[half..]);
                (Vector128.ConvertToSingle(b) * scale).CopyTo(values[(half + 4)..]);
                (Vector128.ConvertToSingle(c) * scale).CopyTo(values[(half + 8)..]);
                (Vector128.ConvertToSingle(d) * scale).CopyTo(values[(half + 12)..]);
            }
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
