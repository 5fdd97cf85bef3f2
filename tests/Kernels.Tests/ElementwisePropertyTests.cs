using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels.Operations;
using MeKi.Quant;

namespace MeKi.Kernels.Tests;

/// <summary>
/// Norms and the FFN's activation in any length, at any address and for any values against float64; what is not finite becomes what the formula makes of it.
/// </summary>
public class ElementwisePropertyTests
{
    private const int Margin = 16;
    private const float Mark = 123456.789f;

    // Half a unit in the last place, relative, and the same of the smallest numbers, absolute: what one rounding costs.
    private const double Unit = 1.0 / (1 << 24), Smallest = float.Epsilon / 2.0;

    private static readonly float[] Extremes = [0, -0f, float.Epsilon, -1e-40f, 1.2e-38f, 1e-20f, 1e18f, -1.9e19f, 1e30f];
    private static readonly float[] Special = [float.NaN, float.PositiveInfinity, float.NegativeInfinity];

    private static readonly Arbitrary<(int Length, int Heads, int Offset, Kind Kind, int Seed)> Samples =
        (from length in Gen.OneOf(Gen.Choose(1, 70), Gen.Choose(71, 1200))
         from heads in Gen.Choose(1, 4)
         from offset in Gen.Choose(0, Margin - 1)
         from kind in Gen.Elements(Enum.GetValues<Kind>())
         from seed in Gen.Choose(0, int.MaxValue)
         select (length, heads, offset, kind, seed)).ToArbitrary();

    private enum Kind
    {
        /// <summary>Within ±3.</summary>
        Ordinary,

        /// <summary>Some as small or as large as float32 has.</summary>
        Extreme,

        /// <summary>Some of those, and some infinite or not a number.</summary>
        Special,
    }

    [Fact]
    public void A_norm_is_its_formula_in_float64_in_place_too() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(Samples, sample =>
    {
        Random random = new(sample.Seed);
        float[] x = Values(sample.Length, sample.Kind, random), w = Values(sample.Length, sample.Kind, random);
        Buffer y = new(sample.Length, sample.Offset), same = new(sample.Length, sample.Offset, x);
        RmsNorm.Normalize(x, w, 1e-6f, y.Values);
        AssertNorm(x, w, y.Values, $"{sample}");
        RmsNorm.Normalize(same.Values, w, 1e-6f, same.Values);
        Bits.AssertSame(y.Values, same.Values, $"in place, {sample}");
        y.AssertNothingBeside();
        same.AssertNothingBeside();
    }));

    [Fact]
    public void Every_heads_norm_is_its_formula_in_float64() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(200), Prop.ForAll(Samples, sample =>
    {
        Random random = new(sample.Seed);
        float[] x = Values(sample.Length * sample.Heads, sample.Kind, random), w = Values(sample.Length, sample.Kind, random);
        Buffer y = new(x.Length, sample.Offset, x);
        RmsNorm.NormalizeHeads(y.Values, w, 1e-6f);
        for (int at = 0; at < x.Length; at += w.Length)
            AssertNorm(x.AsSpan(at, w.Length), w, y.Values.Slice(at, w.Length), $"head at {at}, {sample}");
        y.AssertNothingBeside();
    }));

    [Fact]
    public void SwiGlu_is_its_formula_in_float64() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(Samples, sample =>
    {
        Random random = new(sample.Seed);
        float[] gate = [.. Values(sample.Length, sample.Kind, random).Select(value => random.Next(4) == 0 ? value * 40 : value)],
            up = Values(sample.Length, sample.Kind, random);
        Buffer y = new(sample.Length, sample.Offset);
        KernelSet.Selected.Fusion.Fuse(StoredRow.OfFloats(up), Fusion.MultiplicativeSilu, gate, y.Values);
        for (int i = 0; i < gate.Length; i++)
        {
            // Gates below −86 count as −86, whose SiLU is −3.9e-36. sigmoid is within 2.5e-7, 4.2 u; then come two roundings, where the products are subnormal
            // to a multiple of 2^-149.
            double g = Math.Max(gate[i], -86.0), expected = g / (1 + Math.Exp(-g)) * up[i];
            AssertNear(expected, y.Values[i], 6.3 * Unit * Math.Abs(expected) + Smallest * Math.Abs((double)up[i]) + Smallest,
                $"{gate[i]:g9} and {up[i]:g9}, {sample}");
        }
        y.AssertNothingBeside();
    }));

    /// <summary>
    /// Σx² is a sum of n positive terms, each rounded once, in whatever order: within n u, relative. The division by n and the sum with ε are a rounding each;
    /// the root halves what came before and rounds, as do 1 / …, · x and · w: (n / 2 + 5) u. Squares that underflow are 2^-150 each beside an ε of 1e-6:
    /// nothing.
    /// </summary>
    private static void AssertNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> w, ReadOnlySpan<float> y, string what)
    {
        double sum = 0;
        foreach (float value in x)
            sum += (double)value * value;
        double relative = (x.Length / 2.0 + 5) * Unit * 1.01;
        // Too close to the largest float32 to tell whether the float32 sum is infinite.
        if (Math.Abs(sum / float.MaxValue - 1) < 2 * relative)
            return;
        // As in every implementation in float32: a sum beyond its range is infinite, and what is divided by it 0.
        double scale = sum > float.MaxValue ? 0 : 1 / Math.Sqrt(sum / x.Length + 1e-6f);
        for (int i = 0; i < x.Length; i++)
        {
            double expected = x[i] * scale * w[i];
            AssertNear(expected, y[i], relative * Math.Abs(expected) + Smallest * Math.Abs((double)w[i]) + Smallest,
                $"{x[i]:g9} · {scale} · {w[i]:g9}, value {i}, {what}");
        }
    }

    private static void AssertNear(double expected, float actual, double bound, string what)
    {
        bool isNear = expected switch
        {
            double.NaN => float.IsNaN(actual),
            // An infinite factor; one that underflows in float32 alone makes it NaN.
            double.PositiveInfinity or double.NegativeInfinity => float.IsNaN(actual) || actual == expected,
            _ when Math.Abs(expected) - bound > float.MaxValue => float.IsInfinity(actual) && Math.Sign(actual) == Math.Sign(expected),
            _ => Math.Abs(actual - expected) <= bound || (float.IsInfinity(actual) && Math.Abs(expected) + bound > float.MaxValue),
        };
        Assert.True(isNear, $"{actual:g9} is not within {bound} of {expected}: {what}");
    }

    private static float[] Values(int length, Kind kind, Random random)
    {
        float[] values = [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() * 6 - 3)];
        // One in eight on the average, or one of them all: a value among many is as extreme as many.
        for (int i = 0; i < length && kind != Kind.Ordinary; i++)
        {
            if (random.Next(8) == 0)
                values[i] = Extremes[random.Next(Extremes.Length)];
        }
        if (kind == Kind.Special)
            values[random.Next(length)] = Special[random.Next(Special.Length)];
        return values;
    }

    /// <summary>Floats at any distance from a vector's boundary, with marks on both sides.</summary>
    private sealed class Buffer
    {
        private readonly float[] _memory;
        private readonly int _start, _length;

        public Buffer(int length, int offset, ReadOnlySpan<float> values = default)
        {
            (_memory, _start, _length) = (new float[length + 3 * Margin], Margin + offset, length);
            Array.Fill(_memory, Mark);
            values.CopyTo(Values);
        }

        public Span<float> Values => _memory.AsSpan(_start, _length);

        public void AssertNothingBeside() =>
            Assert.True(_memory.AsSpan(0, _start).IndexOfAnyExcept(Mark) < 0
                && _memory.AsSpan(_start + _length).IndexOfAnyExcept(Mark) < 0, "something beside the result was written");
    }
}
