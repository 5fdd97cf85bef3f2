using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Formats;

/// <summary>
/// What kinds of integer codes differ in: the zero that codes are counted from, the dot product of a chunk, and how integer sums join the float sums. Types,
/// not branches: the just-in-time compiler would inline both sides of a branch before it knows the condition, and stop at its limit.
/// </summary>
internal unsafe interface ICodeKind
{
    /// <summary>Whether codes are signed bytes, which some machines multiply with magnitudes and signs apart.</summary>
    static abstract bool AreSigned { get; }

    /// <summary>Whether a group has minima.</summary>
    static abstract bool HaveMinima { get; }

    /// <summary>Whether the halves of a group have scales of their own within the group's.</summary>
    static abstract bool HaveSubScales { get; }

    /// <summary>Whether sums are taken of half a group at a time: its halves have scales of their own, or partial sums hold no more.</summary>
    /// <param name="codeBits">Bits of a code.</param>
    static abstract bool ByHalves<TVector>(int codeBits)
        where TVector : struct, ICodeVector<TVector>;

    /// <summary>The tokens' numbers that correct sums over codes counted from another zero: one for each group, or with sub-scales for each half.</summary>
    static abstract int* Corrections(in QuantizedGroup tokens);

    /// <summary>What sums begin with.</summary>
    /// <param name="correction">One of <see cref="Corrections"/>.</param>
    static abstract TVector Correction<TVector>(int* correction)
        where TVector : struct, ICodeVector<TVector>;

    /// <summary>Codes as several tokens meet them: with <see cref="DotOfExpanded"/>.</summary>
    static abstract TVector Expanded<TVector>(TVector codes)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>Adds a chunk's products.</summary>
    static abstract void Dot<TVector>(ref TVector sums, TVector codes, TVector four, int index)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>Adds the products of a chunk that was expanded.</summary>
    static abstract TVector DotOfExpanded<TVector>(TVector sums, TVector codes, TVector four, int index)
        where TVector : struct, ICodeVector<TVector>;

    /// <summary>A group's sums as 32-bit integers.</summary>
    static abstract TVector Integers<TVector>(TVector sums)
        where TVector : struct, ICodeVector<TVector>;

    /// <summary>A group's 32-bit integers from the sums of its halves.</summary>
    /// <param name="first">The first half's.</param>
    /// <param name="second">The second's.</param>
    /// <param name="codeBits">Bits of a code.</param>
    /// <param name="subScales">The halves' sub-scales, for the kind that has them.</param>
    static abstract TVector Sum<TVector>(TVector first, TVector second, int codeBits, byte* subScales)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>Adds a half group's sums to the group's integers.</summary>
    /// <param name="integers">The integers.</param>
    /// <param name="sums">The half's sums.</param>
    /// <param name="subScales">The half's sub-scales as expanded, for the kind that has them.</param>
    static abstract TVector AddHalf<TVector>(TVector integers, TVector sums, byte* subScales)
        where TVector : struct, ICodeVector<TVector>;

    /// <summary>Adds one panel's sums of a group, 32-bit integers, to one token's eight floats.</summary>
    /// <param name="y">The floats.</param>
    /// <param name="sums">The sums.</param>
    /// <param name="scales">The group's scales, [8].</param>
    /// <param name="minima">The group's minima, [8].</param>
    /// <param name="scale">The token's scale in every lane.</param>
    /// <param name="scaledSum">Its product with the sum of the token's codes.</param>
    static abstract void Add<TVector>(float* y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum)
        where TVector : struct, ICodeVector<TVector>;

    /// <summary>The floats in a register that sums join likewise.</summary>
    static abstract TVector Joined<TVector>(TVector y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum)
        where TVector : struct, ICodeVector<TVector>;
}
