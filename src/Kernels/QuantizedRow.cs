using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeKi.Kernels;

/// <summary>Where one token's blocks are written (<c>QuantizedActivations</c>).</summary>
/// <param name="group">Its group.</param>
/// <param name="place">Its place among the interleaved tokens.</param>
/// <param name="interleave">How many these are.</param>
internal readonly unsafe struct QuantizedRow(QuantizedGroup group, int place, int interleave)
{
    // Smaller magnitudes would have a scale whose inverse overflows.
    private const float Smallest = 1e-30f;

    private readonly QuantizedGroup _group = group;

    /// <summary>Quantises the 32 columns from 32 · <paramref name="block"/> on.</summary>
    // Eight vectors of four: the same on every instruction set that has 128 bits.
    public void Quantize(int block, float* x)
    {
        sbyte* codes = _group.Codes + (block * QuantizedGroup.BlockColumns * interleave) + 4 * place;
        // Floats without a sign are in the order of their bits, NaN behind infinity: one instruction, where the maximum of floats takes six on AVX2.
        Vector128<int> largest = Vector128.Abs(Vector128.Load(x)).AsInt32();
        for (int i = 4; i < QuantizedGroup.BlockColumns; i += 4)
            largest = Vector128.Max(largest, Vector128.Abs(Vector128.Load(x + i)).AsInt32());
        largest = Vector128.Max(largest, Vector128.Shuffle(largest, Vector128.Create(2, 3, 0, 1)));
        float max = BitConverter.Int32BitsToSingle(Math.Max(largest[0], largest[1]));
        float scale = max < Smallest ? 0 : max < float.PositiveInfinity ? max / 127 : float.NaN;
        Vector128<float> inverse = Vector128.Create(scale > 0 ? 127 / max : 0);

        Vector128<int> first = QuantizeHalf(x, inverse, codes, interleave), second = QuantizeHalf(x + 16, inverse, codes + 16 * interleave, interleave);
        // Lanes are columns modulo four.
        Vector128<int> both = first + second;
        int sum = Vector128.Sum(both);
        int at = block * interleave + place;
        _group.Scales[at] = scale;
        _group.Sums[at] = sum;
        _group.ScaledSums[at] = scale * sum;
        _group.CentreCorrections8[at] = Packed(-8 * both);
        int half = 2 * block * interleave + place;
        _group.CentreCorrections32[half] = Packed(-32 * first);
        _group.CentreCorrections32[half + interleave] = Packed(-32 * second);
    }

    /// <summary>Writes the codes of 16 columns.</summary>
    /// <returns>Their sums, of columns that are equal modulo four.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> QuantizeHalf(float* x, Vector128<float> inverse, sbyte* codes, int stride)
    {
        Vector128<int> a = Rounded(x, inverse), b = Rounded(x + 4, inverse), c = Rounded(x + 8, inverse), d = Rounded(x + 12, inverse);
        Vector128<int> fours = Vector128.NarrowWithSaturation(Vector128.NarrowWithSaturation(a, b), Vector128.NarrowWithSaturation(c, d)).AsInt32();
        *(int*)codes = fours[0];
        *(int*)(codes + 4 * stride) = fours[1];
        *(int*)(codes + 8 * stride) = fours[2];
        *(int*)(codes + 12 * stride) = fours[3];
        return a + b + (c + d);
    }

    /// <summary>Four tokens' scales, and what their values are multiplied with: by the rule of <see cref="Quantize"/>.</summary>
    /// <param name="max">The largest magnitudes.</param>
    /// <param name="inverses">What values are multiplied with.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> Scales(Vector128<float> max, out Vector128<float> inverses)
    {
        Vector128<float> whole = Vector128.Create(127f), number = Vector128.LessThan(max, Vector128.Create(float.PositiveInfinity)),
            scales = Vector128.ConditionalSelect(Vector128.LessThan(max, Vector128.Create(Smallest)), Vector128<float>.Zero,
                Vector128.ConditionalSelect(number, max / whole, Vector128.Create(float.NaN)));
        inverses = Vector128.ConditionalSelect(Vector128.GreaterThan(scales, Vector128<float>.Zero), whole / max, Vector128<float>.Zero);
        return scales;
    }

    /// <summary>Four codes as integers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<int> Rounded(float* x, Vector128<float> inverse) => Vector128.ConvertToInt32Native(Vector128.Round(Vector128.Load(x) * inverse));

    // The pairs' sums fit 16 bits: 16 columns · 127 · 8, 8 columns · 127 · 32.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Packed(Vector128<int> sums)
    {
        Vector128<int> pairs = sums + Vector128.Shuffle(sums, Vector128.Create(1, 0, 3, 2));
        return (ushort)pairs[0] | pairs[2] << 16;
    }
}
