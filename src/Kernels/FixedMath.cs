using System.Numerics;

namespace MeKi.Kernels;

/// <summary>
/// Elementary functions in float64 whose bits are the same on every machine: additions, multiplications and divisions that are each rounded, in one order.
/// The base library calls the system's C library, whose last bit depends on its maker, its version and the processor. Within a few units of float64's last
/// place, so that hardly a result is rounded to another float32 than the nearest.
/// </summary>
internal static class FixedMath
{
    private const double Log2E = 1.4426950408889634;

    // ln 2 in two parts, the first of so few bits that its product with any exponent is exact.
    private const double Ln2High = 6.93147180369123816490e-01, Ln2Low = 1.90821492927058770002e-10;

    // Adding 1.5 · 2^52 leaves the integer nearest to what was there in the lower bits.
    private const double Magic = 6755399441055744;

    // Between them powers of 2 are normal numbers.
    private const double LeastExponent = -708, MostExponent = 709;

    // π / 2 in three parts, the first two of 27 bits: their products with integers of 26 bits are exact.
    private const double HalfPiHigh = 1.570796325802803, HalfPiMiddle = 9.920935739593517e-10, HalfPiLow = 5.721188726109832e-18;

    // 1 / k! for k = 13 … 0: the rest of the series is below 2^-57 for |r| ≤ ln 2 / 2.
    private static ReadOnlySpan<double> ExpSeries =>
    [
        1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
        1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1, 1,
    ];

    // 2 / (2k + 1) for k = 11 … 0: ln((1 + s) / (1 − s)) = s Σ s^2k · 2 / (2k + 1).
    private static ReadOnlySpan<double> LogSeries =>
        [2.0 / 23, 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3, 2];

    // Both of fdlibm (Sun Microsystems, netlib.org/fdlibm, k_sin.c and k_cos.c), for |r| ≤ π / 4.
    private static ReadOnlySpan<double> SineSeries =>
    [
        1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
        -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01,
    ];

    private static ReadOnlySpan<double> CosineSeries =>
    [
        -1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
        2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02,
    ];

    /// <summary>e^x of each value, in place; zero below −708, infinity above 709.</summary>
    public static void Exp(Span<double> x)
    {
        int i = 0, width = Vector<double>.Count;
        // Four at once: each is a chain of dependent steps.
        for (; i + 4 * width <= x.Length; i += 4 * width)
        {
            Span<double> some = x.Slice(i, 4 * width);
            Vector<double> a = Exp(new Vector<double>(some)), b = Exp(new Vector<double>(some[width..]));
            Vector<double> c = Exp(new Vector<double>(some[(2 * width)..])), d = Exp(new Vector<double>(some[(3 * width)..]));
            a.CopyTo(some);
            b.CopyTo(some[width..]);
            c.CopyTo(some[(2 * width)..]);
            d.CopyTo(some[(3 * width)..]);
        }
        for (; i + width <= x.Length; i += width)
            Exp(new Vector<double>(x[i..])).CopyTo(x[i..]);
        for (; i < x.Length; i++)
            x[i] = Exp(x[i]);
    }

    /// <inheritdoc cref="Exp(Span{double})"/>
    public static double Exp(double x) => Exp(new Vector<double>(x))[0];

    /// <summary>The natural logarithm of a positive normal number.</summary>
    public static double Log(double x)
    {
        // x = m · 2^e, m between 1/√2 and √2.
        long bits = BitConverter.DoubleToInt64Bits(x);
        int exponent = (int)(bits >> 52) - 1023;
        double mantissa = BitConverter.Int64BitsToDouble((bits & 0xFFFFFFFFFFFFFL) | (1023L << 52));
        if (mantissa > 1.4142135623730951)
            (mantissa, exponent) = (mantissa / 2, exponent + 1);
        double s = (mantissa - 1) / (mantissa + 1);
        return exponent * Ln2High + (s * Polynomial(LogSeries, s * s) + exponent * Ln2Low);
    }

    /// <summary>A positive normal number to a power.</summary>
    public static double Pow(double x, double y) => Exp(y * Log(x));

    /// <summary>Sine and cosine, rounded to float32; of angles beyond 10^8, whose float32 says no more, of what division by float64's 2π leaves.</summary>
    public static (float Sin, float Cos) SinCos(float angleInFloat)
    {
        // A remainder is exact on every machine.
        double angle = MathF.Abs(angleInFloat) < 1e8f ? angleInFloat : Math.IEEERemainder(angleInFloat, 2 * Math.PI);
        double shifted = angle * (2 / Math.PI) + Magic, n = shifted - Magic;
        double r = angle - n * HalfPiHigh - n * HalfPiMiddle - n * HalfPiLow, square = r * r;
        double sine = r + r * square * Polynomial(SineSeries, square);
        double cosine = 1 - square / 2 + square * square * Polynomial(CosineSeries, square);
        (double sin, double cos) = (BitConverter.DoubleToInt64Bits(shifted) & 3) switch
        {
            0 => (sine, cosine),
            1 => (cosine, -sine),
            2 => (-sine, -cosine),
            _ => (-cosine, sine),
        };
        return ((float)sin, (float)cos);
    }

    private static Vector<double> Exp(Vector<double> x)
    {
        Vector<double> least = new(LeastExponent), most = new(MostExponent);
        Vector<double> limited = Vector.ConditionalSelect(Vector.LessThan(x, least), least, Vector.ConditionalSelect(Vector.GreaterThan(x, most), most, x));
        Vector<double> shifted = limited * Log2E + new Vector<double>(Magic), n = shifted - new Vector<double>(Magic);
        Vector<double> r = limited - n * Ln2High - n * Ln2Low, p = new(ExpSeries[0]);
        foreach (double coefficient in ExpSeries[1..])
            p = p * r + new Vector<double>(coefficient);
        // The bits of 1 are the exponent of 2^0.
        Vector<double> power = Vector.AsVectorDouble(Vector.ShiftLeft(Vector.AsVectorInt64(shifted), 52) + Vector.AsVectorInt64(Vector<double>.One));
        Vector<double> result = Vector.ConditionalSelect(Vector.LessThan(x, least), Vector<double>.Zero, p * power);
        return Vector.ConditionalSelect(Vector.GreaterThan(x, most), new(double.PositiveInfinity), result);
    }

    private static double Polynomial(ReadOnlySpan<double> coefficients, double x)
    {
        double sum = coefficients[0];
        foreach (double coefficient in coefficients[1..])
            sum = sum * x + coefficient;
        return sum;
    }
}
