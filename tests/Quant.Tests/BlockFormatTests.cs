namespace MeKi.Quant.Tests;

/// <summary>What holds for every format because it stands in the table.</summary>
public class BlockFormatTests
{
    public static TheoryData<GgmlType> All => [.. BlockFormat.All.Select(format => format.Type)];

    /// <summary>
    /// Every format but those whose sub-blocks have scales rounded to 6 or 8 bits. Those search for a scale by weighted least squares, and the search on
    /// decoded values may prefer another than the rounded one that made them; ggml's does the same. How little they lose stands in EncodingErrorTests.
    /// </summary>
    public static TheoryData<GgmlType> Stable =>
        [.. BlockFormat.All.Select(format => format.Type).Where(type => type is not (GgmlType.Q4_K or GgmlType.Q5_K or GgmlType.Q6_K))];

    [Theory]
    [MemberData(nameof(All))]
    public void A_format_has_the_size_that_GGUF_gives_it(GgmlType type)
    {
        Assert.True(GgmlTypeLayout.TryGetLayout(type, out int size, out int bytes));
        Assert.Equal((size, bytes), (BlockFormat.Of(type).BlockSize, BlockFormat.Of(type).BlockBytes));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Lengths_that_do_not_belong_together_are_refused(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        Assert.Throws<ArgumentException>(() => format.Decode(new byte[format.BlockBytes], new float[2 * format.BlockSize]));
        Assert.Throws<ArgumentException>(() => format.Encode(new float[format.BlockSize], new byte[format.BlockBytes + 1]));
        format.Decode([], []);
        format.Encode([], []);
    }

    [Theory]
    [MemberData(nameof(Stable))]
    public void Encoding_what_was_decoded_changes_nothing(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        Random random = new(7);
        float[] values = new float[16 * format.BlockSize];
        for (int i = 0; i < values.Length; i++)
            values[i] = random.NextSingle() * 2 - 1;
        byte[] first = new byte[format.RowBytes(values.Length)], second = new byte[first.Length];
        format.Encode(values, first);
        format.Decode(first, values);
        format.Encode(values, second);
        Assert.Equal(first, second);
    }

    [Fact]
    public void An_unknown_type_is_refused_by_name()
    {
        Assert.Null(BlockFormat.Find(GgmlType.IQ1_M));
        Assert.Contains("IQ1_M", Assert.Throws<NotSupportedException>(() => BlockFormat.Of(GgmlType.IQ1_M)).Message, StringComparison.Ordinal);
    }
}
