using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary>
/// A weight format whose codes are integers, as the kernels read its panels: <c>value = scale · sub-scale · (code − zero) − minimum</c>. 32 columns are a
/// group: eight chunks of four columns, each chunk one vector of eight rows. Where things lie is said by the format itself (<see cref="IPanelFormat"/>).
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

    /// <summary>Bits of a code.</summary>
    static abstract int CodeBits { get; }

    /// <summary>Decodes chunk <paramref name="i"/> and chunk i + 4 of a group, i &lt; 4.</summary>
    static abstract void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary><see cref="Codes"/> where one token meets them: chunk i + 4's are larger by 2^<see cref="HighShift"/>, which its sums show.</summary>
    static abstract void ShiftedCodes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>k of <see cref="ShiftedCodes"/>; 0 for most.</summary>
    static abstract int HighShift<TVector>()
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>
    /// Whether <see cref="Panels.MovedScales"/> pays: a block is one group, whose scales are halves at its beginning, and few instructions beside them.
    /// </summary>
    static abstract bool MovesScales { get; }

    /// <summary>
    /// Decodes what groups of a block have in common: a vector of scales for each group or for all, and from float 64 on a vector of minima for each group or
    /// the sub-scales. Nothing where a group is a block.
    /// </summary>
    static abstract void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>The scales of a group, of the block or of what was decoded.</summary>
    static abstract TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>Where a group's sub-scales lie, signed bytes, [2 halves × 8 rows]; anywhere for a format that has none.</summary>
    static abstract byte* SubScales(byte* block, float* decoded, int group);

    /// <summary>
    /// Reads one row's block as rows have it, number by number: the meaning of the above, <c>value = scale · code − minimum</c>, for the scalar kernels.
    /// </summary>
    /// <param name="block">Its bytes.</param>
    /// <param name="codes">Receives [columns]; where a format has sub-scales, their products with them.</param>
    /// <param name="scales">Receives [groups].</param>
    /// <param name="minima">Receives [groups] where the format has minima.</param>
    static abstract void Read(ReadOnlySpan<byte> block, Span<short> codes, Span<float> scales, Span<float> minima);
}

/// <summary>An <see cref="IPanelCodes"/> of some kind.</summary>
/// <typeparam name="TKind">The kind.</typeparam>
internal interface IPanelCodes<TKind> : IPanelCodes
    where TKind : struct, ICodeKind;
