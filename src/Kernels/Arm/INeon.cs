using System.Diagnostics.CodeAnalysis;
using System.Runtime.Intrinsics;

namespace MeKi.Kernels.Arm;

/// <summary>
/// The AdvSIMD instructions of the panel kernels that <see cref="Vector128"/> has no operation for, by the names .NET gives them; each member names its
/// instruction.
/// <see cref="HardwareNeon"/> is the instruction, <see cref="EmulatedNeon"/> its meaning in the architecture manual (DDI 0487) on any machine, so that the
/// kernels which run on ARM64 are tested without one. What Vector128 means on every machine is one AdvSIMD instruction too: LDR, STR, AND, ORR, USHR, SSHR,
/// SHL, ADD, SUB, FADD, FMUL, FDIV, FMAX, SCVTF.
/// </summary>
internal unsafe interface INeon
{
    /// <summary>Whether this process can execute the AdvSIMD instructions.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>Whether it can execute SDOT too, which is FEAT_DotProd.</summary>
    static abstract bool SupportsDotProduct { get; }

    /// <summary>LD1R (4S).</summary>
    static abstract Vector128<int> LoadAndReplicate(int* from);

    /// <summary>
    /// SDOT (by element): adds to each 32-bit element the sum of the four products of its signed bytes and those of the right operand's element <paramref
    /// name="index"/>.
    /// </summary>
    static abstract Vector128<int> DotProductBySelectedQuadruplet(Vector128<int> addend, Vector128<sbyte> left, Vector128<sbyte> right,
        [ConstantExpected(Max = (byte)3)] byte index);

    /// <summary>SMULL (8H, 8B): the products of the lower eight signed bytes.</summary>
    static abstract Vector128<short> MultiplyWideningLower(Vector128<sbyte> left, Vector128<sbyte> right);

    /// <summary>SMULL2 (8H, 16B): the products of the upper eight signed bytes.</summary>
    static abstract Vector128<short> MultiplyWideningUpper(Vector128<sbyte> left, Vector128<sbyte> right);

    /// <summary>ADDP (8H): the sums of neighbours, the left operand's four first.</summary>
    static abstract Vector128<short> AddPairwise(Vector128<short> left, Vector128<short> right);

    /// <summary>SADALP (4S, 8H): adds to each element the sum of two neighbours.</summary>
    static abstract Vector128<int> AddPairwiseWideningAndAdd(Vector128<int> addend, Vector128<short> value);

    /// <summary>UXTL (8H, 8B).</summary>
    static abstract Vector128<short> ZeroExtendWidening(Vector64<byte> value);

    /// <summary>SXTL (8H, 8B).</summary>
    static abstract Vector128<short> SignExtendWidening(Vector64<sbyte> value);

    /// <summary>SSHLL (4S, 4H): the lower four elements widened and shifted by a constant, 0 ≤ count &lt; 16.</summary>
    static abstract Vector128<int> ShiftLeftLogicalWideningLower(Vector128<short> value, [ConstantExpected(Max = (byte)15)] byte count);

    /// <summary>SSHLL2 (4S, 8H): the upper four elements widened and shifted by a constant, 0 ≤ count &lt; 16.</summary>
    static abstract Vector128<int> ShiftLeftLogicalWideningUpper(Vector128<short> value, [ConstantExpected(Max = (byte)15)] byte count);

    /// <summary>ZIP1 (8H): the lower four elements of both, in turn.</summary>
    static abstract Vector128<short> ZipLow(Vector128<short> left, Vector128<short> right);

    /// <summary>ZIP2 (8H): the upper four elements of both, in turn.</summary>
    static abstract Vector128<short> ZipHigh(Vector128<short> left, Vector128<short> right);

    /// <summary>FMLA (4S): addend + left · right, rounded once.</summary>
    static abstract Vector128<float> FusedMultiplyAdd(Vector128<float> addend, Vector128<float> left, Vector128<float> right);

    /// <summary>FMLS (4S): minuend − left · right, rounded once.</summary>
    static abstract Vector128<float> FusedMultiplySubtract(Vector128<float> minuend, Vector128<float> left, Vector128<float> right);

    /// <summary>FACGE (4S): all ones where |left| ≥ |right|, else zero.</summary>
    static abstract Vector128<float> AbsoluteCompareGreaterThanOrEqual(Vector128<float> left, Vector128<float> right);
}
