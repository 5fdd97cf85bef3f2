using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The block decoder of one panel format whose codes are integers: <c>value = scale · sub-scale · (code − zero) − minimum</c>. 32 columns are a group: eight chunks of
/// four columns, each chunk one vector of eight rows. Layouts are those of <see cref="Quant.Panels"/>.
/// </summary>
internal unsafe interface IPanelCodes
{
    /// <summary>Bytes of a panel block.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>Groups of 32 columns in a block.</summary>
    static abstract int Groups { get; }

    /// <summary>Where the first group's codes begin.</summary>
    static abstract int CodesAt { get; }

    /// <summary>Bytes from one group's codes to the next's.</summary>
    static abstract int GroupBytes { get; }

    /// <summary>Bits of an unsigned code; 8 says that codes are signed bytes, stored as they are.</summary>
    static abstract int CodeBits { get; }

    /// <summary>Whether codes are around zero: half of the largest stands for it, 8 or, with sub-scales, 32 (<see cref="QuantizedGroup"/> has the sums that correct for it).</summary>
    static abstract bool Centred { get; }

    /// <summary>Whether the two halves of a group have integer scales of their own within that of the block.</summary>
    static abstract bool HasSubScales { get; }

    /// <summary>Whether a group has minima.</summary>
    static abstract bool HasMinima { get; }

    /// <summary>Decodes chunk <paramref name="i"/> and chunk i + 4 of a group, i &lt; 4.</summary>
    static abstract void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>Decodes a block's scales, a vector for each group; 64 floats from the first, its minima, likewise, or its sub-scales, two vectors for each group.</summary>
    static abstract void Scales<TVector>(byte* block, float* scales)
        where TVector : struct, IPanelVector<TVector>;
}
