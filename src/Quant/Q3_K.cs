using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Three-bit blocks of 256 values in sixteen sub-blocks of 16, each with a 6-bit scale around 32 in units of one half-precision number d:
/// <c>value = (d · (scale − 32)) · (q − 4)</c> (GGUF type 11, ggml's <c>block_q3_K</c>).
/// <code>
/// byte 0..31     byte i: bit j is the third bit of q[32·j + i]
/// byte 32..95    two halves of 32 bytes; byte i of half h: the low two bits of q[128·h + i], q[.. + 32 + i], q[.. + 64 + i], q[.. + 96 + i], lowest first
/// byte 96..103   byte 96 + j: the low four bits of scale[j] in the low half, those of scale[j + 8] in the high half
/// byte 104..107  byte 104 + j: the upper two bits of scale[j], scale[j + 4], scale[j + 8], scale[j + 12], lowest first
/// byte 108..109  d, half precision
/// </code>
/// Encoding searches the scale of each sub-block (<see cref="CodewiseScaleSearch"/>), gives the scale of largest magnitude the 6-bit scale 0, and rounds the
/// values once more to the scales as they are stored.
/// In panels of eight rows, whose groups of 32 columns are two sub-blocks:
/// <code>
/// byte 0..15       d of rows 0..7
/// byte 16..111     scales, see PanelScales
/// byte 112..879    per group two vectors of the codes' low two bits, as Q6_K has the upper ones, and one of their third bits, as Q5_K has the fifth
/// </code>
/// </summary>
internal readonly struct Q3_K : IPanelFormat
{
    /// <summary>Values of a block.</summary>
    public const int Columns = 256;

    /// <summary>Bytes of a block.</summary>
    public const int Bytes = ScaleAt + sizeof(ushort);

    /// <summary>Where d is in a block.</summary>
    public const int ScaleAt = ScalesAt + 3 * SubBlocks / 4;

    /// <summary>Where the scales of the sub-blocks begin in a panel block.</summary>
    public const int PanelScalesAt = sizeof(ushort) * PanelFormat.Rows;

    /// <summary>Where the first group's codes begin in a panel block.</summary>
    public const int PanelCodesAt = PanelScalesAt + 3 * SubBlocks / 4 * PanelFormat.Rows;

    /// <summary>Bytes of a group's codes in a panel block.</summary>
    public const int PanelGroupBytes = 3 * Interleave.VectorBytes;

    private const int SubBlocks = 16, SubBlockSize = Columns / SubBlocks, Middle = 4, ScaleMiddle = 32, Groups = Columns / 32;

    // Of a block: low bits, scales of the sub-blocks.
    private const int LowAt = Columns / 8, ScalesAt = LowAt + Columns / 4;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q3_K;

    /// <inheritdoc/>
    public static int BlockSize => Columns;

    /// <inheritdoc/>
    public static int BlockBytes => Bytes;

    /// <inheritdoc/>
    public static float MaxMagnitude => F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Vector128<byte> two = Vector128.Create((byte)3), third = Vector128.Create((byte)4);
        for (; blocks.Length > 0; blocks = blocks[Bytes..], values = values[Columns..])
        {
            float d = (float)MemoryMarshal.Read<Half>(blocks[ScaleAt..]);
            for (int sub = 0; sub < SubBlocks; sub++)
            {
                int group = sub / 2, i = SubBlockSize * (sub % 2);
                Vector128<byte> low = Vector128.Create(blocks.Slice(LowOf(group) + i, 16)) >>> LowShift(group) & two;
                Vector128<byte> upper = Vector128.Create(blocks.Slice(i, 16)) >>> group << 2 & third;
                ScaledCodes.Write(((low | upper) - third).AsSByte(), d * Scale(blocks, sub), values[(SubBlockSize * sub)..]);
            }
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Span<sbyte> codes = stackalloc sbyte[Columns];
        for (; values.Length > 0; values = values[Columns..], blocks = blocks[Bytes..])
        {
            Span<byte> block = blocks[..Bytes];
            block.Clear();
            EncodeScales(values[..Columns], block, codes);
            for (int i = 0; i < Columns; i++)
            {
                int code = codes[i] + Middle, group = i / 32;
                block[i % 32] |= (byte)(code >> 2 << group);
                block[LowOf(group) + i % 32] |= (byte)((code & 3) << LowShift(group));
            }
        }
    }

    /// <inheritdoc/>
    public static void PackPanel(ReadOnlySpan<byte> blocks, Span<byte> panel)
    {
        Span<byte> scales = stackalloc byte[SubBlocks];
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            ReadOnlySpan<byte> block = blocks.Slice(Bytes * row, Bytes);
            Interleave.PlaceHalf(block[ScaleAt..], panel, row);
            for (int sub = 0; sub < SubBlocks; sub++)
                scales[sub] = (byte)(Scale(block, sub) + ScaleMiddle);
            PanelScales.Pack(scales, panel[PanelScalesAt..], row);
            for (int group = 0; group < Groups; group++)
            {
                Span<byte> vectors = panel[(PanelCodesAt + PanelGroupBytes * group)..];
                for (int half = 0; half < 2; half++)
                    Interleave.Place(vectors, half, row, Interleave.GatherPairs(block[(LowOf(group) + 16 * half)..], LowShift(group)));
                Interleave.Place(vectors, 2, row, Interleave.GatherBits(block, group));
            }
        }
    }

    /// <inheritdoc/>
    public static void UnpackRow(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        Span<byte> scales = stackalloc byte[SubBlocks];
        block.Clear();
        Interleave.TakeHalf(panel, row, block[ScaleAt..]);
        PanelScales.Unpack(panel[PanelScalesAt..], row, scales);
        for (int sub = 0; sub < SubBlocks; sub++)
            AddScale(block, sub, scales[sub]);
        for (int group = 0; group < Groups; group++)
        {
            ReadOnlySpan<byte> vectors = panel[(PanelCodesAt + PanelGroupBytes * group)..];
            for (int half = 0; half < 2; half++)
                Interleave.ScatterPairs(Interleave.Take(vectors, half, row), block[(LowOf(group) + 16 * half)..], LowShift(group));
            Interleave.ScatterBits(Interleave.Take(vectors, 2, row), block, group);
        }
    }

    /// <summary>What a sub-block's codes are multiplied with, in units of d: −32 … 31.</summary>
    public static int Scale(ReadOnlySpan<byte> block, int sub)
    {
        int low = block[ScalesAt + sub % 8] >> (4 * (sub / 8)) & 15, upper = block[ScalesAt + 8 + sub % 4] >> (2 * (sub / 4)) & 3;
        return (low | upper << 4) - ScaleMiddle;
    }

    /// <summary>One code of a block, counted from zero: −4 … 3.</summary>
    public static int Code(ReadOnlySpan<byte> block, int i)
    {
        int group = i / 32;
        return (block[LowOf(group) + i % 32] >> LowShift(group) & 3 | (block[i % 32] >> group & 1) << 2) - Middle;
    }

    private static void EncodeScales(ReadOnlySpan<float> values, Span<byte> block, Span<sbyte> codes)
    {
        Span<float> scales = stackalloc float[SubBlocks];
        float largest = 0;
        for (int sub = 0; sub < SubBlocks; sub++)
        {
            scales[sub] = CodewiseScaleSearch.Find(values.Slice(SubBlockSize * sub, SubBlockSize), Middle, codes.Slice(SubBlockSize * sub, SubBlockSize));
            largest = Math.Abs(scales[sub]) > Math.Abs(largest) ? scales[sub] : largest;
        }
        float inverse = largest != 0 ? -ScaleMiddle / largest : 0;
        Half d = (Half)(largest != 0 ? 1 / inverse : 0);
        MemoryMarshal.Write(block[ScaleAt..], d);
        for (int sub = 0; sub < SubBlocks; sub++)
        {
            // Where there is nothing to scale ggml writes the 6-bit scale 0, and leaves the codes.
            int stored = largest != 0 ? CodewiseScaleSearch.Round(inverse * scales[sub], ScaleMiddle) : -ScaleMiddle;
            AddScale(block, sub, stored + ScaleMiddle);
            float scale = (float)d * stored;
            // A sub-block whose stored scale is zero decodes to zeros whatever its codes; ggml leaves those of the search.
            for (int i = SubBlockSize * sub; i < SubBlockSize * (sub + 1) && scale != 0; i++)
                codes[i] = (sbyte)CodewiseScaleSearch.Round(values[i] / scale, Middle);
        }
    }

    private static void AddScale(Span<byte> block, int sub, int scale)
    {
        block[ScalesAt + sub % 8] |= (byte)((scale & 15) << (4 * (sub / 8)));
        block[ScalesAt + 8 + sub % 4] |= (byte)(scale >> 4 << (2 * (sub / 4)));
    }

    // Where a block keeps a group's 32 columns: four groups share 32 bytes of low bits.
    private static int LowOf(int group) => LowAt + 32 * (group / 4);

    private static int LowShift(int group) => 2 * (group % 4);
}
