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
internal readonly struct Q8_0 : IBlockFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q8_0;

    /// <inheritdoc/>
    public static int BlockSize => 32;

    /// <inheritdoc/>
    public static int BlockBytes => 34;

    /// <inheritdoc/>
    public static float MaxMagnitude => 127 * F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; blocks.Length > 0; blocks = blocks[34..], values = values[32..])
        {
            float scale = (float)MemoryMarshal.Read<Half>(blocks);
            ScaledCodes.Write(Vector128.Create<sbyte>(MemoryMarshal.Cast<byte, sbyte>(blocks.Slice(2, 16))), scale, values);
            ScaledCodes.Write(Vector128.Create<sbyte>(MemoryMarshal.Cast<byte, sbyte>(blocks.Slice(18, 16))), scale, values[16..]);
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        for (; values.Length > 0; values = values[32..], blocks = blocks[34..])
        {
            float scale = LinearCodes.Signed(values[..32], 127, blocks.Slice(2, 32));
            MemoryMarshal.Write(blocks, (Half)scale);
        }
    }
}
