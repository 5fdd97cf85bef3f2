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
/// </summary>
internal readonly struct Q4_K : IBlockFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q4_K;

    /// <inheritdoc/>
    public static int BlockSize => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 144;

    /// <inheritdoc/>
    public static float MaxMagnitude => F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; blocks.Length > 0; blocks = blocks[144..], values = values[256..])
        {
            for (int run = 0; run < 4; run++)
            {
                (float scale0, float offset0) = SubScaledBlock.ScaleAndOffset(blocks, 2 * run);
                (float scale1, float offset1) = SubScaledBlock.ScaleAndOffset(blocks, 2 * run + 1);
                for (int i = 0; i < 32; i += 16)
                {
                    (Vector128<byte> low, Vector128<byte> high) = Nibbles.Split(blocks.Slice(16 + 32 * run + i, 16));
                    ScaledCodes.Write(low, scale0, offset0, values[(64 * run + i)..]);
                    ScaledCodes.Write(high, scale1, offset1, values[(64 * run + 32 + i)..]);
                }
            }
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Span<byte> codes = stackalloc byte[256];
        for (; values.Length > 0; values = values[256..], blocks = blocks[144..])
        {
            // 21 candidates: ranges of 14.0, 14.1 .. 16.0 steps.
            SubScaledBlock.Encode(values[..256], maxCode: 15, firstStep: -1, lastCandidate: 20, blocks[..16], codes);
            for (int run = 0; run < 4; run++)
                Nibbles.Pack(codes.Slice(64 * run, 64), blocks.Slice(16 + 32 * run, 32));
        }
    }
}
