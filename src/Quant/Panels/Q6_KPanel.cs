using System.Buffers.Binary;

namespace MeKi.Quant.Panels;

/// <summary>
/// Eight rows of <see cref="Q6_K"/>, 256 columns in sixteen sub-blocks of 16, two of them in a group of 32 columns.
/// <code>
/// byte 0..15       d of rows 0..7, half precision
/// byte 16..143     signed scales: byte 16 + 8·s + r is that of sub-block s, row r
/// byte 144..1679   per group four vectors of the codes' low four bits, as in Q4_0Panel, and two of their upper two bits:
///                  bits 2·c and 2·c + 1 of byte 4·r + j belong to column 4·c + j in the first, 16 + 4·c + j in the second
/// </code>
/// </summary>
internal readonly struct Q6_KPanel : IPanelFormat
{
    private const int Groups = 8, GroupBytes = 192;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q6_K;

    /// <inheritdoc/>
    public static void Pack(ReadOnlySpan<byte> blocks, Span<byte> panel)
    {
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            ReadOnlySpan<byte> block = blocks.Slice(210 * row, 210);
            Interleave.PlaceHalf(block[208..], panel, row);
            for (int s = 0; s < 16; s++)
                panel[16 + 8 * s + row] = block[192 + s];
            for (int group = 0; group < Groups; group++)
            {
                Span<byte> vectors = panel[(144 + GroupBytes * group)..];
                Interleave.ScatterNibbles(block.Slice(LowAt(group), 32), IsHigh(group), vectors, row);
                for (int half = 0; half < 2; half++)
                {
                    uint bits = 0;
                    for (int chunk = 0; chunk < 4; chunk++)
                        bits |= (BinaryPrimitives.ReadUInt32LittleEndian(block[(UpperAt(group) + 16 * half + 4 * chunk)..]) >> UpperShift(group) & 0x03030303) << (2 * chunk);
                    Interleave.Place(vectors, 4 + half, row, bits);
                }
            }
        }
    }

    /// <inheritdoc/>
    public static void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        block.Clear();
        Interleave.TakeHalf(panel, row, block[208..]);
        for (int s = 0; s < 16; s++)
            block[192 + s] = panel[16 + 8 * s + row];
        for (int group = 0; group < Groups; group++)
        {
            ReadOnlySpan<byte> vectors = panel[(144 + GroupBytes * group)..];
            Interleave.GatherNibbles(vectors, row, IsHigh(group), block.Slice(LowAt(group), 32));
            for (int half = 0; half < 2; half++)
            {
                uint bits = Interleave.Take(vectors, 4 + half, row);
                for (int chunk = 0; chunk < 4; chunk++)
                {
                    Span<byte> word = block[(UpperAt(group) + 16 * half + 4 * chunk)..];
                    BinaryPrimitives.WriteUInt32LittleEndian(word, BinaryPrimitives.ReadUInt32LittleEndian(word) | (bits >> (2 * chunk) & 0x03030303) << UpperShift(group));
                }
            }
        }
    }

    // Where a canonical block keeps a group's 32 columns: four groups share 64 bytes of low and 32 bytes of upper bits.
    private static int LowAt(int group) => 64 * (group / 4) + 32 * (group % 2);

    private static bool IsHigh(int group) => group % 4 >= 2;

    private static int UpperAt(int group) => 128 + 32 * (group / 4);

    private static int UpperShift(int group) => 2 * (group % 4);
}
