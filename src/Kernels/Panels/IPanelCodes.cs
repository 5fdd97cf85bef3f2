using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The block decoder of one panel format whose codes are integers: <c>value = scale · sub-scale · (code − zero) − minimum</c>. 32 columns are a group: eight
/// chunks of four columns, each chunk one vector of eight rows. Layouts are those of <see cref="Quant.Panels"/>.
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

    /// <summary>
    /// Whether codes are around zero: half of the largest stands for it, 8 or, with sub-scales, 32 (<see cref="QuantizedGroup"/> has the sums that correct for
    /// it).
    /// </summary>
    static abstract bool Centred { get; }

    /// <summary>
    /// Where a block's sub-scales begin, signed bytes, [groups × 2 halves × 8 rows]; 0 where the halves of a group have none of their own within the block's
    /// scale.
    /// </summary>
    static abstract int SubScalesAt { get; }

    /// <summary>Whether a group has minima.</summary>
    static abstract bool HasMinima { get; }

    /// <summary>Decodes chunk <paramref name="i"/> and chunk i + 4 of a group, i &lt; 4.</summary>
    static abstract void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>
    /// Decodes what groups of a block have in common: a vector of scales for each group or for all, and 64 floats from the first a vector of minima for each.
    /// Nothing where a group is a block.
    /// </summary>
    static abstract void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>The scales of a group, of the block or of what was decoded.</summary>
    static abstract TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>;
}
