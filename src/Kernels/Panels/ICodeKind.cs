using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// What the tiles of integer formats differ in: the dot product of a chunk, and how two panels' integer sums join the float sums. Types, not branches: the
/// just-in-time compiler would inline both sides of a branch before it knows the condition, and stop at its limit.
/// </summary>
internal unsafe interface ICodeKind<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    /// <summary>What a token's sums of a group start with: the correction for codes that are larger than what they stand for.</summary>
    /// <param name="correction">The token's, of <see cref="QuantizedGroup.CentreCorrections8"/> or <see cref="QuantizedGroup.Sums"/>.</param>
    static abstract TVector Correction(int* correction);

    /// <summary>Adds a chunk's products.</summary>
    static abstract TVector Dot(TVector sums, TVector codes, TVector four, int index);

    /// <summary>A group's sums as 32-bit integers.</summary>
    static abstract TVector Integers(TVector sums);

    /// <summary>Adds a half group's sums to the group's integers.</summary>
    /// <param name="integers">The integers.</param>
    /// <param name="sums">The half's sums.</param>
    /// <param name="subScales">The half's sub-scales, for the kind that has them.</param>
    static abstract TVector AddHalf(TVector integers, TVector sums, byte* subScales);

    /// <summary>Adds one panel's sums of a group, 32-bit integers, to one token's eight floats.</summary>
    /// <param name="y">The floats.</param>
    /// <param name="sums">The sums.</param>
    /// <param name="scales">The group's scales, [8].</param>
    /// <param name="minima">The group's minima, [8].</param>
    /// <param name="scale">The token's scale in every lane.</param>
    /// <param name="scaledSum">Its product with the sum of the token's codes.</param>
    static abstract void Add(float* y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum);
}
