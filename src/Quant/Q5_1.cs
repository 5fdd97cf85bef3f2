using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Five-bit blocks of 32 values with a half-precision scale d and minimum m: <c>value = d · q + m</c> (GGUF type 7, ggml's <c>block_q5_1</c>).
/// <code>
/// byte 0..1   d, half precision
/// byte 2..3   m, half precision
/// byte 4..7   bit i of the little-endian word: the fifth bit of q[i]
/// byte 8..23  byte 8 + i: the low four bits of q[i] in the low half, those of q[i + 16] in the high half
/// </code>
/// Encoding takes m = min x and d = (max x − min x) / 31; see <see cref="LinearCodes.FromMinimum"/>.
/// </summary>
internal readonly struct Q5_1 : IBlockFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q5_1;

    /// <inheritdoc/>
    public static int BlockSize => 32;

    /// <inheritdoc/>
    public static int BlockBytes => 24;

    /// <inheritdoc/>
    public static float MaxMagnitude => F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; blocks.Length > 0; blocks = blocks[24..], values = values[32..])
        {
            float scale = (float)MemoryMarshal.Read<Half>(blocks), minimum = (float)MemoryMarshal.Read<Half>(blocks[2..]);
            (Vector128<byte> low, Vector128<byte> high) = Nibbles.Split(blocks.Slice(8, 16));
            ScaledCodes.Write(low | FifthBits.Spread(blocks.Slice(4, 2)), scale, minimum, values);
            ScaledCodes.Write(high | FifthBits.Spread(blocks.Slice(6, 2)), scale, minimum, values[16..]);
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Span<byte> codes = stackalloc byte[32];
        for (; values.Length > 0; values = values[32..], blocks = blocks[24..])
        {
            float scale = LinearCodes.FromMinimum(values[..32], 31, codes, out float minimum);
            MemoryMarshal.Write(blocks, (Half)scale);
            MemoryMarshal.Write(blocks[2..], (Half)minimum);
            FifthBits.Pack(codes, blocks.Slice(4, 4));
            Nibbles.Pack(codes, blocks.Slice(8, 16));
        }
    }
}
