using MeKi.Kernels.Arm;
using MeKi.Kernels.Vectors;
using MeKi.Kernels.X86;

namespace MeKi.Kernels.Tests.Vectors;

/// <summary>Every operation of sixteen lanes gives the bits of the eight-lane operation in each half.</summary>
public unsafe class WideVectorTests
{
    private const int Rounds = 500;

    [Avx2Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Avx512(int seed) => Check<Avx2Vector<MultiplyAddAdjacentDot>, Avx512Vector>(seed);

    [Avx2Theory]
    [InlineData(3)]
    public void Two_vectors_of_AVX2(int seed) => Check<Avx2Vector<MultiplyAddAdjacentDot>, TwoVectors<Avx2Vector<MultiplyAddAdjacentDot>>>(seed);

    [Avx2Theory]
    [InlineData(4)]
    public void Two_vectors_of_AVX_VNNI(int seed) => Check<Avx2Vector<VnniDot<EmulatedVnni>>, TwoVectors<Avx2Vector<VnniDot<EmulatedVnni>>>>(seed);

    [Theory]
    [InlineData(5)]
    public void Two_vectors_of_AdvSimd(int seed) => Check<NeonVector<EmulatedNeon, DotProductDot>, TwoVectors<NeonVector<EmulatedNeon, DotProductDot>>>(seed);

    private static void Check<TVector, TWide>(int seed)
        where TVector : struct, IPanelVector<TVector>
        where TWide : struct, IWideVector<TWide>
    {
        // Three operands of two halves at addresses of any alignment; a scalar operand after them.
        byte* memory = stackalloc byte[256];
        Random random = new(seed);
        for (int round = 0; round < Rounds; round++)
        {
            Fill(new(memory, 256), random, round);
            byte* low = memory + random.Next(32), high = low + 32 + random.Next(16), scalar = memory + 200;
            TVector al = TVector.Load(low), ah = TVector.Load(high), bl = TVector.Load(low + 5), bh = TVector.Load(high + 5), cl = TVector.Load(low + 9),
                ch = TVector.Load(high + 9);
            TWide a = TWide.Load(low, high), b = TWide.Load(low + 5, high + 5), c = TWide.Load(low + 9, high + 9);
            AssertSame(TWide.Zero, TVector.Zero, TVector.Zero, "zero");
            AssertSame(a, al, ah, "two loads");
            AssertSame(TWide.Load((float*)low), al, TVector.Load(low + 32), "load");
            AssertSame(TWide.BroadcastFloat((float*)scalar), TVector.BroadcastFloat((float*)scalar), TVector.BroadcastFloat((float*)scalar), "broadcast");
            AssertSame(TWide.Multiply(a, b), TVector.Multiply(al, bl), TVector.Multiply(ah, bh), "multiply");
            AssertSame(TWide.MultiplyAdd(a, b, c), TVector.MultiplyAdd(al, bl, cl), TVector.MultiplyAdd(ah, bh, ch), "multiply-add");
            AssertSame(TWide.LowHalves(a), TVector.LowHalves(al), TVector.LowHalves(ah), "low halves");
            AssertSame(TWide.HighHalves(a), TVector.HighHalves(al), TVector.HighHalves(ah), "high halves");
            AssertSame(TWide.LoadSignedBytesAsFloat(low), TVector.LoadSignedBytesAsFloat(low), TVector.LoadSignedBytesAsFloat(low + 8), "signed bytes");
            TVector one = TVector.Constant(BitConverter.ToSingle(new ReadOnlySpan<byte>(scalar, 4)));
            AssertSame(TWide.Constant(BitConverter.ToSingle(new ReadOnlySpan<byte>(scalar, 4))), one, one, "constant");
            AssertSame(TWide.AddFloats(a, b), TVector.AddFloats(al, bl), TVector.AddFloats(ah, bh), "sum");
            AssertSame(TWide.NegatedMultiplyAdd(a, b, c), TVector.NegatedMultiplyAdd(al, bl, cl), TVector.NegatedMultiplyAdd(ah, bh, ch),
                "negated multiply-add");
            AssertSame(TWide.AddIntegers(a, b), TVector.AddIntegers(al, bl), TVector.AddIntegers(ah, bh), "sum of integers");
            AssertSame(TWide.ShiftLanesLeft(a, 23), TVector.ShiftLanesLeft(al, 23), TVector.ShiftLanesLeft(ah, 23), "shift");
            AssertSame(ExpPolynomial.OfNegative(a), ExpPolynomial.OfNegative(al), ExpPolynomial.OfNegative(ah), "exp");
            AssertSame(TWide.MaxNative(a, b), TVector.MaxNative(al, bl), TVector.MaxNative(ah, bh), "largest");
        }
    }

    // Bytes of any value; every other time numbers that are finite, so that a sum is not NaN in every lane.
    private static void Fill(Span<byte> memory, Random random, int round)
    {
        random.NextBytes(memory);
        for (int i = 3; round % 2 == 0 && i < memory.Length; i += 4)
            memory[i] = (byte)(memory[i] & 0x80 | random.Next(0x30, 0x50));
    }

    private static void AssertSame<TVector, TWide>(TWide wide, TVector low, TVector high, string operation)
        where TVector : struct, IPanelVector<TVector>
        where TWide : struct, IWideVector<TWide>
    {
        float* actual = stackalloc float[16], apart = stackalloc float[24], expected = stackalloc float[16];
        TWide.Store(wide, actual);
        TWide.Store(wide, apart, apart + 13);
        TVector.Store(low, (byte*)expected);
        TVector.Store(high, (byte*)(expected + 8));
        Bits.AssertSame(new Span<float>(expected, 16).ToArray(), new Span<float>(actual, 16).ToArray(), operation);
        Bits.AssertSame(new Span<float>(expected, 16).ToArray(), [.. new Span<float>(apart, 8), .. new Span<float>(apart + 13, 8)], operation);
    }
}
