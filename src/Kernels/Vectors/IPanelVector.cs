namespace MeKi.Kernels.Vectors;

/// <summary>
/// The vocabulary panel kernels are written in: 256 bits seen as eight lanes, one for each row of a panel. A lane is four bytes, one 32-bit integer or one
/// float32. Each instruction set implements it once and each kernel is written once; the just-in-time compiler sees through both.
/// </summary>
/// <remarks>Every operation is exact or rounds as IEEE 754 says, so a kernel's result has the same bits on every implementation.</remarks>
/// <typeparam name="TSelf">The implementation.</typeparam>
internal unsafe interface IPanelVector<TSelf> : IFloatLanes<TSelf>, ICodeVector<TSelf>
    where TSelf : struct, IPanelVector<TSelf>
{
    /// <summary>Whether this process can execute the operations.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>The bits of every byte that <paramref name="bits"/> names.</summary>
    static abstract TSelf Mask(TSelf bytes, byte bits);

    /// <summary>The lower four bits of every byte.</summary>
    static abstract TSelf LowNibbles(TSelf bytes);

    /// <summary>The upper four bits of every byte, shifted down.</summary>
    static abstract TSelf HighNibbles(TSelf bytes);

    /// <summary>The upper four bits of every byte, shifted down or not: codes that are larger by 2^<see cref="UpperNibbleShift"/>.</summary>
    static abstract TSelf UpperNibbles(TSelf bytes);

    /// <summary>4 where <see cref="ICodeVector{TSelf}.AddDot"/> takes codes up to 240 and a partial sum holds eight dot products of them, else 0.</summary>
    static abstract int UpperNibbleShift { get; }

    static abstract TSelf Or(TSelf a, TSelf b);

    /// <summary>Or with the bits of every byte of <paramref name="bytes"/> that <paramref name="bits"/> names.</summary>
    static abstract TSelf OrMasked(TSelf a, TSelf bytes, byte bits);

    /// <summary>Bytes shifted right; bits that cross a byte's border are unspecified, so a mask follows.</summary>
    static abstract TSelf ShiftRight(TSelf bytes, int bits);

    /// <summary>Bytes shifted left; bits that cross a byte's border are unspecified, so a mask follows.</summary>
    static abstract TSelf ShiftLeft(TSelf bytes, int bits);

    /// <summary>The sum of two partial sums, which together hold no more dot products than <see cref="ICodeVector{TSelf}.DotsPerSum"/>.</summary>
    static abstract TSelf AddPartial(TSelf a, TSelf b);

    /// <summary>Eight signed bytes, one for each lane, in the form that <see cref="ICodeVector{TSelf}.AddScaled"/> takes.</summary>
    static abstract TSelf LoadSubScales(byte* from);

    /// <summary>
    /// Adds to each lane the products <c>(code ^ sign) · magnitude</c> of its four codes and of four columns of a token in <see
    /// cref="Panels.SignMagnitudeTokens"/>; only where <see cref="ICodeVector{TSelf}.TakesSignMagnitudes"/>.
    /// </summary>
    /// <param name="sums">The sums.</param>
    /// <param name="codes">32 signed codes.</param>
    /// <param name="magnitudes">The columns' magnitudes, none above 127, in every lane.</param>
    /// <param name="signs">Their signs, −1 or 0, in every lane.</param>
    static virtual TSelf AddSignMagnitudeDot(TSelf sums, byte* codes, TSelf magnitudes, TSelf signs) => throw new NotSupportedException();

    static abstract TSelf ToFloat(TSelf integers);

    /// <summary>32-bit lanes shifted right, with their sign.</summary>
    static abstract TSelf ShiftLanesRight(TSelf integers, int bits);

    static abstract TSelf Divide(TSelf a, TSelf b);

    /// <summary>The half-precision number in the lower half of every lane, times 2^−112, exactly; finite ones only.</summary>
    static abstract TSelf LowHalves(TSelf halves);

    /// <summary>The half-precision number in the upper half of every lane, times 2^−112, exactly; finite ones only.</summary>
    static abstract TSelf HighHalves(TSelf halves);

    /// <summary>Eight half-precision numbers, each times 2^−112, exactly; finite ones only: of others bits 23 to 27 are set, and of no finite one.</summary>
    static abstract TSelf LoadMovedHalves(byte* from);

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
