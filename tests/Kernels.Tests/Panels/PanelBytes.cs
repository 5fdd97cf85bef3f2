using System.Buffers.Binary;
using MeKi.Quant;

namespace MeKi.Kernels.Tests.Panels;

/// <summary>Which values the fields of random blocks take.</summary>
public enum BlockKind
{
    /// <summary>Scales as weights have them, any codes.</summary>
    Ordinary,

    /// <summary>Finite extremes: scales of zero, subnormal and ±65504, codes all zero, all largest or −128, 6-bit scales of 63, 8-bit ones of ±128.</summary>
    Extreme,

    /// <summary>As <see cref="Extreme"/>, halves below 1.</summary>
    Small,

    /// <summary>As <see cref="Extreme"/>, one number in sixteen infinite or NaN.</summary>
    Special,

    /// <summary>Any bytes.</summary>
    Random,
}

/// <summary>Panels of blocks whose every field is written into the bytes, and activations to meet them.</summary>
internal static class PanelBytes
{
    private static readonly ushort[] FiniteHalves = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x83FF, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF];
    private static readonly ushort[] SmallHalves = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x83FF, 0x2E66, 0xAE66, 0x3BFF, 0xBBFF];
    private static readonly ushort[] SpecialHalves = [0x7C00, 0xFC00, 0x7E00, 0x7C01, 0xFFFF];
    private static readonly float[] FiniteFloats = [0, -0f, float.Epsilon, -1e-38f, 1, -1, 3e38f, float.MinValue];
    private static readonly float[] SpecialFloats = [float.PositiveInfinity, float.NegativeInfinity, float.NaN];

    /// <summary>Fills whole panels, [panels × blocks of a panel], interleaving block by block.</summary>
    public static void Fill(PanelFormat format, Span<byte> panels, BlockKind kind, Random random)
    {
        Span<byte> blocks = stackalloc byte[format.BlockBytes];
        for (; panels.Length > 0; panels = panels[format.BlockBytes..])
        {
            random.NextBytes(blocks);
            for (int row = 0; row < PanelFormat.Rows && kind != BlockKind.Random; row++)
                FillBlock(format.Block.Type, blocks.Slice(row * format.Block.BlockBytes, format.Block.BlockBytes), kind, random);
            format.Pack(blocks, panels[..format.BlockBytes]);
        }
    }

    /// <summary>A token's activations: random, all zero, so small that they count as zero or just not, huge, with scales around 65,536, or with an
    /// infinity or NaN in one block.</summary>
    public static void FillToken(Span<float> x, Random random)
    {
        int style = random.Next(9);
        float magnitude = style switch { 0 => 0, 1 => 1e-38f, 2 => 2e-30f, 3 => 3e38f, 8 => 127 * 65_537f, _ => 4 };
        foreach (ref float value in x)
            value = (random.NextSingle() * 2 - 1) * magnitude;
        if (style == 4 && x.Length > 0)
            x[random.Next(x.Length)] = SpecialFloats[random.Next(SpecialFloats.Length)];
        if (style == 5)
            x[..Math.Min(32, x.Length)].Clear();
    }

    private static void FillBlock(GgmlType type, Span<byte> block, BlockKind kind, Random random)
    {
        switch (type)
        {
            case GgmlType.F32:
                BinaryPrimitives.WriteSingleLittleEndian(block, SomeFloat(kind, random));
                break;
            case GgmlType.F16:
                WriteHalf(block, kind, random);
                break;
            case GgmlType.BF16:
                BinaryPrimitives.WriteUInt16LittleEndian(block, (ushort)(BitConverter.SingleToUInt32Bits(SomeFloat(kind, random)) >> 16));
                break;
            case GgmlType.Q8_0 or GgmlType.Q4_0:
                WriteHalf(block, kind, random);
                WriteBytes(block[2..], kind, random);
                break;
            case GgmlType.Q3_K:
                WriteBytes(block[..96], kind, random);
                // Bytes of 0 are sixteen times −32, of 0xFF sixteen times 31.
                WriteBytes(block.Slice(96, 12), kind, random);
                WriteHalf(block[108..], kind, random);
                break;
            case GgmlType.Q4_K or GgmlType.Q5_K:
                WriteHalf(block, kind, random);
                WriteHalf(block[2..], kind, random);
                // Bytes of 0xFF are sixteen times 63.
                WriteBytes(block.Slice(4, 12), kind, random);
                WriteBytes(block[16..], kind, random);
                break;
            case GgmlType.Q6_K:
                WriteBytes(block[..192], kind, random);
                WriteBytes(block.Slice(192, 16), kind, random);
                WriteHalf(block[208..], kind, random);
                break;
            default:
                throw new ArgumentException($"{type} has no fields here: write them down.", nameof(type));
        }
    }

    // Random codes where they are ordinary, else often all the same: the largest of any width, −128, 127, 0 or the nibbles' zero point.
    private static void WriteBytes(Span<byte> bytes, BlockKind kind, Random random)
    {
        ReadOnlySpan<byte> extremes = [0x00, 0xFF, 0x80, 0x7F, 0x88];
        if (kind != BlockKind.Ordinary && random.Next(4) > 0)
            bytes.Fill(extremes[random.Next(extremes.Length)]);
    }

    private static void WriteHalf(Span<byte> to, BlockKind kind, Random random) => BinaryPrimitives.WriteUInt16LittleEndian(to, kind switch
    {
        BlockKind.Ordinary => BitConverter.HalfToUInt16Bits((Half)(random.NextSingle() * 0.1f)),
        BlockKind.Small => SmallHalves[random.Next(SmallHalves.Length)],
        BlockKind.Special when random.Next(16) == 0 => SpecialHalves[random.Next(SpecialHalves.Length)],
        _ => FiniteHalves[random.Next(FiniteHalves.Length)],
    });

    private static float SomeFloat(BlockKind kind, Random random) => kind switch
    {
        BlockKind.Ordinary => random.NextSingle() * 2 - 1,
        BlockKind.Special when random.Next(16) == 0 => SpecialFloats[random.Next(SpecialFloats.Length)],
        _ => FiniteFloats[random.Next(FiniteFloats.Length)],
    };
}
