using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Six-bit blocks of 256 values in sixteen sub-blocks of 16, each with a signed 8-bit scale in units of one half-precision number d:
/// <c>value = (d · scale) · (q − 32)</c> (GGUF type 14, ggml's <c>block_q6_K</c>).
/// <code>
/// byte 0..127    two halves of 64 bytes for 128 values each; byte i &lt; 32 of half h: the low four bits of q[128·h + i] in the low half,
///                those of q[128·h + 64 + i] in the high half; byte 32 + i: likewise q[128·h + 32 + i] and q[128·h + 96 + i]
/// byte 128..191  two halves of 32 bytes; byte i of half h: the upper two bits of q[128·h + i], q[.. + 32 + i], q[.. + 64 + i], q[.. + 96 + i], lowest first
/// byte 192..207  scale[0..15], signed
/// byte 208..209  d, half precision
/// </code>
/// Encoding searches the scale of each sub-block (<see cref="SignedScaleSearch"/>), gives the scale of largest magnitude the 8-bit scale −128,
/// and rounds the values once more to the scales as they are stored.
/// In panels of eight rows, whose groups of 32 columns are two sub-blocks:
/// <code>
/// byte 0..15       d of rows 0..7
/// byte 16..143     byte 16 + 8·s + r: the scale of sub-block s, row r
/// byte 144..1679   per group four vectors of the codes' low four bits, as Q4_0 has them, and two of their upper two bits:
///                  bits 2·c and 2·c + 1 of byte 4·r + j belong to column 4·c + j in the first, 16 + 4·c + j in the second
/// </code>
/// </summary>
internal readonly struct Q6_K : IPanelFormat
{
    /// <summary>Values of a block.</summary>
    public const int Columns = 256;

    /// <summary>Bytes of a block.</summary>
    public const int Bytes = ScaleAt + sizeof(ushort);

    /// <summary>Where the sub-blocks' scales begin in a block.</summary>
    public const int ScalesAt = UpperAt + Columns / 4;

    /// <summary>Where d is in a block.</summary>
    public const int ScaleAt = ScalesAt + SubBlocks;

    /// <summary>Where the scales of the sub-blocks begin in a panel block.</summary>
    public const int PanelScalesAt = sizeof(ushort) * PanelFormat.Rows;

    /// <summary>Where the first group's codes begin in a panel block.</summary>
    public const int PanelCodesAt = PanelScalesAt + SubBlocks * PanelFormat.Rows;

    /// <summary>Bytes of a group's codes in a panel block.</summary>
    public const int PanelGroupBytes = 6 * Interleave.VectorBytes;

    private const int SubBlocks = 16, SubBlockSize = Columns / SubBlocks, Middle = 32, Groups = Columns / 32, UpperAt = Columns / 2;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q6_K;

    /// <inheritdoc/>
    public static int BlockSize => Columns;

    /// <inheritdoc/>
    public static int BlockBytes => Bytes;

    /// <inheritdoc/>
    public static float MaxMagnitude => F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Vector128<byte> upper = Vector128.Create((byte)0x30), middle = Vector128.Create((byte)Middle);
        for (; blocks.Length > 0; blocks = blocks[Bytes..], values = values[Columns..])
        {
            float d = (float)MemoryMarshal.Read<Half>(blocks[ScaleAt..]);
            ReadOnlySpan<sbyte> scales = MemoryMarshal.Cast<byte, sbyte>(blocks.Slice(ScalesAt, SubBlocks));
            for (int half = 0; half < 2; half++)
            {
                for (int i = 0; i < 2; i++)
                {
                    // Sixteen bytes of low bits twice and sixteen of upper bits hold four runs of sixteen codes, 32 values apart.
                    (Vector128<byte> low0, Vector128<byte> low2) = Nibbles.Split(blocks.Slice(64 * half + 16 * i, 16));
                    (Vector128<byte> low1, Vector128<byte> low3) = Nibbles.Split(blocks.Slice(64 * half + 32 + 16 * i, 16));
                    Vector128<byte> bits = Vector128.Create(blocks.Slice(UpperAt + 32 * half + 16 * i, 16));
                    int first = 8 * half + i;
                    ScaledCodes.Write(((low0 | ((bits << 4) & upper)) - middle).AsSByte(), d * scales[first], values[(16 * first)..]);
                    ScaledCodes.Write(((low1 | ((bits << 2) & upper)) - middle).AsSByte(), d * scales[first + 2], values[(16 * first + 32)..]);
                    ScaledCodes.Write(((low2 | (bits & upper)) - middle).AsSByte(), d * scales[first + 4], values[(16 * first + 64)..]);
                    ScaledCodes.Write(((low3 | ((bits >>> 2) & upper)) - middle).AsSByte(), d * scales[first + 6], values[(16 * first + 96)..]);
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
            EncodeScales(values[..Columns], blocks[..Bytes], codes);
            PackCodes(codes, blocks);
        }
    }

    /// <summary>One code of a block.</summary>
    public static int Code(ReadOnlySpan<byte> block, int i)
    {
        int half = i / 128, quarter = i % 128 / 32, column = i % 32;
        int low = block[64 * half + 32 * (quarter % 2) + column] >> (quarter / 2 * 4) & 15;
        return low | (block[UpperAt + 32 * half + column] >> (2 * quarter) & 3) << 4;
    }

    private static void EncodeScales(ReadOnlySpan<float> values, Span<byte> block, Span<byte> codes)
    {
        Span<float> scales = stackalloc float[SubBlocks];
        SignedScaleSearch.Find(values[..128], Middle, scales, codes);
        SignedScaleSearch.Find(values[128..], Middle, scales[8..], codes[128..]);
        float largest = 0;
        foreach (float scale in scales)
            largest = Math.Abs(scale) > Math.Abs(largest) ? scale : largest;
        if (Math.Abs(largest) < SignedScaleSearch.Zero)
        {
            // Nothing to scale: ggml writes a block of zero bytes, codes included.
            block.Clear();
            codes.Clear();
            return;
        }
        float inverse = -128 / largest;
        Half d = (Half)(1 / inverse);
        MemoryMarshal.Write(block[ScaleAt..], d);
        for (int j = 0; j < SubBlocks; j++)
        {
            int stored = (int)MathF.Min(127, MathF.Round(inverse * scales[j]));
            block[ScalesAt + j] = (byte)(sbyte)stored;
            float scale = (float)d * stored;
            // A sub-block whose stored scale is zero decodes to zeros whatever its codes; ggml leaves those of the search.
            if (scale != 0)
                RoundedCodes.Write(values.Slice(SubBlockSize * j, SubBlockSize), scale, 0, -Middle, Middle - 1, codes[(SubBlockSize * j)..]);
        }
    }

    private static void PackCodes(ReadOnlySpan<byte> codes, Span<byte> block)
    {
        for (int half = 0; half < 2; half++, codes = codes[128..])
        {
            Nibbles.Pack(codes, block.Slice(64 * half, 64));
            Span<byte> upper = block.Slice(UpperAt + 32 * half, 32);
            for (int i = 0; i < 32; i++)
                upper[i] = (byte)((codes[i] >> 4) | (codes[i + 32] >> 4 << 2) | (codes[i + 64] >> 4 << 4) | (codes[i + 96] >> 4 << 6));
        }
    }

    /// <inheritdoc/>
    public static void PackPanel(ReadOnlySpan<byte> blocks, Span<byte> panel)
    {
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            ReadOnlySpan<byte> block = blocks.Slice(Bytes * row, Bytes);
            Interleave.PlaceHalf(block[ScaleAt..], panel, row);
            for (int s = 0; s < SubBlocks; s++)
                panel[PanelScalesAt + PanelFormat.Rows * s + row] = block[ScalesAt + s];
            for (int group = 0; group < Groups; group++)
            {
                Span<byte> vectors = panel[(PanelCodesAt + PanelGroupBytes * group)..];
                Interleave.ScatterNibbles(block.Slice(LowOf(group), 32), IsHigh(group), vectors, row);
                for (int half = 0; half < 2; half++)
                    Interleave.Place(vectors, 4 + half, row, Interleave.GatherPairs(block[(UpperOf(group) + 16 * half)..], UpperShift(group)));
            }
        }
    }

    /// <inheritdoc/>
    public static void UnpackRow(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        block.Clear();
        Interleave.TakeHalf(panel, row, block[ScaleAt..]);
        for (int s = 0; s < SubBlocks; s++)
            block[ScalesAt + s] = panel[PanelScalesAt + PanelFormat.Rows * s + row];
        for (int group = 0; group < Groups; group++)
        {
            ReadOnlySpan<byte> vectors = panel[(PanelCodesAt + PanelGroupBytes * group)..];
            Interleave.GatherNibbles(vectors, row, IsHigh(group), block.Slice(LowOf(group), 32));
            for (int half = 0; half < 2; half++)
                Interleave.ScatterPairs(Interleave.Take(vectors, 4 + half, row), block[(UpperOf(group) + 16 * half)..], UpperShift(group));
        }
    }

    // Where a block keeps a group's 32 columns: four groups share 64 bytes of low and 32 bytes of upper bits.
    private static int LowOf(int group) => 64 * (group / 4) + 32 * (group % 2);

    private static bool IsHigh(int group) => group % 4 >= 2;

    private static int UpperOf(int group) => UpperAt + 32 * (group / 4);

    private static int UpperShift(int group) => 2 * (group % 4);
}
