using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Two-bit blocks of 256 values in sixteen sub-blocks of 16, each with a 4-bit scale and a 4-bit minimum in units of two half-precision numbers d and dmin:
/// <c>value = (d · scale) · q − (dmin · minimum)</c> (GGUF type 10, ggml's <c>block_q2_K</c>).
/// <code>
/// byte 0..15   byte j: scale[j] in the low half, minimum[j] in the high half
/// byte 16..79  two halves of 32 bytes; byte i of half h: q[128·h + i], q[.. + 32 + i], q[.. + 64 + i], q[.. + 96 + i], lowest first
/// byte 80..81  d, half precision
/// byte 82..83  dmin, half precision
/// </code>
/// Encoding searches scale and minimum of each sub-block (<see cref="ScaleMinimumSearch"/>), rounds them to 4 bits in units of a 15th of the largest, and
/// rounds the values once more to scales and minima as they are stored.
/// </summary>
internal readonly struct Q2_K : IBlockFormat
{
    /// <summary>Values of a block.</summary>
    public const int Columns = 256;

    /// <summary>Bytes of a block.</summary>
    public const int Bytes = MinimumAt + sizeof(ushort);

    private const int SubBlocks = 16, SubBlockSize = Columns / SubBlocks, MaxCode = 3, MaxScale = 15;

    private const int CodesAt = SubBlocks, ScaleAt = CodesAt + Columns / 4, MinimumAt = ScaleAt + sizeof(ushort);

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q2_K;

    /// <inheritdoc/>
    public static int BlockSize => Columns;

    /// <inheritdoc/>
    public static int BlockBytes => Bytes;

    /// <inheritdoc/>
    public static float MaxMagnitude => F16.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Vector128<byte> two = Vector128.Create((byte)MaxCode);
        for (; blocks.Length > 0; blocks = blocks[Bytes..], values = values[Columns..])
        {
            for (int sub = 0; sub < SubBlocks; sub++)
            {
                (float scale, float minimum) = ScaleAndMinimum(blocks, sub);
                Vector128<byte> codes = Vector128.Create(blocks.Slice(CodesAt + 32 * (sub / 8) + SubBlockSize * (sub % 2), 16)) >>> (sub % 8 / 2 * 2) & two;
                ScaledCodes.Write(codes, scale, -minimum, values[(SubBlockSize * sub)..]);
            }
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Span<byte> codes = stackalloc byte[Columns];
        for (; values.Length > 0; values = values[Columns..], blocks = blocks[Bytes..])
        {
            Span<byte> block = blocks[..Bytes];
            block.Clear();
            EncodeScales(values[..Columns], block, codes);
            for (int i = 0; i < Columns; i++)
                block[CodesAt + 32 * (i / 128) + i % 32] |= (byte)(codes[i] << (i % 128 / 32 * 2));
        }
    }

    private static void EncodeScales(ReadOnlySpan<float> values, Span<byte> block, Span<byte> codes)
    {
        Span<float> scales = stackalloc float[SubBlocks], minima = stackalloc float[SubBlocks];
        for (int half = 0; half < 2; half++)
        {
            // 16 candidates: ranges of 2.5, 2.6 .. 4.0 steps.
            ScaleMinimumSearch.FindOfMagnitudes(values.Slice(128 * half, 128), MaxCode, -0.5f, 15, scales[(8 * half)..], minima[(8 * half)..],
                codes[(128 * half)..]);
        }
        Span<byte> stored = stackalloc byte[SubBlocks];
        MemoryMarshal.Write(block[ScaleAt..], (Half)Store(scales, stored));
        stored.CopyTo(block);
        MemoryMarshal.Write(block[MinimumAt..], (Half)Store(minima, stored));
        for (int sub = 0; sub < SubBlocks; sub++)
        {
            block[sub] |= (byte)(stored[sub] << 4);
            (float scale, float minimum) = ScaleAndMinimum(block, sub);
            // A sub-block whose stored scale is zero decodes to its minimum whatever its codes; ggml leaves those of the search.
            if (scale != 0)
                RoundedCodes.Write(values.Slice(SubBlockSize * sub, SubBlockSize), scale, minimum, 0, MaxCode, codes[(SubBlockSize * sub)..]);
        }
    }

    private static float Store(ReadOnlySpan<float> exact, Span<byte> stored)
    {
        float largest = 0;
        foreach (float number in exact)
            largest = number > largest ? number : largest;
        float inverse = largest > 0 ? MaxScale / largest : 0;
        for (int j = 0; j < stored.Length; j++)
            stored[j] = (byte)Math.Clamp((int)MathF.Round(inverse * exact[j]), 0, MaxScale);
        return largest / MaxScale;
    }

    private static (float Scale, float Minimum) ScaleAndMinimum(ReadOnlySpan<byte> block, int sub)
    {
        float d = (float)MemoryMarshal.Read<Half>(block[ScaleAt..]), dmin = (float)MemoryMarshal.Read<Half>(block[MinimumAt..]);
        return (d * (block[sub] & 15), dmin * (block[sub] >> 4));
    }
}
