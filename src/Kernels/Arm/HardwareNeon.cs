using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace MeKi.Kernels.Arm;

/// <summary>The instructions themselves.</summary>
internal readonly unsafe struct HardwareNeon : INeon
{
    public static bool IsSupported => AdvSimd.Arm64.IsSupported;

    public static bool SupportsDotProduct => Dp.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> LoadAndReplicate(int* from) => AdvSimd.LoadAndReplicateToVector128(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> DotProductBySelectedQuadruplet(
        Vector128<int> addend, Vector128<sbyte> left, Vector128<sbyte> right, [ConstantExpected(Max = (byte)3)] byte index) =>
        Dp.DotProductBySelectedQuadruplet(addend, left, right, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> MultiplyWideningLower(Vector128<sbyte> left, Vector128<sbyte> right) =>
        AdvSimd.MultiplyWideningLower(left.GetLower(), right.GetLower());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> MultiplyWideningUpper(Vector128<sbyte> left, Vector128<sbyte> right) => AdvSimd.MultiplyWideningUpper(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> AddPairwise(Vector128<short> left, Vector128<short> right) => AdvSimd.Arm64.AddPairwise(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> AddPairwiseWideningAndAdd(Vector128<int> addend, Vector128<short> value) => AdvSimd.AddPairwiseWideningAndAdd(addend, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> ZeroExtendWidening(Vector64<byte> value) => AdvSimd.ZeroExtendWideningLower(value).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> SignExtendWidening(Vector64<sbyte> value) => AdvSimd.SignExtendWideningLower(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> ShiftLeftLogicalWideningLower(Vector128<short> value, [ConstantExpected(Max = (byte)15)] byte count) =>
        AdvSimd.ShiftLeftLogicalWideningLower(value.GetLower(), count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> ShiftLeftLogicalWideningUpper(Vector128<short> value, [ConstantExpected(Max = (byte)15)] byte count) =>
        AdvSimd.ShiftLeftLogicalWideningUpper(value, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> ZipLow(Vector128<short> left, Vector128<short> right) => AdvSimd.Arm64.ZipLow(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> ZipHigh(Vector128<short> left, Vector128<short> right) => AdvSimd.Arm64.ZipHigh(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> FusedMultiplyAdd(Vector128<float> addend, Vector128<float> left, Vector128<float> right) =>
        AdvSimd.FusedMultiplyAdd(addend, left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> FusedMultiplySubtract(Vector128<float> minuend, Vector128<float> left, Vector128<float> right) =>
        AdvSimd.FusedMultiplySubtract(minuend, left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> AbsoluteCompareGreaterThanOrEqual(Vector128<float> left, Vector128<float> right) =>
        AdvSimd.AbsoluteCompareGreaterThanOrEqual(left, right);
}
