using MeKi.Quant;

namespace MeKi.Kernels.Tests;

/// <summary>Packing canonical rows into panels.</summary>
public unsafe class PanelMatrixTests
{
    public static TheoryData<GgmlType> Formats => [.. BlockFormat.All.Select(format => format.Type)];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Any_number_of_threads_packs_the_same_bytes_and_rows_decode_as_they_did(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        bool kept = PanelFormat.Find(type) is not null;
        foreach ((int rows, int blocks) in new[] { (1, 1), (8, 2), (13, 3), (70, 9) })
        {
            // 9 blocks of 32 columns are more than DecodeRow unpacks at once.
            int columns = blocks * format.BlockSize;
            byte[] data = Weights.Random(format, rows, columns, seed: rows);
            byte[]? expected = null;
            fixed (byte* pointer = data)
            {
                WeightMatrix canonical = new(format, rows, columns, pointer);
                foreach (int threads in new[] { 1, 2, 3, 8 })
                {
                    using ComputePool pool = new(threads);
                    PanelMatrix panels = PanelMatrix.Pack(canonical, pool);
                    Assert.Equal(kept ? type : GgmlType.Q8_0, panels.Format.Block.Type);
                    Assert.Equal((rows, columns, panels.Format.Block.RowBytes(columns) * rows), (panels.Rows, panels.Columns, panels.ByteLength));
                    byte[] bytes = new ReadOnlySpan<byte>(panels.Panel(0), (int)panels.OwnedBytes).ToArray();
                    expected ??= bytes;
                    Assert.Equal(expected, bytes);
                    AssertRows(canonical, panels);
                }
            }
        }
    }

    [Fact]
    public void Memory_of_a_matrix_no_longer_used_is_taken_and_filled_up_with_zeros()
    {
        using ComputePool pool = new(2);
        BlockFormat format = BlockFormat.Of(GgmlType.Q8_0);
        byte[] many = Weights.Random(format, 24, 64, seed: 1), few = Weights.Random(format, 9, 64, seed: 2);
        fixed (byte* large = many, small = few)
        {
            WeightMatrix rows = new(format, 9, 64, small);
            PanelMatrix used = PanelMatrix.Pack(new(format, 24, 64, large), pool), fresh = PanelMatrix.Pack(rows, pool);
            byte* memory = used.Panel(0);
            PanelMatrix again = PanelMatrix.Pack(rows, pool, used);
            Assert.True(again.Panel(0) == memory);
            Assert.Equal(new ReadOnlySpan<byte>(fresh.Panel(0), (int)fresh.OwnedBytes), new ReadOnlySpan<byte>(again.Panel(0), (int)again.OwnedBytes));
            byte[] block = new byte[format.BlockBytes];
            for (int row = 1; row < PanelFormat.Rows; row++)
            {
                again.Format.Unpack(new(again.Panel(1), again.Format.BlockBytes), row, block);
                Assert.All(block, value => Assert.Equal(0, value));
            }
        }
    }

    [Fact]
    public void A_slice_has_its_rows_of_the_whole()
    {
        using ComputePool pool = new(2);
        BlockFormat format = BlockFormat.Of(GgmlType.Q5_K);
        byte[] data = Weights.Random(format, 37, 512, seed: 5);
        float[] expected = new float[512], row = new float[512];
        fixed (byte* pointer = data)
        {
            PanelMatrix whole = PanelMatrix.Pack(new(format, 37, 512, pointer), pool);
            foreach ((int first, int panels, int rows) in new[] { (0, 5, 37), (0, 2, 16), (1, 3, 24), (3, 2, 13), (4, 1, 5), (2, 0, 0), (5, 0, 0) })
            {
                PanelMatrix slice = whole.Slice(first, panels);
                Assert.Equal((rows, 512, panels), (slice.Rows, slice.Columns, slice.Panels));
                for (int i = 0; i < rows; i++)
                {
                    whole.DecodeRow(8 * first + i, expected);
                    slice.DecodeRow(i, row);
                    Assert.Equal(expected, row);
                }
            }
            foreach ((int first, int panels) in new[] { (-1, 1), (0, -1), (0, 6), (4, 2), (6, 0) })
                Assert.Throws<ArgumentOutOfRangeException>(() => whole.Slice(first, panels));
        }
    }

    [Fact]
    public void Rows_that_are_not_there_and_rows_of_part_blocks_are_refused()
    {
        byte[] data = new byte[8 * 34];
        fixed (byte* pointer = data)
        {
            PanelMatrix matrix = new(PanelFormat.Find(GgmlType.Q8_0)!, 3, 32, pointer);
            Assert.Equal(0, matrix.OwnedBytes);
            Assert.Throws<ArgumentOutOfRangeException>(() => matrix.DecodeRow(3, new float[32]));
            Assert.Throws<ArgumentOutOfRangeException>(() => matrix.DecodeRow(-1, new float[32]));
        }
        Assert.Throws<ArgumentException>(() => new PanelMatrix(PanelFormat.Find(GgmlType.Q4_K)!, 1, 32, null));
    }

    // Rows encoded anew are those that encoding the decoded values gives.
    private static void AssertRows(WeightMatrix canonical, PanelMatrix panels)
    {
        BlockFormat format = panels.Format.Block;
        float[] expected = new float[canonical.Columns], actual = new float[canonical.Columns];
        byte[] encoded = new byte[format.RowBytes(canonical.Columns)];
        for (int row = 0; row < canonical.Rows; row++)
        {
            canonical.DecodeRow(row, expected);
            if (format != canonical.Format)
            {
                format.Encode(expected, encoded);
                format.Decode(encoded, expected);
            }
            panels.DecodeRow(row, actual);
            Bits.AssertSame(expected, actual, $"{canonical.Format.Name} row {row}");
        }
    }
}
