namespace MeKi.Quant.Tests;

/// <summary>What holds for every format because it stands in the table.</summary>
public class BlockFormatTests
{
    public static TheoryData<GgmlType> All => [.. BlockFormat.All.Select(format => format.Type)];

    /// <summary>
    /// Every format but those whose sub-blocks have scales rounded to 4, 6 or 8 bits. Those search for a scale by weighted least squares, and the search on
    /// decoded values may prefer another than the rounded one that made them; ggml's does the same. How little they lose stands in EncodingErrorTests.
    /// </summary>
    public static TheoryData<GgmlType> Stable =>
        [.. BlockFormat.All.Select(format => format.Type)
            .Where(type => type is not (GgmlType.Q2_K or GgmlType.Q3_K or GgmlType.Q4_K or GgmlType.Q5_K or GgmlType.Q6_K))];

    [Theory]
    [MemberData(nameof(All))]
    public void A_format_has_the_size_that_GGUF_gives_it(GgmlType type)
    {
        (int size, int bytes) = type switch
        {
            GgmlType.F32 => (1, 4),
            GgmlType.F16 or GgmlType.BF16 => (1, 2),
            GgmlType.Q4_0 or GgmlType.IQ4_NL => (32, 18),
            GgmlType.Q4_1 => (32, 20),
            GgmlType.Q5_0 => (32, 22),
            GgmlType.Q5_1 => (32, 24),
            GgmlType.Q8_0 => (32, 34),
            GgmlType.Q2_K => (256, 84),
            GgmlType.Q3_K => (256, 110),
            GgmlType.Q4_K => (256, 144),
            GgmlType.Q5_K => (256, 176),
            GgmlType.Q6_K => (256, 210),
            _ => throw new ArgumentException($"{type} has no size here: look it up.", nameof(type)),
        };
        Assert.Equal((size, bytes), (BlockFormat.Of(type).BlockSize, BlockFormat.Of(type).BlockBytes));
        Assert.True(GgmlTypeLayout.TryGetLayout(type, out int fileSize, out int fileBytes));
        Assert.Equal((size, bytes), (fileSize, fileBytes));
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
