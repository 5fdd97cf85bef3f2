using System.Buffers.Binary;

namespace MeKi.Quant.Panels;

/// <summary>
/// Eight rows of <see cref="Q5_K"/>, 256 columns in eight sub-blocks of 32.
/// <code>
/// byte 0..15       d of rows 0..7, half precision
/// byte 16..31      dmin of rows 0..7, half precision
/// byte 32..127     scales and minima, see PanelScales
/// byte 128..1407 per sub-block four vectors of the codes' low four bits, as in Q4_0Panel, and one of their fifth bits: bit c of byte 4·r + j belongs to column
/// 4·c + j
/// </code>
/// </summary>
internal readonly struct Q5_KPanel : IPanelFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q5_K;

    /// <inheritdoc/>
    public static void Pack(ReadOnlySpan<byte> blocks, Span<byte> panel)
    {
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            ReadOnlySpan<byte> block = blocks.Slice(176 * row, 176);
            Interleave.PlaceHalf(block, panel, row);
            Interleave.PlaceHalf(block[2..], panel[16..], row);
            PanelScales.Pack(block.Slice(4, 12), panel[32..], row);
            for (int sub = 0; sub < 8; sub++)
            {
                Span<byte> vectors = panel[(128 + 160 * sub)..];
                Interleave.ScatterNibbles(block.Slice(48 + 32 * (sub / 2), 32), sub % 2 == 1, vectors, row);
                uint bits = 0;
                for (int chunk = 0; chunk < 8; chunk++)
                    bits |= (BinaryPrimitives.ReadUInt32LittleEndian(block[(16 + 4 * chunk)..]) >> sub & 0x01010101) << chunk;
                Interleave.Place(vectors, 4, row, bits);
            }
        }
    }

    /// <inheritdoc/>
    public static void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        block.Clear();
        Interleave.TakeHalf(panel, row, block);
        Interleave.TakeHalf(panel[16..], row, block[2..]);
        PanelScales.Unpack(panel[32..], row, block.Slice(4, 12));
        for (int sub = 0; sub < 8; sub++)
        {
            ReadOnlySpan<byte> vectors = panel[(128 + 160 * sub)..];
            Interleave.GatherNibbles(vectors, row, sub % 2 == 1, block.Slice(48 + 32 * (sub / 2), 32));
            uint bits = Interleave.Take(vectors, 4, row);
            for (int chunk = 0; chunk < 8; chunk++)
            {
                Span<byte> word = block[(16 + 4 * chunk)..];
                BinaryPrimitives.WriteUInt32LittleEndian(word, BinaryPrimitives.ReadUInt32LittleEndian(word) | (bits >> chunk & 0x01010101) << sub);
            }
        }
    }
}
