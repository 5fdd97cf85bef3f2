using MeKi.Kernels.Vectors;
using MeKi.Kernels.X86;

namespace MeKi.Kernels.Tests.Vectors;

/// <summary>Every operation of sixteen lanes of codes gives the bits of the eight-lane operation in each half.</summary>
public unsafe class CodeVectorTests
{
    private const int Rounds = 500;

    [Avx2Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Avx512(int seed) => Check<Avx2Vector<MultiplyAddAdjacentDot>, Avx512Codes>(seed);

    private static void Check<THalf, TWide>(int seed)
        where THalf : struct, IPanelVector<THalf>
        where TWide : struct, ICodeVector<TWide>
    {
        Assert.Equal(THalf.SignedOffsetShift, TWide.SignedOffsetShift);
        for (int bits = 1; bits < 7; bits++)
            Assert.Equal(THalf.DotsPerSum(bits), TWide.DotsPerSum(bits));
        // Two operands and two rows of floats of two halves each, then sixteen bytes of a token, at any alignment.
        byte* memory = stackalloc byte[512];
        Random random = new(seed);
        for (int round = 0; round < Rounds; round++)
        {
            random.NextBytes(new Span<byte>(memory, 512));
            byte* a = memory + random.Next(32), b = a + 64;
            float* scales = (float*)(a + 128), y = scales + 16;
            sbyte* x = (sbyte*)(y + 16);
            for (int i = 0; i < 32; i++)
                scales[i] = (random.NextSingle() - 0.5f) * 1000;
            for (int i = 0; i < 16; i++)
                x[i] = Math.Max(x[i], (sbyte)-127);
            // Codes of six bits.
            for (int i = 0; i < 64; i++)
                b[i] &= 63;
            THalf Low(byte* from) => THalf.Load(from);
            THalf High(byte* from) => THalf.Load(from + 32);
            TWide wa = TWide.Load(a), wb = TWide.Load(b), four = TWide.BroadcastFour(x);
            THalf half = THalf.BroadcastFour(x);
            AssertSame(TWide.Zero, THalf.Zero, THalf.Zero, "zero");
            AssertSame(wa, Low(a), High(a), "load");
            AssertSame(four, half, half, "four");
            for (int index = 0; index < 4; index++)
            {
                TWide at = TWide.BroadcastFourAt(four, x, index);
                THalf halfAt = THalf.BroadcastFourAt(half, x, index);
                AssertSame(TWide.AddDot(wa, wb, at, index), THalf.AddDot(Low(a), Low(b), halfAt, index), THalf.AddDot(High(a), High(b), halfAt, index), "dot");
                AssertSame(TWide.AddSignedDot(wb, wa, TWide.Magnitudes(wa), at, index),
                    THalf.AddSignedDot(Low(b), Low(a), THalf.Magnitudes(Low(a)), halfAt, index),
                    THalf.AddSignedDot(High(b), High(a), THalf.Magnitudes(High(a)), halfAt, index), "signed dot");
            }
            AssertSame(TWide.StartPartial((int*)x), THalf.StartPartial((int*)x), THalf.StartPartial((int*)x), "start");
            AssertSame(TWide.BroadcastNegated((int*)x, 5), THalf.BroadcastNegated((int*)x, 5), THalf.BroadcastNegated((int*)x, 5), "negated");
            AssertSame(TWide.Widen(wa), THalf.Widen(Low(a)), THalf.Widen(High(a)), "widen");
            AssertSame(TWide.AddWidened(wb, wa), THalf.AddWidened(Low(b), Low(a)), THalf.AddWidened(High(b), High(a)), "add widened");
            AssertSame(TWide.AddScaled(wb, wa, wb), THalf.AddScaled(Low(b), Low(a), Low(b)), THalf.AddScaled(High(b), High(a), High(b)), "add scaled");
            TWide scale = TWide.BroadcastFloat(scales);
            THalf halfScale = THalf.BroadcastFloat(scales);
            AssertSame(TWide.ScaledSum(wb, scales, scale, y), THalf.ScaledSum(Low(b), scales, halfScale, y),
                THalf.ScaledSum(High(b), scales + 8, halfScale, y + 8), "scaled sum");
            AssertSame(TWide.NegatedMultiplyAdd(scales, scale, TWide.Load((byte*)y)), THalf.NegatedMultiplyAdd(scales, halfScale, Low((byte*)y)),
                THalf.NegatedMultiplyAdd(scales + 8, halfScale, High((byte*)y)), "negated multiply-add");
        }
    }

    private static void AssertSame<THalf, TWide>(TWide wide, THalf low, THalf high, string what)
        where THalf : struct, IPanelVector<THalf>
        where TWide : struct, ICodeVector<TWide>
    {
        byte* expected = stackalloc byte[64], actual = stackalloc byte[64];
        THalf.Store(low, expected);
        THalf.Store(high, expected + 32);
        TWide.Store(wide, actual);
        Assert.True(new Span<byte>(expected, 64).SequenceEqual(new(actual, 64)), what);
    }
}
