using System.Globalization;
using System.Numerics;

namespace MeKi.Model.Grammars.Values;

/// <summary>A decimal number, exactly: digits times a power of ten.</summary>
internal readonly struct JsonNumber : IEquatable<JsonNumber>, IComparable<JsonNumber>
{
    private JsonNumber(BigInteger digits, int exponent)
    {
        // One number has one form: no zeros at its end.
        if (digits.IsZero)
            exponent = 0;
        string text = BigInteger.Abs(digits).ToString(CultureInfo.InvariantCulture);
        int zeros = digits.IsZero ? 0 : text.Length - text.TrimEnd('0').Length;
        (Digits, Exponent, Length) = (zeros > 0 ? digits / BigInteger.Pow(10, zeros) : digits, exponent + zeros, text.Length - zeros);
    }

    public BigInteger Digits { get; }

    public int Exponent { get; }

    /// <summary>How many digits it has.</summary>
    public int Length { get; }

    /// <summary>-1, 0 or 1.</summary>
    public int Sign => Digits.Sign;

    /// <summary>The power of ten of the first digit; of zero, 0.</summary>
    public int Magnitude => Digits.IsZero ? 0 : Exponent + Length - 1;

    /// <summary>How many digits stand behind the point.</summary>
    public int Decimals => Math.Max(0, -Exponent);

    public static JsonNumber Of(BigInteger digits, int exponent = 0) => new(digits, exponent);

    /// <summary>Reads a number of JSON. Exponents beyond a billion are cut to that.</summary>
    public static JsonNumber Parse(ReadOnlySpan<char> text)
    {
        const int MostExponent = 1_000_000_000;
        int e = text.IndexOfAny('e', 'E'), exponent = 0;
        if (e >= 0)
        {
            ReadOnlySpan<char> digits = text[(e + 1)..].TrimStart('+');
            exponent = BigInteger.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out BigInteger given)
                ? (int)BigInteger.Min(BigInteger.Max(given, -MostExponent), MostExponent) : 0;
            text = text[..e];
        }
        int point = text.IndexOf('.');
        if (point < 0)
            return new(BigInteger.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture), exponent);
        string all = string.Concat(text[..point], text[(point + 1)..]);
        return new(BigInteger.Parse(all, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture), exponent - (text.Length - point - 1));
    }

    /// <summary>Whether it is a whole number of times another.</summary>
    public bool IsMultipleOf(JsonNumber other)
    {
        if (Digits.IsZero)
            return true;
        long shift = (long)Exponent - other.Exponent;
        if (shift < 0)
            return -shift <= Length && (Digits % (other.Digits * BigInteger.Pow(10, (int)-shift))).IsZero;
        // What of the divisor the digits do not have must be made of twos and fives, as many as the power of ten brings.
        BigInteger rest = BigInteger.Abs(other.Digits) / BigInteger.GreatestCommonDivisor(Digits, other.Digits);
        foreach (int prime in (ReadOnlySpan<int>)[2, 5])
        {
            for (long left = shift; left > 0 && (rest % prime).IsZero; left--)
                rest /= prime;
        }
        return rest.IsOne;
    }

    /// <summary>The number times ten to a power that makes it whole.</summary>
    public BigInteger Scaled(int power) => Digits * BigInteger.Pow(10, Exponent + power);

    /// <summary>Plain digits, or a power of ten where they would be many.</summary>
    public override string ToString()
    {
        if (Exponent is >= 0 and < 25)
            return (Digits * BigInteger.Pow(10, Exponent)).ToString(CultureInfo.InvariantCulture);
        if (Exponent is >= 25 or < -40)
            return string.Create(CultureInfo.InvariantCulture, $"{Digits}e{Exponent}");
        string digits = BigInteger.Abs(Digits).ToString(CultureInfo.InvariantCulture).PadLeft(1 - Exponent, '0');
        return (Sign < 0 ? "-" : "") + digits[..^-Exponent] + "." + digits[^-Exponent..];
    }

    public int CompareTo(JsonNumber other)
    {
        if (Sign != other.Sign || Sign == 0)
            return Sign.CompareTo(other.Sign);
        // Of two far apart the magnitude tells; only what is alike is brought to one exponent.
        if (Magnitude != other.Magnitude)
            return Magnitude.CompareTo(other.Magnitude) * Sign;
        int exponent = Math.Min(Exponent, other.Exponent);
        return Scaled(-exponent).CompareTo(other.Scaled(-exponent));
    }

    public bool Equals(JsonNumber other) => Exponent == other.Exponent && Digits == other.Digits;

    public override bool Equals(object? obj) => obj is JsonNumber other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(Digits, Exponent);
}
