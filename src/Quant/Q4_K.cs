using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Four-bit blocks of 256 values in eight sub-blocks of 32, each with a 6-bit scale and a 6-bit minimum in units of two half-precision numbers d and dmin:
/// <c>value = (d · scale) · q − (dmin · minimum)</c> (GGUF type 12, ggml's <c>block_q4_K</c>).
/// <code>
/// byte 0..1     d, half precision
/// byte 2..3     dmin, half precision
/// byte 4..15    scales and minima, see SubScales
/// byte 16..143  four runs of 32 bytes; byte i of run p: q[64·p + i] in the low four bits, q[64·p + 32 + i] in the high four
/// </code>
/// Encoding searches scale and minimum of each sub-block: see <see cref="SubScaledBlock"/>.
/// In panels of eight rows:
/// <code>
/// byte 0..15       d of rows 0..7
/// byte 16..31      dmin of rows 0..7
/// byte 32..127     scales and minima, see PanelScales
/// byte 128..1151   per sub-block four vectors of four-bit codes, as Q4_0 has them
/// </code>
/// </summary>
internal readonly struct Q4_K : IPanelFormat
{
    /// <summary>Values of a block.</summary>
    public const int Columns = 256;

    /// <summary>Bytes of a block.</summary>
    public const int Bytes = CodesAt + Columns / 2;

    /// <summary>Where the codes begin in a block.</summary>
    public const int CodesAt = SubScaledBlock.HeaderBytes;

    /// <summary>Where the first sub-block's codes begin in a panel block.</summary>
    public const int PanelCodesAt = SubScaledBlock.PanelHeaderBytes;

    /// <summary>Bytes of a sub-block's codes in a panel block.</summary>
    public const int PanelGroupBytes = 4 * Interleave.VectorBytes;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q4_K;

    /// <inheritdoc/>
    public static int BlockSize => Columns;

    /// <inheritdoc/>
    public static int BlockBytes => Bytes;

    /// <inheritdoc/>
    public static float MaxMagnitude => F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; blocks.Length > 0; blocks = blocks[Bytes..], values = values[Columns..])
        {
            for (int run = 0; run < 4; run++)
            {
                (float scale0, float offset0) = SubScaledBlock.ScaleAndOffset(blocks, 2 * run);
                (float scale1, float offset1) = SubScaledBlock.ScaleAndOffset(blocks, 2 * run + 1);
                for (int i = 0; i < 32; i += 16)
                {
                    (Vector128<byte> low, Vector128<byte> high) = Nibbles.Split(blocks.Slice(CodesAt + 32 * run + i, 16));
                    ScaledCodes.Write(low, scale0, offset0, values[(64 * run + i)..]);
                    ScaledCodes.Write(high, scale1, offset1, values[(64 * run + 32 + i)..]);
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
            // 21 candidates: ranges of 14.0, 14.1 .. 16.0 steps.
            SubScaledBlock.Encode(values[..Columns], maxCode: 15, firstStep: -1, lastCandidate: 20, blocks[..CodesAt], codes);
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
                Interleave.ScatterNibbles(block.Slice(CodesAt + 32 * (sub / 2), 32), sub % 2 == 1, panel[(PanelCodesAt + PanelGroupBytes * sub)..], row);
        }
    }

    /// <inheritdoc/>
    public static void UnpackRow(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        block.Clear();
        SubScaledBlock.UnpackHeader(panel, row, block);
        for (int sub = 0; sub < SubScales.Count; sub++)
            Interleave.GatherNibbles(panel[(PanelCodesAt + PanelGroupBytes * sub)..], row, sub % 2 == 1, block.Slice(CodesAt + 32 * (sub / 2), 32));
    }
}
