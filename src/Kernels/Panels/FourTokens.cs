using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MeKi.Kernels.Panels;

/// <summary>
/// Quantises four interleaved tokens at once, to the bits of <see cref="QuantizedRow.Quantize"/>. One by one they write four bytes here and there, 56 times a
/// block, and waited for cache lines that the other cores have read; together they write whole vectors in a row, 14 times.
/// </summary>
internal static unsafe class FourTokens
{
    private const int Columns = QuantizedGroup.BlockColumns;

    /// <summary>Whether this machine has what it takes.</summary>
    public static bool IsSupported => Sse41.IsSupported;

    /// <summary>Quantises all columns.</summary>
    /// <param name="x">The tokens' values, [4 × 32 · blocks].</param>
    /// <param name="blocks">Blocks of 32 columns.</param>
    /// <param name="to">Where they go.</param>
    public static void Quantize(float* x, int blocks, in QuantizedGroup to)
    {
        sbyte* codes = to.Codes;
        int* sums = to.Sums, centre8 = to.CentreCorrections8, centre32 = to.CentreCorrections32;
        float* scales = to.Scales, scaledSums = to.ScaledSums;
        nint stride = (nint)blocks * Columns;
        for (int block = 0; block < blocks; block++, x += Columns, codes += 4 * Columns)
        {
            float* a = x, b = a + stride, c = b + stride, d = c + stride;
            Vector128<int> p = Largest(a), q = Largest(b), r = Largest(c), s = Largest(d);
            Transpose(ref p, ref q, ref r, ref s);
            Vector128<float> max = Vector128.Max(Vector128.Max(p, q), Vector128.Max(r, s)).AsSingle();
            Vector128<float> scale = QuantizedRow.Scales(max, out Vector128<float> inverses);
            Quantize16(a, b, c, d, inverses, codes, out Vector128<int> first, out Vector128<int> firstOthers);
            Quantize16(a + 16, b + 16, c + 16, d + 16, inverses, codes + 64, out Vector128<int> second, out Vector128<int> secondOthers);
            Vector128<int> pairs = first + second, others = firstOthers + secondOthers, all = pairs + others;
            int at = 4 * block;
            scale.Store(scales + at);
            all.Store(sums + at);
            (scale * Vector128.ConvertToSingle(all)).Store(scaledSums + at);
            Packed(-8 * pairs, -8 * others).Store(centre8 + at);
            Packed(-32 * first, -32 * firstOthers).Store(centre32 + 2 * at);
            Packed(-32 * second, -32 * secondOthers).Store(centre32 + 2 * at + 4);
        }
    }

    // Floats without a sign are in the order of their bits, NaN behind infinity.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Largest(float* x)
    {
        Vector128<int> most = Vector128.Abs(Vector128.Load(x)).AsInt32();
        for (int i = 4; i < Columns; i += 4)
            most = Vector128.Max(most, Vector128.Abs(Vector128.Load(x + i)).AsInt32());
        return most;
    }

    // Sums of each token's columns 0 and 1 of every four, and of columns 2 and 3.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quantize16(float* a, float* b, float* c, float* d, Vector128<float> inverses, sbyte* to, out Vector128<int> pairs,
        out Vector128<int> others)
    {
        Vector128<int> p = Codes(a, Vector128.Shuffle(inverses, Vector128.Create(0, 0, 0, 0)), out Vector128<int> sumP),
            q = Codes(b, Vector128.Shuffle(inverses, Vector128.Create(1, 1, 1, 1)), out Vector128<int> sumQ),
            r = Codes(c, Vector128.Shuffle(inverses, Vector128.Create(2, 2, 2, 2)), out Vector128<int> sumR),
            s = Codes(d, Vector128.Shuffle(inverses, Vector128.Create(3, 3, 3, 3)), out Vector128<int> sumS);
        Transpose(ref p, ref q, ref r, ref s);
        p.AsSByte().Store(to);
        q.AsSByte().Store(to + 16);
        r.AsSByte().Store(to + 32);
        s.AsSByte().Store(to + 48);
        Transpose(ref sumP, ref sumQ, ref sumR, ref sumS);
        (pairs, others) = (sumP + sumQ, sumR + sumS);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Codes(float* x, Vector128<float> inverse, out Vector128<int> sums)
    {
        Vector128<int> a = QuantizedRow.Rounded(x, inverse), b = QuantizedRow.Rounded(x + 4, inverse), c = QuantizedRow.Rounded(x + 8, inverse),
            d = QuantizedRow.Rounded(x + 12, inverse);
        sums = a + b + (c + d);
        return Vector128.NarrowWithSaturation(Vector128.NarrowWithSaturation(a, b), Vector128.NarrowWithSaturation(c, d)).AsInt32();
    }

    // The lower 16 bits of each: sums that fit them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Packed(Vector128<int> low, Vector128<int> high) => (low & Vector128.Create(0xFFFF)) | (high << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(ref Vector128<int> a, ref Vector128<int> b, ref Vector128<int> c, ref Vector128<int> d)
    {
        Vector128<long> low = Sse2.UnpackLow(a, b).AsInt64(), high = Sse2.UnpackHigh(a, b).AsInt64(),
            nextLow = Sse2.UnpackLow(c, d).AsInt64(), nextHigh = Sse2.UnpackHigh(c, d).AsInt64();
        a = Sse2.UnpackLow(low, nextLow).AsInt32();
        b = Sse2.UnpackHigh(low, nextLow).AsInt32();
        c = Sse2.UnpackLow(high, nextHigh).AsInt32();
        d = Sse2.UnpackHigh(high, nextHigh).AsInt32();
    }
}
