using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Four-bit blocks of 32 values on a grid that is finer around zero, with one half-precision scale d: <c>value = d · grid[q]</c>
/// (GGUF type 20, ggml's <c>block_iq4_nl</c>; the grid is <c>kvalues_iq4nl</c>).
/// <code>
/// byte 0..1   d, half precision
/// byte 2..17  byte 2 + i: q[i] in the low four bits, q[i + 16] in the high four
/// </code>
/// Encoding searches the scale: see <see cref="GridScaleSearch"/>.
/// </summary>
internal readonly struct IQ4_NL : IBlockFormat
{
    /// <summary>Values of a block.</summary>
    public const int Columns = 32;

    /// <summary>Bytes of a block.</summary>
    public const int Bytes = CodesAt + Columns / 2;

    private const int CodesAt = 2;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.IQ4_NL;

    /// <inheritdoc/>
    public static int BlockSize => Columns;

    /// <inheritdoc/>
    public static int BlockBytes => Bytes;

    /// <inheritdoc/>
    public static float MaxMagnitude => F16.MaxValue;

    /// <summary>What the sixteen codes stand for.</summary>
    public static ReadOnlySpan<sbyte> Grid => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Vector128<sbyte> grid = Vector128.Create(Grid);
        for (; blocks.Length > 0; blocks = blocks[Bytes..], values = values[Columns..])
        {
            float scale = (float)MemoryMarshal.Read<Half>(blocks);
            (Vector128<byte> low, Vector128<byte> high) = Nibbles.Split(blocks.Slice(CodesAt, Columns / 2));
            ScaledCodes.Write(Vector128.Shuffle(grid, low.AsSByte()), scale, values);
            ScaledCodes.Write(Vector128.Shuffle(grid, high.AsSByte()), scale, values[16..]);
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Span<float> scales = stackalloc float[GridScaleSearch.BlocksAtOnce];
        Span<byte> codes = stackalloc byte[Columns * GridScaleSearch.BlocksAtOnce];
        while (values.Length > 0)
        {
            int count = Math.Min(values.Length / Columns, GridScaleSearch.BlocksAtOnce);
            GridScaleSearch.Find(values[..(Columns * count)], scales, codes);
            for (int block = 0; block < count; block++, blocks = blocks[Bytes..])
            {
                MemoryMarshal.Write(blocks, (Half)scales[block]);
                Nibbles.Pack(codes.Slice(Columns * block, Columns), blocks.Slice(CodesAt, Columns / 2));
            }
            values = values[(Columns * count)..];
        }
    }
}
