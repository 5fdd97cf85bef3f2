using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Tests.Vectors;

/// <summary>
/// The checks of one implementation of the vocabulary, each operation against a loop over its bytes or lanes. Generic code behind a name that a theory can
/// show.
/// </summary>
internal abstract class VectorCheck(string name)
{
    public string Name => name;

    public abstract bool IsSupported { get; }

    public abstract void Bytes(Random random);

    public abstract void Integers(Random random);

    public abstract void Floats(Random random);

    public abstract void Halves();

    public abstract void ConversionsOfBytes();

    public abstract void DotsOfUnsignedCodes(int codeBits, Random random);

    public abstract void DotsOfSignedCodes(Random random);
}

/// <inheritdoc/>
internal sealed unsafe class VectorCheck<TVector>(string name) : VectorCheck(name)
    where TVector : struct, IPanelVector<TVector>
{
    private const int VectorBytes = 32, Lanes = 8, Sixteen = 16;

    // Pairs and triples of these meet in the float operations: signed zeros, subnormals, rounding borders, overflow, infinities, NaN.
    private static readonly float[] Interesting =
        [0, -0f, float.Epsilon, -float.Epsilon, 1e-39f, 1.17549435e-38f, 1, -1, 1 + 1.1920929e-7f, 0.1f, 3, 16777216, 1e20f, -3e38f, float.MaxValue,
            float.PositiveInfinity, float.NegativeInfinity, float.NaN];

    public override bool IsSupported => TVector.IsSupported;

    public override void Bytes(Random random)
    {
        // One byte beyond what an aligned operation would take, and a mark behind what it may write.
        byte[] a = new byte[VectorBytes + 1], b = new byte[VectorBytes + 1], to = new byte[VectorBytes + 2];
        random.NextBytes(a);
        random.NextBytes(b);
        byte constant = (byte)random.Next(256);
        fixed (byte* pa = a, pb = b, pto = to)
        {
            TVector va = TVector.Load(pa + 1), vb = TVector.Load(pb + 1);
            Check(va, i => a[1 + i], "Load");
            TVector.Store(va, pto + 1);
            Assert.Equal([0, .. a[1..], 0], to);
            Check(TVector.Zero, _ => 0, "Zero");
            Check(TVector.Mask(va, constant), i => (byte)(a[1 + i] & constant), "Mask");
            Check(TVector.LowNibbles(va), i => (byte)(a[1 + i] & 15), "LowNibbles");
            Check(TVector.HighNibbles(va), i => (byte)(a[1 + i] >> 4), "HighNibbles");
            Check(TVector.UpperNibbles(va), i => (byte)(a[1 + i] >> 4 << TVector.UpperNibbleShift), "UpperNibbles");
            Check(TVector.Or(va, vb), i => (byte)(a[1 + i] | b[1 + i]), "Or");
            Check(TVector.OrMasked(va, vb, constant), i => (byte)(a[1 + i] | (b[1 + i] & constant)), "OrMasked");
            for (int bits = 1; bits < 8; bits++)
            {
                int shift = bits;
                Check(TVector.Mask(TVector.ShiftRight(va, bits), (byte)(0xFF >> bits)), i => (byte)(a[1 + i] >> shift), $"ShiftRight {bits}");
                Check(TVector.Mask(TVector.ShiftLeft(va, bits), (byte)(0xFF << bits)), i => (byte)(a[1 + i] << shift), $"ShiftLeft {bits}");
            }
        }
        // Only that it does no harm can be seen.
        TVector.Prefetch(null);
    }

    public override void Integers(Random random)
    {
        int[] a = Mixed(random), b = Mixed(random);
        int[] broadcast = [random.Next(-4_064, 4_065)];
        fixed (int* pa = a, pb = b, value = broadcast)
        {
            TVector va = TVector.Load((byte*)pa), vb = TVector.Load((byte*)pb);
            Check(TVector.AddIntegers(va, vb), i => a[i] + b[i], "AddIntegers");
            foreach (int bits in new[] { 1, 3, 5, 7 })
                Check(TVector.BroadcastNegated(value, bits), _ => -(broadcast[0] << bits), $"BroadcastNegated {bits}");
            Check(TVector.ToFloat(va), i => (float)a[i], "ToFloat");
            foreach (int bits in new[] { 1, 13, 23, 31 })
                Check(TVector.ShiftLanesLeft(va, bits), i => a[i] << bits, $"ShiftLanesLeft {bits}");
            foreach (int bits in new[] { 1, 4, 31 })
                Check(TVector.ShiftLanesRight(va, bits), i => a[i] >> bits, $"ShiftLanesRight {bits}");
        }

        int[] Mixed(Random values) => [int.MinValue, int.MaxValue, 0, -1, 16_777_217, -33_554_435, values.Next(), -values.Next()];
    }

    public override void Floats(Random random)
    {
        float[] a = new float[Lanes], b = new float[Lanes], c = new float[Lanes];
        fixed (float* pa = a, pb = b, pc = c)
        {
            for (int i = 0; i < Lanes; i++)
                (a[i], b[i], c[i]) = (Some(random), Some(random), Some(random));
            TVector va = TVector.Load((byte*)pa), vb = TVector.Load((byte*)pb), vc = TVector.Load((byte*)pc);
            Check(TVector.BroadcastFloat(pa + 3), _ => a[3], "BroadcastFloat");
            Check(TVector.AddFloats(va, vb), i => a[i] + b[i], "AddFloats");
            Check(TVector.Multiply(va, vb), i => a[i] * b[i], "Multiply");
            Check(TVector.Constant(a[3]), _ => a[3], "Constant");
            Check(TVector.Divide(va, vb), i => a[i] / b[i], "Divide");
            Check(TVector.MultiplyAdd(va, vb, vc), i => MathF.FusedMultiplyAdd(a[i], b[i], c[i]), "MultiplyAdd");
            Check(TVector.NegatedMultiplyAdd(va, vb, vc), i => MathF.FusedMultiplyAdd(-a[i], b[i], c[i]), "NegatedMultiplyAdd");
            Check(TVector.NegatedMultiplyAdd(pa, vb, vc), i => MathF.FusedMultiplyAdd(-a[i], b[i], c[i]), "NegatedMultiplyAdd of memory");
            int[] integers = [random.Next(), -random.Next(), random.Next(1 << 24), 0, 1, -1, int.MinValue, int.MaxValue];
            fixed (int* pi = integers)
                Check(TVector.ScaledSum(TVector.Load((byte*)pi), pa, vb, pc), i => MathF.FusedMultiplyAdd(integers[i], a[i] * b[i], c[i]), "ScaledSum");
            // What is unspecified is not asked for.
            for (int i = 0; i < Lanes; i++)
                a[i] = float.IsNaN(a[i]) || a[i] == b[i] ? 7 : a[i];
            Check(TVector.MaxNative(TVector.Load((byte*)pa), vb), i => MathF.Max(a[i], b[i]), "MaxNative");
        }

        static float Some(Random random) =>
            random.Next(2) == 0 ? Interesting[random.Next(Interesting.Length)] : BitConverter.Int32BitsToSingle(random.Next() * (random.Next(2) * 2 - 1));
    }

    public override void Halves()
    {
        const float MovedScale = 1 / 5.192296858534828e33f;
        ushort[] halves = new ushort[Lanes];
        int* moved = stackalloc int[Lanes];
        fixed (ushort* from = halves)
        {
            for (int first = 0; first <= ushort.MaxValue; first += Lanes)
            {
                for (int i = 0; i < Lanes; i++)
                    halves[i] = (ushort)(first + i);
                Check(TVector.LoadHalves((byte*)from), i => (float)BitConverter.UInt16BitsToHalf(halves[i]), $"LoadHalves {first:x4}");
                TVector.Store(TVector.LoadMovedHalves((byte*)from), (byte*)moved);
                for (int i = 0; i < Lanes; i++)
                {
                    float half = (float)BitConverter.UInt16BitsToHalf(halves[i]);
                    Assert.Equal(!float.IsFinite(half), (moved[i] & 0x0F800000) == 0x0F800000);
                    Assert.True(!float.IsFinite(half) || BitConverter.Int32BitsToSingle(moved[i]).Equals(half * MovedScale), $"LoadMovedHalves {halves[i]:x4}");
                }
                Check(TVector.LoadBrainFloats((byte*)from), i => BitConverter.UInt32BitsToSingle((uint)halves[i] << 16), $"LoadBrainFloats {first:x4}");
            }
        }
        ushort[] pairs = new ushort[2 * Lanes];
        fixed (ushort* from = pairs)
        {
            for (int first = 0; first <= ushort.MaxValue; first += Lanes)
            {
                for (int i = 0; i < Lanes; i++)
                    (pairs[2 * i], pairs[2 * i + 1]) = (Finite(first + i), Finite(ushort.MaxValue - first - i));
                Check(TVector.LowHalves(TVector.Load((byte*)from)), i => (float)BitConverter.UInt16BitsToHalf(pairs[2 * i]) * MovedScale,
                    $"LowHalves {first:x4}");
                Check(TVector.HighHalves(TVector.Load((byte*)from)), i => (float)BitConverter.UInt16BitsToHalf(pairs[2 * i + 1]) * MovedScale,
                    $"HighHalves {first:x4}");
            }
        }

        // Infinities and NaN become the number with all other bits.
        static ushort Finite(int half) => (ushort)((half & 0x7C00) == 0x7C00 ? half & 0x83FF : half);
    }

    public override void ConversionsOfBytes()
    {
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        fixed (byte* from = bytes)
        {
            for (int first = 0; first < 256; first += Lanes)
            {
                int at = first;
                Check(TVector.LoadBytes(from + first), i => at + i, "LoadBytes");
                Check(TVector.LoadBytesAsFloat(from + first), i => (float)(at + i), "LoadBytesAsFloat");
                Check(TVector.LoadSignedBytesAsFloat(from + first), i => (float)(sbyte)(at + i), "LoadSignedBytesAsFloat");
            }
        }
    }

    public override void DotsOfUnsignedCodes(int codeBits, Random random)
    {
        // As many as a partial sum is said to hold, or as many as a block of 256 columns has; two partial sums share them.
        Dots(codeBits, Math.Min(TVector.DotsPerSum(codeBits), 64), zero: 0, random);
        // Around zero: as many as of codes one bit shorter, as far as the correction fits its 16 bits.
        int zero = 1 << (codeBits - 1);
        Dots(codeBits, Math.Min(TVector.DotsPerSum(codeBits - 1), short.MaxValue / (2 * 127 * zero)), zero, random);
    }

    private static void Dots(int codeBits, int dots, int zero, Random random)
    {
        byte[] codes = new byte[VectorBytes];
        sbyte[] x = new sbyte[Sixteen];
        int[] expected = new int[Lanes], pairs = new int[2];
        int style = random.Next(3);
        sbyte[] subScales = new sbyte[Lanes];
        for (int i = 0; i < Lanes; i++)
            subScales[i] = (sbyte)(style < 2 ? -128 + 255 * random.Next(2) : random.Next(-128, 128));
        int offset = random.Next(-1_000_000, 1_000_000), packed;
        fixed (byte* pcodes = codes)
        fixed (sbyte* px = x, psub = subScales)
        {
            TVector first = TVector.Zero, second = TVector.Zero;
            for (int dot = 0; dot < dots; dot++)
            {
                int index = dot / 2 % 4;
                for (int i = 0; i < Sixteen; i++)
                    x[i] = (sbyte)(style == 0 ? 127 : style == 1 ? -127 : random.Next(-127, 128));
                for (int i = 0; i < VectorBytes; i++)
                {
                    codes[i] = (byte)(style < 2 ? (1 << codeBits) - 1 : random.Next(1 << codeBits));
                    expected[i / 4] += (codes[i] - zero) * x[4 * index + i % 4];
                }
                for (int i = 0; i < 4; i++)
                    pairs[i / 2] -= zero * x[4 * index + i];
                TVector four = TVector.BroadcastFour(px);
                if (index > 0)
                    four = TVector.BroadcastFourAt(four, px, index);
                if (dot % 2 == 0)
                    first = TVector.AddDot(first, TVector.Load(pcodes), four, index);
                else
                    second = TVector.AddDot(second, TVector.Load(pcodes), four, index);
            }
            packed = (ushort)pairs[0] | pairs[1] << 16;
            TVector partial = TVector.AddPartial(TVector.AddPartial(first, second), TVector.StartPartial(&packed));
            Check(TVector.Widen(partial), i => expected[i], $"{dots} dot products of {codeBits} bits around {zero}");
            int[] sums = [.. Enumerable.Repeat(offset, Lanes)];
            fixed (int* psums = sums)
                Check(TVector.AddScaled(TVector.Load((byte*)psums), partial, TVector.LoadSubScales((byte*)psub)), i => offset + expected[i] * subScales[i],
                    $"{dots} scaled dot products of {codeBits} bits around {zero}");
        }
    }

    public override void DotsOfSignedCodes(Random random)
    {
        sbyte[] codes = new sbyte[VectorBytes], x = new sbyte[Sixteen];
        int[] sums = new int[Lanes];
        int style = random.Next(4), shift = TVector.SignedOffsetShift;
        for (int lane = 0; lane < Lanes; lane++)
            sums[lane] = random.Next(-100_000, 100_000);
        for (int i = 0; i < VectorBytes; i++)
            codes[i] = style switch { 0 => -128, 1 => 127, _ => (sbyte)random.Next(-128, 128) };
        for (int i = 0; i < Sixteen; i++)
            x[i] = style < 3 ? (sbyte)(random.Next(2) * 254 - 127) : (sbyte)random.Next(-127, 128);
        fixed (int* psums = sums)
        fixed (sbyte* pcodes = codes, px = x)
        {
            TVector vector = TVector.Load((byte*)pcodes), four = TVector.BroadcastFour(px);
            // What a tile keeps of codes stands for the codes too, unless tokens are split.
            TVector kept = TVector.Magnitudes(vector);
            sbyte* magnitudes = stackalloc sbyte[Sixteen], signs = stackalloc sbyte[Sixteen];
            for (int index = 0; index < 4; index++)
            {
                int at = index;
                if (index > 0)
                    four = TVector.BroadcastFourAt(four, px, index);
                Check(TVector.AddSignedDot(TVector.Load((byte*)psums), vector, TVector.Magnitudes(vector), four, index), lane => Expected(lane, at),
                    $"AddSignedDot {index}");
                if (!TVector.TakesSignMagnitudes)
                {
                    Check(TVector.AddSignedDot(TVector.Load((byte*)psums), kept, kept, four, index), lane => Expected(lane, at),
                        $"AddSignedDot {index} of what a tile keeps");
                    continue;
                }
                int missing = 0;
                for (int j = 0; j < 4; j++)
                {
                    (magnitudes[j], signs[j]) = (Math.Abs(px[4 * at + j]), (sbyte)(px[4 * at + j] < 0 ? -1 : 0));
                    missing += px[4 * at + j] < 0 ? magnitudes[j] : 0;
                }
                Check(TVector.AddSignMagnitudeDot(TVector.Load((byte*)psums), (byte*)pcodes, TVector.BroadcastFour(magnitudes), TVector.BroadcastFour(signs)),
                    lane => Expected(lane, at) - missing, $"AddSignMagnitudeDot {index}");
            }
        }

        // Codes larger by 2^shift.
        int Expected(int lane, int index) =>
            sums[lane] + Enumerable.Range(0, 4).Sum(j => (codes[4 * lane + j] + (shift > 0 ? 1 << shift : 0)) * x[4 * index + j]);
    }

    private static void Check(TVector vector, Func<int, byte> expected, string what)
    {
        byte* actual = stackalloc byte[VectorBytes];
        TVector.Store(vector, actual);
        for (int i = 0; i < VectorBytes; i++)
            Assert.True(expected(i) == actual[i], $"{what}: byte {i} is {actual[i]} and not {expected(i)}");
    }

    private static void Check(TVector vector, Func<int, int> expected, string what)
    {
        int* actual = stackalloc int[Lanes];
        TVector.Store(vector, (byte*)actual);
        for (int i = 0; i < Lanes; i++)
            Assert.True(expected(i) == actual[i], $"{what}: lane {i} is {actual[i]} and not {expected(i)}");
    }

    private static void Check(TVector vector, Func<int, float> expected, string what)
    {
        float* actual = stackalloc float[Lanes];
        TVector.Store(vector, (byte*)actual);
        for (int i = 0; i < Lanes; i++)
            Assert.True(Bits.Same(expected(i), actual[i]), $"{what}: lane {i} is {actual[i]:g9} and not {expected(i):g9}");
    }
}
