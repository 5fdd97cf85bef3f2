using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MeKi.Quant;

/// <summary>
/// What <see cref="Q4_K"/> and <see cref="Q5_K"/> share: the first sixteen bytes of a block (d, dmin, <see cref="SubScales"/>) and how they are found.
/// <code>
/// byte 0..1   d, half precision: the unit of the scales
/// byte 2..3   dmin, half precision: the unit of the minima
/// byte 4..15  scales and minima of the eight sub-blocks
/// </code>
/// In panels of eight rows the three follow each other for all rows: byte 0, 16 and 32.
/// </summary>
internal static class SubScaledBlock
{
    /// <summary>Bytes of d, dmin, scales and minima in a block.</summary>
    public const int HeaderBytes = ScalesAt + SubScales.Bytes;

    /// <summary>Bytes of them in a panel block.</summary>
    public const int PanelHeaderBytes = HeaderBytes * PanelFormat.Rows;

    /// <summary>Where dmin of the first row begins in a panel block.</summary>
    public const int PanelMinimumAt = sizeof(ushort) * PanelFormat.Rows;

    /// <summary>Where scales and minima begin in a panel block.</summary>
    public const int PanelScalesAt = ScalesAt * PanelFormat.Rows;

    private const int SubBlockSize = 32, ScalesAt = 2 * sizeof(ushort);

    /// <summary>What a code of sub-block j is multiplied with, and what is added then.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float Scale, float Offset) ScaleAndOffset(ReadOnlySpan<byte> block, int j)
    {
        ReadOnlySpan<byte> packed = block.Slice(ScalesAt, SubScales.Bytes);
        float d = (float)MemoryMarshal.Read<Half>(block), dmin = (float)MemoryMarshal.Read<Half>(block[2..]);
        return (d * SubScales.Scale(packed, j), -(dmin * SubScales.Minimum(packed, j)));
    }

    /// <summary>
    /// Encodes a block but for the packing of its codes: searches scale and minimum of each sub-block, rounds them to 6 bits in units of a 63rd of the largest,
    /// and rounds the values once more to scales and minima as they are stored.
    /// </summary>
    /// <param name="values">256 values.</param>
    /// <param name="maxCode">The last code.</param>
    /// <param name="firstStep">See <see cref="ScaleMinimumSearch.Find"/>.</param>
    /// <param name="lastCandidate">See <see cref="ScaleMinimumSearch.Find"/>.</param>
    /// <param name="header">Receives the first sixteen bytes of the block.</param>
    /// <param name="codes">Receives 256 codes.</param>
    public static void Encode(ReadOnlySpan<float> values, int maxCode, float firstStep, int lastCandidate, Span<byte> header, Span<byte> codes)
    {
        Span<float> scales = stackalloc float[SubScales.Count], minima = stackalloc float[SubScales.Count];
        ScaleMinimumSearch.Find(values, maxCode, firstStep, lastCandidate, scales, minima, codes);
        Span<byte> storedScales = stackalloc byte[SubScales.Count], storedMinima = stackalloc byte[SubScales.Count];
        MemoryMarshal.Write(header, (Half)Store(scales, storedScales));
        MemoryMarshal.Write(header[2..], (Half)Store(minima, storedMinima));
        SubScales.Pack(storedScales, storedMinima, header.Slice(ScalesAt, SubScales.Bytes));
        for (int j = 0; j < SubScales.Count; j++)
        {
            (float scale, float offset) = ScaleAndOffset(header, j);
            // A sub-block whose stored scale is zero decodes to its minimum whatever its codes; ggml leaves those of the search.
            if (scale != 0)
                RoundedCodes.Write(values.Slice(SubBlockSize * j, SubBlockSize), scale, -offset, 0, maxCode, codes[(SubBlockSize * j)..]);
        }
    }

    /// <summary>Places a row's first sixteen bytes in a panel block.</summary>
    public static void PackHeader(ReadOnlySpan<byte> block, Span<byte> panel, int row)
    {
        Interleave.PlaceHalf(block, panel, row);
        Interleave.PlaceHalf(block[2..], panel[PanelMinimumAt..], row);
        ReadOnlySpan<byte> packed = block.Slice(ScalesAt, SubScales.Bytes);
        Span<byte> values = stackalloc byte[PanelScales.Count];
        for (int j = 0; j < SubScales.Count; j++)
            (values[j], values[SubScales.Count + j]) = ((byte)SubScales.Scale(packed, j), (byte)SubScales.Minimum(packed, j));
        PanelScales.Pack(values, panel[PanelScalesAt..], row);
    }

    /// <summary>Takes a row's first sixteen bytes out of a panel block.</summary>
    public static void UnpackHeader(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        Interleave.TakeHalf(panel, row, block);
        Interleave.TakeHalf(panel[PanelMinimumAt..], row, block[2..]);
        Span<byte> values = stackalloc byte[PanelScales.Count];
        PanelScales.Unpack(panel[PanelScalesAt..], row, values);
        SubScales.Pack(values[..SubScales.Count], values[SubScales.Count..], block.Slice(ScalesAt, SubScales.Bytes));
    }

    /// <summary>Rounds numbers to 6 bits in units of a 63rd of the largest, which is returned.</summary>
    private static float Store(ReadOnlySpan<float> exact, Span<byte> stored)
    {
        float largest = 0;
        foreach (float number in exact)
            largest = number > largest ? number : largest;
        float inverse = largest > 0 ? SubScales.Max / largest : 0;
        for (int j = 0; j < stored.Length; j++)
            stored[j] = (byte)Math.Clamp((int)MathF.Round(inverse * exact[j]), 0, SubScales.Max);
        return largest / SubScales.Max;
    }
}
