using System.Runtime.Intrinsics;
using MeKi.Kernels.X86;

namespace MeKi.Kernels.Tests.Vectors;

/// <summary>
/// VPDPBUSD and its emulation against its definition: four products of unsigned and signed bytes added to 32 bits, wrapping, never saturating.
/// </summary>
public class VnniInstructionTests
{
    [Avx2Theory]
    [InlineData(255, -128, 0)]
    [InlineData(255, 127, 0)]
    [InlineData(255, -128, int.MinValue)]
    [InlineData(255, 127, int.MaxValue)]
    [InlineData(128, -1, int.MinValue)]
    [InlineData(0, -128, -1)]
    public void Extremes_do_not_saturate(int left, int right, int addend)
    {
        byte[] lefts = new byte[32];
        sbyte[] rights = new sbyte[32];
        int[] addends = new int[8];
        Array.Fill(lefts, (byte)left);
        Array.Fill(rights, (sbyte)right);
        Array.Fill(addends, addend);
        AssertDefinition(addends, lefts, rights);
    }

    [Avx2Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Any_bytes(int seed)
    {
        Random random = new(seed);
        byte[] left = new byte[32], right = new byte[32];
        for (int round = 0; round < 1_000; round++)
        {
            random.NextBytes(left);
            random.NextBytes(right);
            AssertDefinition([.. Enumerable.Range(0, 8).Select(_ => random.Next(int.MinValue, int.MaxValue))], left, [.. right.Select(value => (sbyte)value)]);
        }
    }

    private static void AssertDefinition(int[] addend, byte[] left, sbyte[] right)
    {
        int[] expected = [.. addend];
        for (int i = 0; i < left.Length; i++)
            expected[i / 4] = unchecked(expected[i / 4] + left[i] * right[i]);
        if (EmulatedVnni.IsSupported)
            Assert.Equal(expected, Sums<EmulatedVnni>());
        if (HardwareVnni.IsSupported)
            Assert.Equal(expected, Sums<HardwareVnni>());

        int[] Sums<TInstruction>()
            where TInstruction : struct, IVnniInstruction
        {
            int[] sums = new int[8];
            TInstruction.MultiplyWideningAndAdd(Vector256.Create(addend), Vector256.Create(left), Vector256.Create(right)).CopyTo(sums);
            return sums;
        }
    }
}
