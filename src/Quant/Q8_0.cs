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
/// In panels of eight rows:
/// <code>
/// byte 0..15     d of rows 0..7
/// byte 16..271   eight vectors of 32 bytes: vector c holds columns 4·c .. 4·c + 3, four signed bytes of each row
/// </code>
/// </summary>
internal readonly struct Q8_0 : IPanelFormat
{
    /// <summary>Values of a block.</summary>
    public const int Columns = 32;

    /// <summary>Where the codes begin in a block.</summary>
    public const int CodesAt = sizeof(ushort);

    /// <summary>Bytes of a block.</summary>
    public const int Bytes = CodesAt + Columns;

    /// <summary>Where the codes begin in a panel block.</summary>
    public const int PanelCodesAt = PanelFormat.Rows * CodesAt;

    private const int MaxCode = 127;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q8_0;

    /// <inheritdoc/>
    public static int BlockSize => Columns;

    /// <inheritdoc/>
    public static int BlockBytes => Bytes;

    /// <inheritdoc/>
    public static float MaxMagnitude => MaxCode * F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; blocks.Length > 0; blocks = blocks[Bytes..], values = values[Columns..])
        {
            float scale = (float)MemoryMarshal.Read<Half>(blocks);
            ScaledCodes.Write(Vector128.Create<sbyte>(MemoryMarshal.Cast<byte, sbyte>(blocks.Slice(CodesAt, 16))), scale, values);
            ScaledCodes.Write(Vector128.Create<sbyte>(MemoryMarshal.Cast<byte, sbyte>(blocks.Slice(CodesAt + 16, 16))), scale, values[16..]);
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        for (; values.Length > 0; values = values[Columns..], blocks = blocks[Bytes..])
        {
            float scale = LinearCodes.Signed(values[..Columns], MaxCode, blocks.Slice(CodesAt, Columns));
            MemoryMarshal.Write(blocks, (Half)scale);
        }
    }

    /// <inheritdoc/>
    public static void PackPanel(ReadOnlySpan<byte> blocks, Span<byte> panel)
    {
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
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
