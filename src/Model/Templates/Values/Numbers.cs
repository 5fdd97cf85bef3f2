using System.Globalization;
using System.Numerics;
using System.Text;

namespace MeKi.Model.Templates.Values;

/// <summary>Numbers as Python compares, reads and prints them.</summary>
internal static class Numbers
{
    // Python reads no longer ints.
    private const int MostDigits = 4300;

    /// <summary>The order of two numbers; null where one is not a number.</summary>
    public static int? Compare(NumberValue x, NumberValue y)
    {
        if (x is WholeValue whole && y is WholeValue other)
            return whole.Number.CompareTo(other.Number);
        (double a, double b) = (x.AsFloat, y.AsFloat);
        if (double.IsNaN(a) || double.IsNaN(b))
            return null;
        // An int beside a float is compared exactly.
        if (x is WholeValue left && double.IsFinite(b) && double.IsInteger(b))
            return left.Number.CompareTo(new BigInteger(b));
        return y is WholeValue right && double.IsFinite(a) && double.IsInteger(a) ? new BigInteger(a).CompareTo(right.Number) : a.CompareTo(b);
    }

    /// <summary>The shortest digits that give the same float again, as Python writes them.</summary>
    public static string Repr(double number)
    {
        if (!double.IsFinite(number))
            return NotFinite(number);
        (string digits, int point) = Digits(number);
        string sign = double.IsNegative(number) ? "-" : "";
        if (point is <= -4 or > 16)
        {
            int exponent = point - 1;
            string fraction = digits.Length > 1 ? "." + digits[1..] : "";
            return string.Create(CultureInfo.InvariantCulture, $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
        }
        if (point <= 0)
            return sign + "0." + new string('0', -point) + digits;
        return sign + (point >= digits.Length ? digits.PadRight(point, '0') + ".0" : digits[..point] + "." + digits[point..]);
    }

    public static string NotFinite(double number) => double.IsNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";

    /// <summary>A float of JSON, which has no other words for what is no number.</summary>
    public static string Json(double number) => double.IsNaN(number) ? "NaN" : double.IsInfinity(number) ? number > 0 ? "Infinity" : "-Infinity" : Repr(number);

    /// <summary>|x| · 10^<paramref name="digits"/>, rounded to the nearest whole number, halves to even, from the float's exact value.</summary>
    public static BigInteger Scale(double x, int digits)
    {
        long bits = BitConverter.DoubleToInt64Bits(Math.Abs(x));
        int exponent = (int)(bits >> 52);
        BigInteger numerator = (bits & ((1L << 52) - 1)) | (exponent > 0 ? 1L << 52 : 0), denominator = BigInteger.One;
        int power = Math.Max(exponent, 1) - 1075;
        if (power >= 0)
            numerator <<= power;
        else
            denominator <<= -power;
        if (digits >= 0)
            numerator *= BigInteger.Pow(10, digits);
        else
            denominator *= BigInteger.Pow(10, -digits);
        return Divide(numerator, denominator);
    }

    /// <summary>The nearest whole number to a quotient of positive numbers, halves to even.</summary>
    public static BigInteger Divide(BigInteger numerator, BigInteger denominator)
    {
        BigInteger quotient = BigInteger.DivRem(numerator, denominator, out BigInteger remainder);
        int half = (remainder * 2).CompareTo(denominator);
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    /// <summary>A number with a fixed number of digits behind the point, without a sign.</summary>
    public static string Fixed(double x, int digits)
    {
        string text = Scale(x, digits).ToString(CultureInfo.InvariantCulture).PadLeft(digits + 1, '0');
        return digits == 0 ? text : text[..^digits] + "." + text[^digits..];
    }

    /// <summary>Reads an int as Python's <c>int(text, radix)</c> does.</summary>
    /// <param name="text">With a sign, underscores and whitespace around.</param>
    /// <param name="radix">2 to 36, or 0 to go by the prefix.</param>
    public static BigInteger? ParseInt(string text, int radix)
    {
        string body = PythonText.Strip(text, null);
        bool isNegative = body.StartsWith('-');
        if (isNegative || body.StartsWith('+'))
            body = body[1..];
        int prefixed = body.Length > 1 && body[0] == '0' ? char.ToLowerInvariant(body[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        if (prefixed != 0 && (radix == 0 || radix == prefixed))
        {
            (body, radix) = (body[2..], prefixed);
            if (body.StartsWith('_'))
                body = body[1..];
        }
        else if (radix == 0)
        {
            if (body.Length > 1 && body[0] == '0' && body.AsSpan().ContainsAnyExcept('0', '_'))
                return null;
            radix = 10;
        }
        if (body.Length is 0 or > MostDigits || body[0] == '_' || body[^1] == '_' || body.Contains("__", StringComparison.Ordinal))
            return null;
        BigInteger number = BigInteger.Zero;
        foreach (char digit in body)
        {
            if (digit == '_')
                continue;
            int value = DigitOf(digit);
            if (value < 0 || value >= radix)
                return null;
            number = number * radix + value;
        }
        return isNegative ? -number : number;
    }

    /// <summary>Reads a float as Python's <c>float(text)</c> does.</summary>
    public static double? ParseFloat(string text)
    {
        string body = PythonText.Strip(text, null);
        string unsigned = body.TrimStart('+', '-').ToLowerInvariant();
        if (body.Length - unsigned.Length <= 1 && unsigned is "inf" or "infinity" or "nan")
            return unsigned == "nan" ? double.NaN : body[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
        // Underscores stand between digits.
        for (int i = 0; i < body.Length; i++)
        {
            if (body[i] == '_' && !(i > 0 && i + 1 < body.Length && char.IsAsciiDigit(body[i - 1]) && char.IsAsciiDigit(body[i + 1])))
                return null;
        }
        const NumberStyles Plain = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        body = body.Replace("_", "", StringComparison.Ordinal);
        bool isPlain = body.All(static c => char.IsAsciiDigit(c) || c is '.' or 'e' or 'E' or '+' or '-');
        return isPlain && double.TryParse(body, Plain, CultureInfo.InvariantCulture, out double number) ? number : null;
    }

    // The digits of the shortest form, and how many stand before the point.
    private static (string Digits, int Point) Digits(double number)
    {
        string shortest = Math.Abs(number).ToString("R", CultureInfo.InvariantCulture);
        StringBuilder digits = new();
        int exponent = 0, point = -1;
        for (int i = 0; i < shortest.Length; i++)
        {
            if (shortest[i] == 'E')
            {
                exponent = int.Parse(shortest.AsSpan(i + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
                break;
            }
            if (shortest[i] == '.')
                point = digits.Length;
            else
                digits.Append(shortest[i]);
        }
        point = (point < 0 ? digits.Length : point) + exponent;
        string all = digits.ToString(), leading = all.TrimStart('0');
        if (leading.Length == 0)
            return ("0", 1);
        point -= all.Length - leading.Length;
        return (leading.TrimEnd('0') is { Length: > 0 } kept ? kept : "0", point);
    }

    private static int DigitOf(char digit) => char.IsDigit(digit) ? (int)char.GetNumericValue(digit)
        : char.IsAsciiLetter(digit) ? char.ToLowerInvariant(digit) - 'a' + 10 : -1;
}
