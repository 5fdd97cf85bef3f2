namespace MeKi.Kernels.Vectors;

/// <summary>
/// The words of a tile of integer codes, over any number of lanes, a row each: eight (<see cref="IPanelVector{TSelf}"/>) or the sixteen of two panels (<see
/// cref="X86.Avx512Codes"/>). A lane is four bytes, one 32-bit integer or one float32, and none meets another.
/// </summary>
/// <typeparam name="TSelf">The implementation.</typeparam>
internal unsafe interface ICodeVector<TSelf>
    where TSelf : struct, ICodeVector<TSelf>
{
    /// <summary>All bits zero.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>A lane's four bytes for every lane, at any alignment.</summary>
    static abstract TSelf Load(byte* from);

    /// <summary>Writes them, at any alignment.</summary>
    static abstract void Store(TSelf vector, byte* to);

    /// <summary>Whether <see cref="Prefetch"/> does anything: loops of nothing are not optimised away.</summary>
    static abstract bool Prefetches { get; }

    /// <summary>Asks for the cache line at an address that will be read soon; an address beyond the mapping does no harm.</summary>
    static abstract void Prefetch(byte* address);

    /// <summary>
    /// How many dot products of unsigned codes of so many bits a partial sum holds before <see cref="Widen"/>; of codes around zero it holds as many as of
    /// codes one bit shorter.
    /// </summary>
    static abstract int DotsPerSum(int codeBits);

    /// <summary>What a partial sum begins with: two 16-bit numbers, the first for the first two columns of every four, the second for the others.</summary>
    static abstract TSelf StartPartial(int* packed);

    /// <summary>
    /// The first four of sixteen signed bytes for every lane, for dot products with the index 0. All sixteen may be read: SDOT picks its four from sixteen.
    /// </summary>
    static abstract TSelf BroadcastFour(sbyte* x);

    /// <summary>The bytes <paramref name="x"/> + 4 · <paramref name="index"/> instead, for dot products with that index, a constant below 4.</summary>
    /// <param name="four">What <see cref="BroadcastFour"/> gave for the same x.</param>
    /// <param name="x">The sixteen bytes.</param>
    /// <param name="index">Which four.</param>
    static abstract TSelf BroadcastFourAt(TSelf four, sbyte* x, int index);

    /// <summary>
    /// Adds to each lane the product of its four unsigned codes, below 64, and the four signed bytes of <see cref="BroadcastFour"/>, none −128.
    /// </summary>
    static abstract TSelf AddDot(TSelf partial, TSelf codes, TSelf four, int index);

    /// <summary>A partial sum as 32-bit integers.</summary>
    static abstract TSelf Widen(TSelf partial);

    /// <summary>Adds to each 32-bit lane its partial sum.</summary>
    static abstract TSelf AddWidened(TSelf sums, TSelf partial);

    /// <summary>Adds to each 32-bit lane its partial sum times its sub-scale.</summary>
    static abstract TSelf AddScaled(TSelf sums, TSelf partial, TSelf subScales);

    /// <summary>What <see cref="AddSignedDot"/> wants to know of the codes, computed once for several tokens.</summary>
    static abstract TSelf Magnitudes(TSelf codes);

    /// <summary>
    /// Adds to each 32-bit lane the product of its four signed codes and the four signed bytes of <see cref="BroadcastFour"/>, none −128, offset as <see
    /// cref="SignedOffsetShift"/> says.
    /// </summary>
    static abstract TSelf AddSignedDot(TSelf sums, TSelf codes, TSelf magnitudes, TSelf four, int index);

    /// <summary>k where <see cref="AddSignedDot"/> computes with codes larger by 2^k, to be corrected with the sum of x; 0 where it does not.</summary>
    static abstract int SignedOffsetShift { get; }

    /// <summary>Whether signed codes meet several tokens by <see cref="IPanelVector{TSelf}.AddSignMagnitudeDot"/>, not by <see cref="AddSignedDot"/>.</summary>
    static abstract bool TakesSignMagnitudes { get; }

    /// <summary>−<c>*value · 2^shift</c> in every 32-bit lane.</summary>
    static abstract TSelf BroadcastNegated(int* value, int shift);

    static abstract TSelf BroadcastFloat(float* value);

    /// <summary>c − a · b, rounded once, with a in memory.</summary>
    static abstract TSelf NegatedMultiplyAdd(float* a, TSelf b, TSelf c);

    /// <summary>
    /// <c>integers · (scales · a) + y</c>, rounded as <see cref="IFloatLanes{TSelf}.Multiply"/> and <see cref="IFloatLanes{TSelf}.MultiplyAdd"/> do: scales
    /// and y are operands in memory where the machine has such.
    /// </summary>
    static abstract TSelf ScaledSum(TSelf integers, float* scales, TSelf a, float* y);

    /// <summary>Likewise with y in a register.</summary>
    static abstract TSelf ScaledSum(TSelf integers, float* scales, TSelf a, TSelf y);
}
