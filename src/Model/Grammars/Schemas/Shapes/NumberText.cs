using System.Numerics;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>The text of a number so far, byte by byte. Immutable.</summary>
internal sealed class NumberText
{
    private enum Part
    {
        Begin,
        Minus,
        Zero,
        Whole,
        Point,
        Decimals,
        E,
        Sign,
        Exponent,
    }

    private readonly Part _at;
    private readonly bool _isNegative, _isNegativeExponent;
    private readonly BigInteger _digits;
    private readonly int _whole, _decimals, _exponentDigits;
    private readonly long _exponent;

    private NumberText()
    {
    }

    private NumberText(NumberText from, Part at, bool isNegative, BigInteger digits, int whole, int decimals, bool isNegativeExponent, long exponent,
        int exponentDigits)
    {
        (_at, _isNegative, _digits, _whole, _decimals) = (at, isNegative, digits, whole, decimals);
        (_isNegativeExponent, _exponent, _exponentDigits) = (isNegativeExponent, exponent, exponentDigits);
        Length = from.Length + 1;
    }

    /// <summary>Before the first byte.</summary>
    public static NumberText Empty { get; } = new();

    /// <summary>How many bytes there are.</summary>
    public int Length { get; }

    /// <summary>Whether the text is a number.</summary>
    public bool IsNumber => _at is Part.Zero or Part.Whole or Part.Decimals or Part.Exponent;

    private bool HasExponent => _at is Part.E or Part.Sign or Part.Exponent;

    /// <summary>The number.</summary>
    public JsonNumber Value => JsonNumber.Of(_isNegative ? -_digits : _digits,
        (int)Math.Clamp((_isNegativeExponent ? -_exponent : _exponent) - _decimals, -2_000_000_000L, 2_000_000_000L));

    /// <summary>The text after one more byte; null where that cannot stand there.</summary>
    public NumberText? Next(byte value)
    {
        int digit = value - '0';
        bool isDigit = digit is >= 0 and <= 9;
        return _at switch
        {
            Part.Begin when value == '-' => To(Part.Minus, isNegative: true),
            Part.Begin or Part.Minus when digit == 0 => To(Part.Zero, whole: 1),
            Part.Begin or Part.Minus when isDigit => To(Part.Whole, digit: digit, whole: 1),
            Part.Whole when isDigit => To(Part.Whole, digit: digit, whole: _whole + 1),
            Part.Zero or Part.Whole when value == '.' => To(Part.Point),
            Part.Point or Part.Decimals when isDigit => To(Part.Decimals, digit: digit, decimals: _decimals + 1),
            Part.Zero or Part.Whole or Part.Decimals when value is (byte)'e' or (byte)'E' => To(Part.E),
            Part.E when value is (byte)'+' or (byte)'-' => To(Part.Sign, isNegativeExponent: value == '-'),
            Part.E or Part.Sign or Part.Exponent when isDigit =>
                To(Part.Exponent, exponent: Math.Min(_exponent * 10 + digit, 1_000_000_000_000), exponentDigits: _exponentDigits + 1),
            _ => null,
        };
    }

    /// <summary>Whether the text can become, plainly spelt, a number of a set.</summary>
    public bool CanBecome(NumberSet set)
    {
        if (HasExponent)
            return Exponents(set);
        // The common case, without arithmetic.
        if (set.IsFree && _whole < 19 && _whole + _decimals < 28 && _decimals < 17)
            return !set.IsWhole || _at is not (Part.Point or Part.Decimals);
        return FewestBytes(set, any: true) >= 0;
    }

    /// <summary>How many bytes the shortest completion has; -1 where there is none.</summary>
    public int FewestBytes(NumberSet set)
    {
        if (!HasExponent)
            return FewestBytes(set, any: false);
        if (IsNumber && set.Contains(Value))
            return 0;
        return Exponents(set) ? 1 + (_at == Part.E ? 2 : 1) : -1;
    }

    // Without an exponent: so many more whole digits, then perhaps decimals. Where it does not matter how many, each is tried with all decimals at once.
    private int FewestBytes(NumberSet set, bool any)
    {
        NumberGrid grid = set.Grid;
        if (_at is Part.Begin)
        {
            int positive = Next((byte)'0')!.FewestBytes(set, any), negative = Next((byte)'-')!.FewestBytes(set, any), best = positive;
            for (byte digit = (byte)'1'; digit <= '9' && best != 0; digit++)
                best = Least(best, Next(digit)!.FewestBytes(set, any));
            return Least(best, negative) is int fewest and >= 0 ? fewest + 1 : -1;
        }
        if (_at is Part.Minus)
        {
            int best = -1;
            for (byte digit = (byte)'0'; digit <= '9' && best != 0; digit++)
                best = Least(best, Next(digit)!.FewestBytes(set, any));
            return best >= 0 ? best + 1 : -1;
        }
        if (_decimals > grid.Decimals || _whole > grid.MostWhole || _whole + _decimals > grid.MostDigits || (_at == Part.Point && set.IsWhole))
            return -1;
        int mostMore = _at == Part.Whole ? grid.MostWhole - _whole : 0, found = -1;
        for (int more = 0; more <= mostMore && (found < 0 || more < found); more++)
        {
            BigInteger first = _digits * BigInteger.Pow(10, more + grid.Decimals - _decimals),
                last = first + BigInteger.Pow(10, more + grid.Decimals - _decimals) - 1;
            if (_isNegative)
                (first, last) = (-last, -first);
            int mostDecimals = Math.Min(grid.Decimals, grid.MostDigits - _whole - more);
            if (mostDecimals < _decimals || !grid.HasAny(first, last, grid.Decimals - mostDecimals))
                continue;
            if (any)
                return more;
            int decimals = _at == Part.Point ? 1 : _decimals;
            while (!grid.HasAny(first, last, grid.Decimals - decimals))
                decimals++;
            found = Least(found, more + decimals - _decimals + (decimals > 0 && _at is (Part.Zero or Part.Whole) ? 1 : 0));
        }
        return found;
    }

    private static int Least(int one, int other) => one < 0 ? other : other < 0 ? one : Math.Min(one, other);

    // An exponent is offered where the set is not of whole numbers; decimal must hold the number.
    private bool Exponents(NumberSet set)
    {
        const int MostMagnitude = 27;
        if (set.IsWhole || _exponentDigits > 2 || set.List is not null)
            return false;
        for (int exponent = -MostMagnitude; exponent <= MostMagnitude; exponent++)
        {
            if (!Begins(exponent))
                continue;
            JsonNumber number = JsonNumber.Of(_isNegative ? -_digits : _digits, exponent - _decimals);
            if (number.Magnitude <= MostMagnitude && number.Decimals <= MostMagnitude && set.Contains(number))
                return true;
        }
        return false;
    }

    // Whether an exponent can be spelt from what is there of it.
    private bool Begins(int exponent)
    {
        if (_at == Part.E)
            return true;
        if (exponent != 0 && exponent < 0 != _isNegativeExponent)
            return false;
        int value = Math.Abs(exponent);
        return _exponentDigits switch
        {
            0 => true,
            1 => value == _exponent || (_exponent == 0 ? value < 10 : value / 10 == _exponent),
            _ => value == _exponent,
        };
    }

    private NumberText To(Part at, bool? isNegative = null, int? digit = null, int? whole = null, int? decimals = null, bool? isNegativeExponent = null,
        long? exponent = null, int? exponentDigits = null) => new(this, at, isNegative ?? _isNegative, digit is int next ? _digits * 10 + next : _digits,
            whole ?? _whole, decimals ?? _decimals, isNegativeExponent ?? _isNegativeExponent, exponent ?? _exponent, exponentDigits ?? _exponentDigits);
}
