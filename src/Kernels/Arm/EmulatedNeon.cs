using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeKi.Kernels.Arm;

/// <summary>
/// The instructions' meaning, element by element as the architecture manual writes it: integers wrap, floats round to nearest with ties to even, subnormal
/// numbers count (FPCR as .NET leaves it). Which NaN a calculation with NaN gives is the machine's own choice.
/// </summary>
internal readonly unsafe struct EmulatedNeon : INeon
{
    public static bool IsSupported => true;

    public static bool SupportsDotProduct => true;

    public static Vector128<int> LoadAndReplicate(int* from) => Vector128.Create(Unsafe.ReadUnaligned<int>(from));

    public static Vector128<int> DotProductBySelectedQuadruplet(
        Vector128<int> addend, Vector128<sbyte> left, Vector128<sbyte> right, [ConstantExpected(Max = (byte)3)] byte index)
    {
        for (int e = 0; e < Vector128<int>.Count; e++)
        {
            int sum = addend[e];
            for (int i = 0; i < 4; i++)
                sum += left[4 * e + i] * right[4 * index + i];
            addend = addend.WithElement(e, sum);
        }
        return addend;
    }

    public static Vector128<short> MultiplyWideningLower(Vector128<sbyte> left, Vector128<sbyte> right) => MultiplyWidening(left, right, 0);

    public static Vector128<short> MultiplyWideningUpper(Vector128<sbyte> left, Vector128<sbyte> right) =>
        MultiplyWidening(left, right, Vector128<short>.Count);

    public static Vector128<short> AddPairwise(Vector128<short> left, Vector128<short> right)
    {
        const int Half = 4;
        Vector128<short> result = default;
        for (int e = 0; e < Half; e++)
        {
            result = result.WithElement(e, (short)(left[2 * e] + left[2 * e + 1]));
            result = result.WithElement(Half + e, (short)(right[2 * e] + right[2 * e + 1]));
        }
        return result;
    }

    public static Vector128<int> AddPairwiseWideningAndAdd(Vector128<int> addend, Vector128<short> value)
    {
        for (int e = 0; e < Vector128<int>.Count; e++)
            addend = addend.WithElement(e, addend[e] + value[2 * e] + value[2 * e + 1]);
        return addend;
    }

    public static Vector128<short> ZeroExtendWidening(Vector64<byte> value)
    {
        Vector128<short> result = default;
        for (int e = 0; e < Vector128<short>.Count; e++)
            result = result.WithElement(e, value[e]);
        return result;
    }

    public static Vector128<short> SignExtendWidening(Vector64<sbyte> value)
    {
        Vector128<short> result = default;
        for (int e = 0; e < Vector128<short>.Count; e++)
            result = result.WithElement(e, value[e]);
        return result;
    }

    public static Vector128<int> ShiftLeftLogicalWideningLower(Vector128<short> value, [ConstantExpected(Max = (byte)15)] byte count) =>
        ShiftLeftLogicalWidening(value, count, 0);

    public static Vector128<int> ShiftLeftLogicalWideningUpper(Vector128<short> value, [ConstantExpected(Max = (byte)15)] byte count) =>
        ShiftLeftLogicalWidening(value, count, Vector128<int>.Count);

    public static Vector128<short> ZipLow(Vector128<short> left, Vector128<short> right) => Zip(left, right, 0);

    public static Vector128<short> ZipHigh(Vector128<short> left, Vector128<short> right) => Zip(left, right, Vector128<short>.Count / 2);

    public static Vector128<float> FusedMultiplyAdd(Vector128<float> addend, Vector128<float> left, Vector128<float> right)
    {
        for (int e = 0; e < Vector128<float>.Count; e++)
            addend = addend.WithElement(e, MathF.FusedMultiplyAdd(left[e], right[e], addend[e]));
        return addend;
    }

    public static Vector128<float> FusedMultiplySubtract(Vector128<float> minuend, Vector128<float> left, Vector128<float> right)
    {
        for (int e = 0; e < Vector128<float>.Count; e++)
            minuend = minuend.WithElement(e, MathF.FusedMultiplyAdd(-left[e], right[e], minuend[e]));
        return minuend;
    }

    public static Vector128<float> AbsoluteCompareGreaterThanOrEqual(Vector128<float> left, Vector128<float> right)
    {
        Vector128<int> result = default;
        for (int e = 0; e < Vector128<int>.Count; e++)
            result = result.WithElement(e, MathF.Abs(left[e]) >= MathF.Abs(right[e]) ? -1 : 0);
        return result.AsSingle();
    }

    private static Vector128<short> MultiplyWidening(Vector128<sbyte> left, Vector128<sbyte> right, int first)
    {
        Vector128<short> result = default;
        for (int e = 0; e < Vector128<short>.Count; e++)
            result = result.WithElement(e, (short)(left[first + e] * right[first + e]));
        return result;
    }

    private static Vector128<int> ShiftLeftLogicalWidening(Vector128<short> value, byte count, int first)
    {
        Vector128<int> result = default;
        for (int e = 0; e < Vector128<int>.Count; e++)
            result = result.WithElement(e, value[first + e] << count);
        return result;
    }

    private static Vector128<short> Zip(Vector128<short> left, Vector128<short> right, int first)
    {
        Vector128<short> result = default;
        for (int e = 0; e < Vector128<short>.Count / 2; e++)
            result = result.WithElement(2 * e, left[first + e]).WithElement(2 * e + 1, right[first + e]);
        return result;
    }
}
