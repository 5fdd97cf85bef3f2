namespace MeKi.Kernels.Vectors;

/// <summary>
/// The vocabulary panel kernels are written in: 256 bits seen as eight lanes, one for each row of a panel. A lane is four bytes, one 32-bit integer or one
/// float32. Each instruction set implements it once and each kernel is written once; the just-in-time compiler sees through both.
/// </summary>
/// <remarks>Every operation is exact or rounds as IEEE 754 says, so a kernel's result has the same bits on every implementation.</remarks>
/// <typeparam name="TSelf">The implementation.</typeparam>
internal unsafe interface IPanelVector<TSelf> : IFloatLanes<TSelf>
    where TSelf : struct, IPanelVector<TSelf>
{
    /// <summary>Whether this process can execute the operations.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>All bits zero.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>32 bytes, at any alignment.</summary>
    static abstract TSelf Load(byte* from);

    /// <summary>Writes 32 bytes, at any alignment.</summary>
    static abstract void Store(TSelf vector, byte* to);

    /// <summary>Whether <see cref="Prefetch"/> does anything: loops of nothing are not optimised away.</summary>
    static abstract bool Prefetches { get; }

    /// <summary>Asks for the cache line at an address that will be read soon; an address beyond the mapping does no harm.</summary>
    static abstract void Prefetch(byte* address);

    /// <summary>The bits of every byte that <paramref name="bits"/> names.</summary>
    static abstract TSelf Mask(TSelf bytes, byte bits);

    /// <summary>The lower four bits of every byte.</summary>
    static abstract TSelf LowNibbles(TSelf bytes);

    /// <summary>The upper four bits of every byte, shifted down.</summary>
    static abstract TSelf HighNibbles(TSelf bytes);

    static abstract TSelf Or(TSelf a, TSelf b);

    /// <summary>Or with the bits of every byte of <paramref name="bytes"/> that <paramref name="bits"/> names.</summary>
    static abstract TSelf OrMasked(TSelf a, TSelf bytes, byte bits);

    /// <summary>Bytes shifted right; bits that cross a byte's border are unspecified, so a mask follows.</summary>
    static abstract TSelf ShiftRight(TSelf bytes, int bits);

    /// <summary>Bytes shifted left; bits that cross a byte's border are unspecified, so a mask follows.</summary>
    static abstract TSelf ShiftLeft(TSelf bytes, int bits);

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

    /// <summary>The sum of two partial sums, which together hold no more dot products than <see cref="DotsPerSum"/>.</summary>
    static abstract TSelf AddPartial(TSelf a, TSelf b);

    /// <summary>A partial sum as 32-bit integers.</summary>
    static abstract TSelf Widen(TSelf partial);

    /// <summary>Eight signed bytes, one for each lane, in the form that <see cref="AddScaled"/> takes.</summary>
    static abstract TSelf LoadSubScales(byte* from);

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

    /// <summary>Whether signed codes meet several tokens by <see cref="AddSignMagnitudeDot"/> and not by <see cref="AddSignedDot"/>.</summary>
    static abstract bool TakesSignMagnitudes { get; }

    /// <summary>
    /// Adds to each lane the products <c>(code ^ sign) · magnitude</c> of its four codes and of four columns of a token in <see
    /// cref="Panels.SignMagnitudeTokens"/>; only where <see cref="TakesSignMagnitudes"/>.
    /// </summary>
    /// <param name="sums">The sums.</param>
    /// <param name="codes">32 signed codes.</param>
    /// <param name="magnitudes">The columns' magnitudes, none above 127, in every lane.</param>
    /// <param name="signs">Their signs, −1 or 0, in every lane.</param>
    static virtual TSelf AddSignMagnitudeDot(TSelf sums, byte* codes, TSelf magnitudes, TSelf signs) => throw new NotSupportedException();

    /// <summary>−<c>*value · 2^shift</c> in every 32-bit lane.</summary>
    static abstract TSelf BroadcastNegated(int* value, int shift);

    static abstract TSelf ToFloat(TSelf integers);

    static abstract TSelf BroadcastFloat(float* value);

    static abstract TSelf Divide(TSelf a, TSelf b);

    /// <summary>c − a · b, rounded once, with a in memory.</summary>
    static abstract TSelf NegatedMultiplyAdd(float* a, TSelf b, TSelf c);

    /// <summary>
    /// <c>integers · (scales · a) + y</c>, rounded as <see cref="IFloatLanes{TSelf}.Multiply"/> and <see cref="IFloatLanes{TSelf}.MultiplyAdd"/> do: scales and y are operands in memory where the
    /// machine has such.
    /// </summary>
    static abstract TSelf ScaledSum(TSelf integers, float* scales, TSelf a, float* y);

    /// <summary>The half-precision number in the lower half of every lane, times 2^−112, exactly; finite ones only.</summary>
    static abstract TSelf LowHalves(TSelf halves);

    /// <summary>The half-precision number in the upper half of every lane, times 2^−112, exactly; finite ones only.</summary>
    static abstract TSelf HighHalves(TSelf halves);

    /// <summary>Eight half-precision numbers, exactly, infinities and NaN included.</summary>
    static abstract TSelf LoadHalves(byte* from);

    /// <summary>Eight brain floats.</summary>
    static abstract TSelf LoadBrainFloats(byte* from);

    /// <summary>Eight unsigned bytes as 32-bit integers.</summary>
    static abstract TSelf LoadBytes(byte* from);

    /// <summary>Eight unsigned bytes as float32.</summary>
    static abstract TSelf LoadBytesAsFloat(byte* from);

    /// <summary>Eight signed bytes as float32.</summary>
    static abstract TSelf LoadSignedBytesAsFloat(byte* from);
}
