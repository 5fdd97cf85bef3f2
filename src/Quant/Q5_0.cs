using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Five-bit blocks of 32 values with one half-precision scale d: <c>value = d · (q − 16)</c> (GGUF type 6, ggml's <c>block_q5_0</c>).
/// <code>
/// byte 0..1   d, half precision
/// byte 2..5   bit i of the little-endian word: the fifth bit of q[i]
/// byte 6..21  byte 6 + i: the low four bits of q[i] in the low half, those of q[i + 16] in the high half
/// </code>
/// Encoding takes d = x / −16 of the value x of largest magnitude; see <see cref="LinearCodes.AroundZero"/>.
/// </summary>
internal readonly struct Q5_0 : IBlockFormat
{
    /// <summary>Values of a block.</summary>
    public const int Columns = 32;

    /// <summary>Bytes of a block.</summary>
    public const int Bytes = CodesAt + Columns / 2;

    private const int FifthBitsAt = 2, CodesAt = FifthBitsAt + Columns / 8;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q5_0;

    /// <inheritdoc/>
    public static int BlockSize => Columns;

    /// <inheritdoc/>
    public static int BlockBytes => Bytes;

    /// <inheritdoc/>
    public static float MaxMagnitude => 16 * F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Vector128<byte> middle = Vector128.Create((byte)16);
        for (; blocks.Length > 0; blocks = blocks[Bytes..], values = values[Columns..])
        {
            float scale = (float)MemoryMarshal.Read<Half>(blocks);
            (Vector128<byte> low, Vector128<byte> high) = Nibbles.Split(blocks.Slice(CodesAt, Columns / 2));
            ScaledCodes.Write(((low | FifthBits.Spread(blocks.Slice(FifthBitsAt, 2))) - middle).AsSByte(), scale, values);
            ScaledCodes.Write(((high | FifthBits.Spread(blocks.Slice(FifthBitsAt + 2, 2))) - middle).AsSByte(), scale, values[16..]);
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Span<byte> codes = stackalloc byte[Columns];
        for (; values.Length > 0; values = values[Columns..], blocks = blocks[Bytes..])
        {
            float scale = LinearCodes.AroundZero(values[..Columns], 16, codes);
            MemoryMarshal.Write(blocks, (Half)scale);
            FifthBits.Pack(codes, blocks.Slice(FifthBitsAt, Columns / 8));
            Nibbles.Pack(codes, blocks.Slice(CodesAt, Columns / 2));
        }
    }
}
