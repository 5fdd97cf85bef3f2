using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Four-bit blocks of 32 values with one half-precision scale d: <c>value = d · (q − 8)</c> (GGUF type 2, ggml's <c>block_q4_0</c>).
/// <code>
/// byte 0..1   d, half precision
/// byte 2..17  byte 2 + i: q[i] in the low four bits, q[i + 16] in the high four
/// </code>
/// Encoding takes d = x / −8 of the value x of largest magnitude; see <see cref="LinearCodes.AroundZero"/>.
/// </summary>
internal readonly struct Q4_0 : IBlockFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q4_0;

    /// <inheritdoc/>
    public static int BlockSize => 32;

    /// <inheritdoc/>
    public static int BlockBytes => 18;

    /// <inheritdoc/>
    public static float MaxMagnitude => 8 * F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Vector128<byte> middle = Vector128.Create((byte)8);
        for (; blocks.Length > 0; blocks = blocks[18..], values = values[32..])
        {
            float scale = (float)MemoryMarshal.Read<Half>(blocks);
            (Vector128<byte> low, Vector128<byte> high) = Nibbles.Split(blocks.Slice(2, 16));
            ScaledCodes.Write((low - middle).AsSByte(), scale, values);
            ScaledCodes.Write((high - middle).AsSByte(), scale, values[16..]);
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Span<byte> codes = stackalloc byte[32];
        for (; values.Length > 0; values = values[32..], blocks = blocks[18..])
        {
            float scale = LinearCodes.AroundZero(values[..32], 8, codes);
            MemoryMarshal.Write(blocks, (Half)scale);
            Nibbles.Pack(codes, blocks.Slice(2, 16));
        }
    }
}
