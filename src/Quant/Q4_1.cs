using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Four-bit blocks of 32 values with a half-precision scale d and minimum m: <c>value = d · q + m</c> (GGUF type 3, ggml's <c>block_q4_1</c>).
/// <code>
/// byte 0..1   d, half precision
/// byte 2..3   m, half precision
/// byte 4..19  byte 4 + i: q[i] in the low four bits, q[i + 16] in the high four
/// </code>
/// Encoding takes m = min x and d = (max x − min x) / 15; see <see cref="LinearCodes.FromMinimum"/>.
/// </summary>
internal readonly struct Q4_1 : IBlockFormat
{
    /// <summary>Values of a block.</summary>
    public const int Columns = 32;

    /// <summary>Bytes of a block.</summary>
    public const int Bytes = CodesAt + Columns / 2;

    private const int CodesAt = 4;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q4_1;

    /// <inheritdoc/>
    public static int BlockSize => Columns;

    /// <inheritdoc/>
    public static int BlockBytes => Bytes;

    /// <inheritdoc/>
    public static float MaxMagnitude => F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; blocks.Length > 0; blocks = blocks[Bytes..], values = values[Columns..])
        {
            float scale = (float)MemoryMarshal.Read<Half>(blocks), minimum = (float)MemoryMarshal.Read<Half>(blocks[2..]);
            (Vector128<byte> low, Vector128<byte> high) = Nibbles.Split(blocks.Slice(CodesAt, Columns / 2));
            ScaledCodes.Write(low, scale, minimum, values);
            ScaledCodes.Write(high, scale, minimum, values[16..]);
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Span<byte> codes = stackalloc byte[Columns];
        for (; values.Length > 0; values = values[Columns..], blocks = blocks[Bytes..])
        {
            float scale = LinearCodes.FromMinimum(values[..Columns], 15, codes, out float minimum);
            MemoryMarshal.Write(blocks, (Half)scale);
            MemoryMarshal.Write(blocks[2..], (Half)minimum);
            Nibbles.Pack(codes, blocks.Slice(CodesAt, Columns / 2));
        }
    }
}
