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
/// In panels of eight rows:
/// <code>
/// byte 0..15     d of rows 0..7
/// byte 16..143   four vectors of 32 bytes: vector c holds columns 4·c .. 4·c + 3 in the low halves and columns 16 + 4·c .. in the high halves,
///                four bytes of each row
/// </code>
/// </summary>
internal readonly struct Q4_0 : IPanelFormat
{
    /// <summary>Values of a block.</summary>
    public const int Columns = 32;

    /// <summary>Where the codes begin in a block.</summary>
    public const int CodesAt = sizeof(ushort);

    /// <summary>Bytes of a block.</summary>
    public const int Bytes = CodesAt + Columns / 2;

    /// <summary>Where the codes begin in a panel block.</summary>
    public const int PanelCodesAt = PanelFormat.Rows * CodesAt;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q4_0;

    /// <inheritdoc/>
    public static int BlockSize => Columns;

    /// <inheritdoc/>
    public static int BlockBytes => Bytes;

    /// <inheritdoc/>
    public static float MaxMagnitude => 8 * F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Vector128<byte> middle = Vector128.Create((byte)8);
        for (; blocks.Length > 0; blocks = blocks[Bytes..], values = values[Columns..])
        {
            float scale = (float)MemoryMarshal.Read<Half>(blocks);
            (Vector128<byte> low, Vector128<byte> high) = Nibbles.Split(blocks.Slice(CodesAt, Columns / 2));
            ScaledCodes.Write((low - middle).AsSByte(), scale, values);
            ScaledCodes.Write((high - middle).AsSByte(), scale, values[16..]);
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Span<byte> codes = stackalloc byte[Columns];
        for (; values.Length > 0; values = values[Columns..], blocks = blocks[Bytes..])
        {
            float scale = LinearCodes.AroundZero(values[..Columns], 8, codes);
            MemoryMarshal.Write(blocks, (Half)scale);
            Nibbles.Pack(codes, blocks.Slice(CodesAt, Columns / 2));
        }
    }

    /// <inheritdoc/>
    public static void PackPanel(ReadOnlySpan<byte> blocks, Span<byte> panel)
    {
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            // A block pairs column i with column i + 16 as well.
            ReadOnlySpan<byte> block = blocks.Slice(Bytes * row, Bytes);
            Interleave.PlaceHalf(block, panel, row);
            Interleave.Scatter(block[CodesAt..], panel[PanelCodesAt..], row);
        }
    }

    /// <inheritdoc/>
    public static void UnpackRow(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        Interleave.TakeHalf(panel, row, block);
        Interleave.Gather(panel[PanelCodesAt..], row, block[CodesAt..]);
    }
}
