
namespace MeKi.Quant.Tests;

/// <summary>Interleaving eight rows and taking them out again loses nothing.</summary>
public class PanelFormatTests
{
    public static TheoryData<GgmlType> All => [.. PanelFormat.All.Select(format => format.Block.Type)];

    [Theory]
    [MemberData(nameof(All))]
    public void Any_bytes_come_back(GgmlType type)
    {
        PanelFormat format = PanelFormat.Find(type)!;
        int bytes = format.Block.BlockBytes;
        Random random = new(11);
        byte[] blocks = new byte[format.BlockBytes], panel = new byte[format.BlockBytes], block = new byte[bytes];
        for (int round = 0; round < 200; round++)
        {
            random.NextBytes(blocks);
            // What was there before must not show.
            random.NextBytes(panel);
            random.NextBytes(block);
            format.Pack(blocks, panel);
            for (int row = 0; row < PanelFormat.Rows; row++)
            {
                format.Unpack(panel, row, block);
                Assert.Equal(blocks[(row * bytes)..((row + 1) * bytes)], block);
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Every_bit_of_the_rows_has_one_place_in_the_panel(GgmlType type)
    {
        PanelFormat format = PanelFormat.Find(type)!;
        byte[] blocks = new byte[format.BlockBytes], panel = new byte[format.BlockBytes], seen = new byte[format.BlockBytes];
        for (int bit = 0; bit < 8 * blocks.Length; bit++)
        {
            blocks[bit / 8] = (byte)(1 << (bit % 8));
            format.Pack(blocks, panel);
            blocks[bit / 8] = 0;
            Assert.Equal(1, panel.Sum(value => byte.PopCount(value)));
            for (int i = 0; i < seen.Length; i++)
                seen[i] |= panel[i];
        }
        Assert.All(seen, value => Assert.Equal(0xFF, value));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Lengths_and_rows_that_do_not_fit_are_refused(GgmlType type)
    {
        PanelFormat format = PanelFormat.Find(type)!;
        byte[] panel = new byte[format.BlockBytes], block = new byte[format.Block.BlockBytes];
        Assert.Throws<ArgumentException>(() => format.Pack(panel.AsSpan(1), panel));
        Assert.Throws<ArgumentException>(() => format.Pack(panel, new byte[panel.Length + 1]));
        Assert.Throws<ArgumentException>(() => format.Unpack(panel.AsSpan(1), 0, block));
        Assert.Throws<ArgumentException>(() => format.Unpack(panel, 0, panel));
        Assert.Throws<ArgumentOutOfRangeException>(() => format.Unpack(panel, 8, block));
        Assert.Throws<ArgumentOutOfRangeException>(() => format.Unpack(panel, -1, block));
        Assert.Equal(3 * format.PanelBytes(512), format.PanelsBytes(17, 512));
        Assert.Equal(0, format.PanelsBytes(0, 512));
    }

    [Fact]
    public void A_format_without_panels_has_none() => Assert.Null(PanelFormat.Find(GgmlType.IQ4_NL));
}
