using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Five-bit blocks of 256 values in eight sub-blocks of 32, each with a 6-bit scale and a 6-bit minimum in units of two half-precision numbers d and dmin:
/// <c>value = (d · scale) · q − (dmin · minimum)</c> (GGUF type 13, ggml's <c>block_q5_K</c>).
/// <code>
/// byte 0..1     d, half precision
/// byte 2..3     dmin, half precision
/// byte 4..15    scales and minima, see SubScales
/// byte 16..47   byte 16 + i: bit j is the fifth bit of q[32·j + i]
/// byte 48..175  four runs of 32 bytes; byte i of run p: the low four bits of q[64·p + i] in the low half, those of q[64·p + 32 + i] in the high half
/// </code>
/// Encoding searches scale and minimum of each sub-block: see <see cref="SubScaledBlock"/>.
/// In panels of eight rows:
/// <code>
/// byte 0..15       d of rows 0..7
/// byte 16..31      dmin of rows 0..7
/// byte 32..127     scales and minima, see PanelScales
/// byte 128..1407   per sub-block four vectors of the codes' low four bits, as Q4_0 has them, and one of their fifth bits:
///                  bit c of byte 4·r + j belongs to column 4·c + j
/// </code>
/// </summary>
internal readonly struct Q5_K : IPanelFormat
{
    /// <summary>Values of a block.</summary>
    public const int Columns = 256;

    /// <summary>Bytes of a block.</summary>
    public const int Bytes = CodesAt + Columns / 2;

    /// <summary>Where the codes' fifth bits begin in a block.</summary>
    public const int FifthBitsAt = SubScaledBlock.HeaderBytes;

    /// <summary>Where their low four bits begin.</summary>
    public const int CodesAt = FifthBitsAt + Columns / 8;

    /// <summary>Where the first sub-block's codes begin in a panel block.</summary>
    public const int PanelCodesAt = SubScaledBlock.PanelHeaderBytes;

    /// <summary>Bytes of a sub-block's codes in a panel block.</summary>
    public const int PanelGroupBytes = 5 * Interleave.VectorBytes;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q5_K;

    /// <inheritdoc/>
    public static int BlockSize => Columns;

    /// <inheritdoc/>
    public static int BlockBytes => Bytes;

    /// <inheritdoc/>
    public static float MaxMagnitude => F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Vector128<byte> fifth = Vector128.Create((byte)16);
        for (; blocks.Length > 0; blocks = blocks[Bytes..], values = values[Columns..])
        {
            Vector128<byte> bits0 = Vector128.Create(blocks.Slice(FifthBitsAt, 16)), bits1 = Vector128.Create(blocks.Slice(FifthBitsAt + 16, 16));
            for (int run = 0; run < 4; run++)
            {
                (float scale0, float offset0) = SubScaledBlock.ScaleAndOffset(blocks, 2 * run);
                (float scale1, float offset1) = SubScaledBlock.ScaleAndOffset(blocks, 2 * run + 1);
                for (int i = 0; i < 32; i += 16)
                {
                    // The two bits of this run moved to bits 4 and 5: shift left by 4 minus twice the run. The lanes are bytes, so nothing crosses over.
                    Vector128<byte> bits = i == 0 ? bits0 : bits1;
                    bits = run < 2 ? bits << (4 - 2 * run) : bits >>> (2 * run - 4);
                    (Vector128<byte> low, Vector128<byte> high) = Nibbles.Split(blocks.Slice(CodesAt + 32 * run + i, 16));
                    ScaledCodes.Write(low | (bits & fifth), scale0, offset0, values[(64 * run + i)..]);
                    ScaledCodes.Write(high | ((bits >>> 1) & fifth), scale1, offset1, values[(64 * run + 32 + i)..]);
                }
            }
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Span<byte> codes = stackalloc byte[Columns];
        for (; values.Length > 0; values = values[Columns..], blocks = blocks[Bytes..])
        {
            // 16 candidates: ranges of 30.5, 30.6 .. 32.0 steps.
            SubScaledBlock.Encode(values[..Columns], maxCode: 31, firstStep: -0.5f, lastCandidate: 15, blocks[..FifthBitsAt], codes);
            for (int i = 0; i < 32; i++)
            {
                int bits = 0;
                for (int j = 0; j < 8; j++)
                    bits |= codes[32 * j + i] >> 4 << j;
                blocks[FifthBitsAt + i] = (byte)bits;
            }
            for (int run = 0; run < 4; run++)
                Nibbles.Pack(codes.Slice(64 * run, 64), blocks.Slice(CodesAt + 32 * run, 32));
        }
    }

    /// <inheritdoc/>
    public static void PackPanel(ReadOnlySpan<byte> blocks, Span<byte> panel)
    {
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            ReadOnlySpan<byte> block = blocks.Slice(Bytes * row, Bytes);
            SubScaledBlock.PackHeader(block, panel, row);
            for (int sub = 0; sub < SubScales.Count; sub++)
            {
                Span<byte> vectors = panel[(PanelCodesAt + PanelGroupBytes * sub)..];
                Interleave.ScatterNibbles(block.Slice(CodesAt + 32 * (sub / 2), 32), sub % 2 == 1, vectors, row);
                Interleave.Place(vectors, 4, row, Interleave.GatherBits(block[FifthBitsAt..], sub));
            }
        }
    }

    /// <inheritdoc/>
    public static void UnpackRow(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        block.Clear();
        SubScaledBlock.UnpackHeader(panel, row, block);
        for (int sub = 0; sub < SubScales.Count; sub++)
        {
            ReadOnlySpan<byte> vectors = panel[(PanelCodesAt + PanelGroupBytes * sub)..];
            Interleave.GatherNibbles(vectors, row, sub % 2 == 1, block.Slice(CodesAt + 32 * (sub / 2), 32));
            Interleave.ScatterBits(Interleave.Take(vectors, 4, row), block[FifthBitsAt..], sub);
        }
    }
}
