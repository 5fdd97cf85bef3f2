using System.Numerics;
using System.Runtime.InteropServices;
using static MeKi.Kernels.Tests.Arm.PseudoCode;

namespace MeKi.Kernels.Tests.Arm;

/// <summary>
/// Every AdvSIMD instruction of the kernels, in every implementation that this process can execute, against the operation in the architecture manual.
/// </summary>
public class NeonInstructionTests
{
    private const int Rounds = 2_000;

    // Every sign, zero, subnormal, rounding border, the largest, and what overflows.
    private static readonly float[] Finite =
        [0, -0f, float.Epsilon, -float.Epsilon, 1e-39f, 1.17549435e-38f, -1.17549435e-38f, 1, -1, 1 + 1.1920929e-7f, 0.1f, -3, 16777216, 65536, 5.192297e33f,
            1e-20f, 1e20f, float.MaxValue, float.MinValue];

    public static TheoryData<string> Names => [.. NeonInstructions.Available.Select(neon => neon.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Ld1r(string name)
    {
        byte[] memory = [.. Enumerable.Range(1, 20).Select(i => (byte)(i * 13))];
        for (int at = 0; at + 4 <= memory.Length; at++)
            Assert.Equal(Enumerable.Range(0, 16).Select(i => memory[at + i % 4]), Neon(name).Ld1r(memory.AsSpan(at, 4)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Sdot_of_all_pairs_of_bytes(string name) => ForPairsOfBytes((left, right) => CheckSdot(name, Filled(0), left, right));

    [Theory]
    [MemberData(nameof(Names))]
    public void Sdot_of_any_registers_wraps(string name)
    {
        ForRegisters(registers => CheckSdot(name, registers[0], registers[1], registers[2]));
        foreach (byte[] addend in new[] { Filled(0), Words(32, int.MaxValue), Words(32, int.MinValue) })
        {
            foreach (byte left in new byte[] { 0x80, 0x7F, 0xFF })
            {
                foreach (byte right in new byte[] { 0x80, 0x7F, 0xFF })
                    CheckSdot(name, addend, Filled(left), Filled(right));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Smull_of_all_pairs_of_bytes(string name) => ForPairsOfBytes((left, right) =>
    {
        foreach (int part in new[] { 0, 1 })
            Check(16, e => SInt(left, 8 * part + e, 8) * SInt(right, 8 * part + e, 8), Neon(name).Smull(left, right, part == 1));
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Addp_wraps(string name)
    {
        ForRegisters(registers => Check(registers[0], registers[1]));
        for (int value = 0; value <= ushort.MaxValue; value++)
        {
            foreach (int other in new[] { 0, 1, 0x7FFF, 0x8000, 0xFFFF })
                Check(Words(16, value, other), Words(16, other, value));
        }

        void Check(byte[] left, byte[] right) =>
            NeonInstructionTests.Check(16, e => e < 4 ? SInt(left, 2 * e, 16) + SInt(left, 2 * e + 1, 16)
                : SInt(right, 2 * e - 8, 16) + SInt(right, 2 * e - 7, 16), Neon(name).Addp(left, right));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Sadalp_wraps_in_32_bits_only(string name)
    {
        ForRegisters(registers => Check(registers[0], registers[1]));
        for (int value = 0; value <= ushort.MaxValue; value++)
        {
            foreach (int other in new[] { 0, 0x7FFF, 0x8000, 0xFFFF })
                Check(Words(32, 0, int.MaxValue, int.MinValue, -1), Words(16, value, other));
        }

        void Check(byte[] addend, byte[] value) =>
            NeonInstructionTests.Check(32, e => SInt(addend, e, 32) + SInt(value, 2 * e, 16) + SInt(value, 2 * e + 1, 16), Neon(name).Sadalp(addend, value));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Uxtl_and_sxtl_of_all_bytes(string name)
    {
        for (int first = 0; first < 256; first += 8)
        {
            byte[] value = [.. Enumerable.Range(first, 8).Select(i => (byte)i)];
            Check(16, e => UInt(value, e, 8), Neon(name).Xtl(value, unsigned: true));
            Check(16, e => SInt(value, e, 8), Neon(name).Xtl(value, unsigned: false));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Sshll_of_all_16_bit_elements_and_counts(string name)
    {
        for (int first = 0; first <= ushort.MaxValue; first += 8)
        {
            byte[] value = Words(16, [.. Enumerable.Range(first, 8)]);
            for (int shift = 0; shift < 16; shift++)
            {
                foreach (int part in new[] { 0, 1 })
                    Check(32, e => SInt(value, 4 * part + e, 16) << shift, Neon(name).Sshll(value, shift, part == 1));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Zip1_and_zip2(string name) => ForRegisters(registers =>
    {
        foreach (int part in new[] { 0, 1 })
            Check(16, e => SInt(registers[e % 2], 4 * part + e / 2, 16), Neon(name).Zip(registers[0], registers[1], part == 1));
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Fmla_and_fmls_round_once(string name)
    {
        foreach (float left in Finite)
        {
            foreach (float right in Finite)
                CheckProducts(name, Finite, left, right);
        }
        Random random = new(1);
        for (int round = 0; round < Rounds; round++)
        {
            // Addends near the product meet its rounding.
            float left = Some(random), right = Some(random), product = left * right;
            CheckProducts(name, [Some(random), float.IsFinite(product) ? -product : 0, float.IsFinite(product) ? product * 1e-7f : 1, Some(random)], left,
                right);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Fmla_of_infinities_and_nan(string name)
    {
        Assert.Equal(float.PositiveInfinity, Fmla(1, float.NegativeInfinity, -1));
        Assert.Equal(float.NegativeInfinity, Fmla(float.NegativeInfinity, 3e38f, 3e38f));
        Assert.True(float.IsNaN(Fmla(1, float.PositiveInfinity, 0)));
        Assert.True(float.IsNaN(Fmla(float.NegativeInfinity, float.PositiveInfinity, 1)));
        Assert.True(float.IsNaN(Fmla(1, float.NaN, 1)));

        float Fmla(float addend, float left, float right) => Floats(Neon(name).Fmla(Register(addend), Register(left), Register(right)))[0];
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Facge_compares_magnitudes_and_nan_with_nothing(string name)
    {
        float[] values = [.. Finite, float.PositiveInfinity, float.NegativeInfinity, float.NaN, 65535.996f, 65536.008f];
        foreach (float left in values)
        {
            foreach (float right in values)
                Check(32, _ => Math.Abs((double)left) >= Math.Abs((double)right) ? -1 : 0, Neon(name).Facge(Register(left), Register(right)));
        }
    }

    private static NeonInstructions Neon(string name) => NeonInstructions.Available.Single(neon => neon.Name == name);

    private static void CheckSdot(string name, byte[] addend, byte[] left, byte[] right)
    {
        for (int index = 0; index < 4 && Neon(name).SupportsDotProduct; index++)
        {
            Check(32, e =>
            {
                BigInteger result = SInt(addend, e, 32);
                for (int i = 0; i < 4; i++)
                    result += SInt(left, 4 * e + i, 8) * SInt(right, 4 * index + i, 8);
                return result;
            }, Neon(name).Sdot(addend, left, right, index));
        }
    }

    private static void CheckProducts(string name, float[] addends, float left, float right)
    {
        for (int first = 0; first < addends.Length; first += 4)
        {
            float[] four = [.. Enumerable.Range(first, 4).Select(i => addends[i % addends.Length])];
            byte[] addend = [.. MemoryMarshal.AsBytes<float>(four)];
            float[] sums = Floats(Neon(name).Fmla(addend, Register(left), Register(right))),
                differences = Floats(Neon(name).Fmls(addend, Register(left), Register(right)));
            for (int e = 0; e < 4; e++)
            {
                Assert.Equal(BitConverter.SingleToInt32Bits(FPMulAdd(four[e], left, right)), BitConverter.SingleToInt32Bits(sums[e]));
                Assert.Equal(BitConverter.SingleToInt32Bits(FPMulAdd(four[e], -left, right)), BitConverter.SingleToInt32Bits(differences[e]));
            }
        }
    }

    private static void Check(int width, Func<int, BigInteger> element, byte[] actual)
    {
        byte[] expected = new byte[16];
        for (int e = 0; e < 128 / width; e++)
            SetElem(expected, e, width, element(e));
        Assert.Equal(expected, actual);
    }

    // Every byte against every byte, in every position of a register.
    private static void ForPairsOfBytes(Action<byte[], byte[]> check)
    {
        for (int left = 0; left < 256; left++)
        {
            for (int first = 0; first < 256; first += 16)
                check(Filled((byte)left), [.. Enumerable.Range(first, 16).Select(i => (byte)i)]);
        }
    }

    private static void ForRegisters(Action<byte[][]> check)
    {
        Random random = new(7);
        for (int round = 0; round < Rounds; round++)
        {
            byte[][] registers = [new byte[16], new byte[16], new byte[16]];
            foreach (byte[] register in registers)
                random.NextBytes(register);
            check(registers);
        }
    }

    private static byte[] Filled(byte value)
    {
        byte[] register = new byte[16];
        Array.Fill(register, value);
        return register;
    }

    // A register of elements in turn.
    private static byte[] Words(int width, params int[] values)
    {
        byte[] register = new byte[16];
        for (int e = 0; e < 128 / width; e++)
            SetElem(register, e, width, values[e % values.Length]);
        return register;
    }

    private static byte[] Register(float value) => Words(32, BitConverter.SingleToInt32Bits(value));

    private static float[] Floats(byte[] register) => MemoryMarshal.Cast<byte, float>(register).ToArray();

    private static float Some(Random random)
    {
        float value = BitConverter.Int32BitsToSingle(random.Next() * (random.Next(2) * 2 - 1));
        return float.IsFinite(value) ? value : random.NextSingle();
    }
}
