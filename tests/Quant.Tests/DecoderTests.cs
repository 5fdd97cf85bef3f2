using MeKi.Tests;

namespace MeKi.Quant.Tests;

/// <summary>Every decoder of the table against the definition of its block and against blocks of a real model that others wrote and decoded.</summary>
public class DecoderTests
{
    private static readonly string GoldenBlocks = Path.Combine(SharedMaterial.Repository, "tests", "Quant.Tests", "golden-blocks.txt");

    public static TheoryData<GgmlType> All => BlockFormatTests.All;

    internal static string[][] GoldenLines(GgmlType type) =>
        [.. File.ReadLines(GoldenBlocks).Select(line => line.Split(' ')).Where(line => line[0] == type.ToString())];

    [Theory]
    [MemberData(nameof(All))]
    public void Checked_in_blocks_decode_to_their_golden_values(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        string[][] lines = GoldenLines(type);
        Assert.NotEmpty(lines);
        foreach (string[] line in lines)
        {
            byte[] blocks = Convert.FromHexString(line[1]), expected = Convert.FromHexString(line[2]);
            float[] values = new float[blocks.Length / format.BlockBytes * format.BlockSize];
            format.Decode(blocks, values);
            Assert.Equal(expected, values.SelectMany(BitConverter.GetBytes));
        }
    }

    /// <summary>Blocks of random bytes: every code, every sub-scale, and scales of every kind, subnormal, infinite and NaN.</summary>
    [Theory]
    [MemberData(nameof(All))]
    public void Any_bytes_decode_as_the_definition_says(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        byte[] blocks = new byte[3000 * format.BlockBytes];
        new Random(11).NextBytes(blocks);
        float[] values = new float[3000 * format.BlockSize];
        format.Decode(blocks, values);
        for (int i = 0; i < values.Length; i++)
        {
            float expected = BlockDefinitions.Value(type, blocks.AsSpan(i / format.BlockSize * format.BlockBytes, format.BlockBytes), i % format.BlockSize);
            if (float.IsNaN(expected) ? !float.IsNaN(values[i]) : BitConverter.SingleToUInt32Bits(expected) != BitConverter.SingleToUInt32Bits(values[i]))
                Assert.Fail($"value {i}: {values[i]:R}, not {expected:R}");
        }
    }

    /// <summary>All 65,536 scales times every code of a byte.</summary>
    [Theory]
    [InlineData(GgmlType.Q4_0)]
    [InlineData(GgmlType.Q4_1)]
    [InlineData(GgmlType.IQ4_NL)]
    public void Every_scale_multiplies_every_nibble(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        byte[] block = new byte[format.BlockBytes];
        // Byte i holds i and 15 - i: the sixteen codes up and down.
        for (int i = 0; i < 16; i++)
            block[^(16 - i)] = (byte)(i | (15 - i) << 4);
        float[] values = new float[32];
        for (int scale = 0; scale < 65536; scale++)
        {
            BitConverter.TryWriteBytes(block, (ushort)scale);
            format.Decode(block, values);
            for (int i = 0; i < 32; i++)
            {
                float expected = BlockDefinitions.Value(type, block, i);
                if (!(values[i] == expected || (float.IsNaN(values[i]) && float.IsNaN(expected))))
                    Assert.Fail($"scale {scale:x4}, code {i}: {values[i]:R}, not {expected:R}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Decoding_and_encoding_allocate_nothing(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        float[] values = [.. Enumerable.Range(0, 9 * format.BlockSize).Select(i => MathF.Sin(i))];
        byte[] blocks = new byte[9 * format.BlockBytes];
        // The runtime may allocate in the midst of it, on this thread's account; a format that allocated would do so each time.
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 20 && least > 0; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            format.Encode(values, blocks);
            format.Decode(blocks, values);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(0, least);
    }
}
