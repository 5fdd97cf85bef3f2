using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MeKi.Kernels.Arm;

namespace MeKi.Kernels.Tests.Arm;

/// <summary>
/// One implementation of the AdvSIMD instructions behind a name that a theory can show; operands and results are the registers' 8 or 16 bytes.
/// </summary>
internal abstract class NeonInstructions(string name)
{
    /// <summary>The implementations this process can execute: the emulation everywhere, the instructions on ARM64.</summary>
    public static IReadOnlyList<NeonInstructions> Available { get; } =
        [.. new NeonInstructions[] { new NeonInstructions<EmulatedNeon>("EmulatedNeon"),
            new NeonInstructions<HardwareNeon>("HardwareNeon") }.Where(neon => neon.IsSupported)];

    public string Name => name;

    public abstract bool IsSupported { get; }

    public abstract bool SupportsDotProduct { get; }

    public abstract byte[] Ld1r(ReadOnlySpan<byte> from);

    public abstract byte[] Sdot(byte[] addend, byte[] left, byte[] right, int index);

    public abstract byte[] Smull(byte[] left, byte[] right, bool upper);

    public abstract byte[] Addp(byte[] left, byte[] right);

    public abstract byte[] Sadalp(byte[] addend, byte[] value);

    public abstract byte[] Xtl(byte[] value, bool unsigned);

    public abstract byte[] Sshll(byte[] value, int count, bool upper);

    public abstract byte[] Zip(byte[] left, byte[] right, bool upper);

    public abstract byte[] Fmla(byte[] addend, byte[] left, byte[] right);

    public abstract byte[] Fmls(byte[] minuend, byte[] left, byte[] right);

    public abstract byte[] Facge(byte[] left, byte[] right);
}

/// <inheritdoc/>
[SuppressMessage("Performance", "CA1857", Justification = "The tests take every count and index in turn.")]
internal sealed unsafe class NeonInstructions<TNeon>(string name) : NeonInstructions(name)
    where TNeon : struct, INeon
{
    public override bool IsSupported => TNeon.IsSupported;

    public override bool SupportsDotProduct => TNeon.SupportsDotProduct;

    public override byte[] Ld1r(ReadOnlySpan<byte> from)
    {
        fixed (byte* address = from)
            return Bytes(TNeon.LoadAndReplicate((int*)address));
    }

    public override byte[] Sdot(byte[] addend, byte[] left, byte[] right, int index) =>
        Bytes(TNeon.DotProductBySelectedQuadruplet(Register<int>(addend), Register<sbyte>(left), Register<sbyte>(right), (byte)index));

    public override byte[] Smull(byte[] left, byte[] right, bool upper) => Bytes(upper
        ? TNeon.MultiplyWideningUpper(Register<sbyte>(left), Register<sbyte>(right))
        : TNeon.MultiplyWideningLower(Register<sbyte>(left), Register<sbyte>(right)));

    public override byte[] Addp(byte[] left, byte[] right) => Bytes(TNeon.AddPairwise(Register<short>(left), Register<short>(right)));

    public override byte[] Sadalp(byte[] addend, byte[] value) => Bytes(TNeon.AddPairwiseWideningAndAdd(Register<int>(addend), Register<short>(value)));

    public override byte[] Xtl(byte[] value, bool unsigned) =>
        Bytes(unsigned ? TNeon.ZeroExtendWidening(Vector64.Create(value)) : TNeon.SignExtendWidening(Vector64.Create(value).AsSByte()));

    public override byte[] Sshll(byte[] value, int count, bool upper) => Bytes(upper
        ? TNeon.ShiftLeftLogicalWideningUpper(Register<short>(value), (byte)count)
        : TNeon.ShiftLeftLogicalWideningLower(Register<short>(value), (byte)count));

    public override byte[] Zip(byte[] left, byte[] right, bool upper) => Bytes(upper
        ? TNeon.ZipHigh(Register<short>(left), Register<short>(right))
        : TNeon.ZipLow(Register<short>(left), Register<short>(right)));

    public override byte[] Fmla(byte[] addend, byte[] left, byte[] right) =>
        Bytes(TNeon.FusedMultiplyAdd(Register<float>(addend), Register<float>(left), Register<float>(right)));

    public override byte[] Fmls(byte[] minuend, byte[] left, byte[] right) =>
        Bytes(TNeon.FusedMultiplySubtract(Register<float>(minuend), Register<float>(left), Register<float>(right)));

    public override byte[] Facge(byte[] left, byte[] right) => Bytes(TNeon.AbsoluteCompareGreaterThanOrEqual(Register<float>(left), Register<float>(right)));

    private static Vector128<T> Register<T>(byte[] bytes) => Vector128.Create(bytes).As<byte, T>();

    private static byte[] Bytes<T>(Vector128<T> register)
    {
        byte[] bytes = new byte[16];
        Unsafe.WriteUnaligned(ref bytes[0], register);
        return bytes;
    }
}
