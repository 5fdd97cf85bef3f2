using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using FsCheck;
using FsCheck.Fluent;

namespace MeKi.Store.Tests;

/// <summary>
/// The checksum against its specification and a bit-by-bit loop, with the processor's instruction and, in the leg without vectors, without it.
/// </summary>
public class Crc32CTests
{
    public static TheoryData<byte[], uint> Specification => new()
    {
        { [], 0 },
        { "123456789"u8.ToArray(), 0xE3069283 },
        // RFC 3720, appendix B.4.
        { new byte[32], 0x8A9136AA },
        { [.. Enumerable.Repeat((byte)0xFF, 32)], 0x62A8AB43 },
        { [.. Enumerable.Range(0, 32).Select(i => (byte)i)], 0x46DD794E },
        { [.. Enumerable.Range(0, 32).Select(i => (byte)(31 - i))], 0x113FDB5C },
    };

    [Theory]
    [MemberData(nameof(Specification))]
    public void It_is_that_of_the_specification(byte[] bytes, uint expected)
    {
        Assert.Equal(expected, Crc32C.Of(bytes));
        Assert.Equal(expected, BitByBit(bytes));
    }

    [Fact]
    public void Any_bytes_at_any_address_in_any_pieces_give_that_of_a_loop_over_bits() => Prop.ForAll(
        (from length in Gen.Choose(0, 300) from start in Gen.Choose(0, 15) from cut in Gen.Choose(0, length) from seed in Gen.Choose(0,
            int.MaxValue) select (length, start, cut, seed)).ToArbitrary(),
        sample =>
        {
            byte[] memory = new byte[sample.start + sample.length];
            new Random(sample.seed).NextBytes(memory);
            ReadOnlySpan<byte> bytes = memory.AsSpan(sample.start);
            uint expected = BitByBit(bytes);
            Assert.Equal(expected, Crc32C.Of(bytes));
            Assert.Equal(expected, ~Crc32C.Append(Crc32C.Append(Crc32C.Initial, bytes[..sample.cut]), bytes[sample.cut..]));
        }).QuickCheckThrowOnFailure();

    /// <summary>A switch that the runtime did not know would test the instruction once more (see .ci/run).</summary>
    [Fact]
    public void In_the_leg_without_vectors_there_is_no_instruction_for_it()
    {
        if (Environment.GetEnvironmentVariable("MEKI_TEST_LEG") == "scalar")
            Assert.False(Sse42.IsSupported || Crc32.IsSupported);
    }

    /// <summary>The reflected polynomial 0x1EDC6F41, one bit at a time.</summary>
    internal static uint BitByBit(ReadOnlySpan<byte> bytes)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
        }
        return ~crc;
    }
}
