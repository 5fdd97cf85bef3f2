namespace MeKi.Kernels.Vectors;

/// <summary>Arithmetic on lanes of float32, however many there are: what exp is made of.</summary>
/// <typeparam name="TSelf">The implementation.</typeparam>
internal interface IFloatLanes<TSelf>
    where TSelf : struct, IFloatLanes<TSelf>
{
    /// <summary>One number in every lane.</summary>
    static abstract TSelf Constant(float value);

    static abstract TSelf AddFloats(TSelf a, TSelf b);

    static abstract TSelf Multiply(TSelf a, TSelf b);

    /// <summary>a · b + c, rounded once.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>c − a · b, rounded once.</summary>
    static abstract TSelf NegatedMultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>
    /// The larger of both in one instruction; NaN where <paramref name="b"/> is. Unspecified: where only <paramref name="a"/> is NaN, and which zero +0 and −0
    /// give.
    /// </summary>
    static abstract TSelf MaxNative(TSelf a, TSelf b);

    static abstract TSelf AddIntegers(TSelf a, TSelf b);

    /// <summary>32-bit lanes shifted left.</summary>
    static abstract TSelf ShiftLanesLeft(TSelf integers, int bits);
}
