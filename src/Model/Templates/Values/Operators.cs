using System.Numerics;
using System.Runtime.CompilerServices;

namespace MeKi.Model.Templates.Values;

/// <summary>What stands between values, with Python's meaning.</summary>
internal static class Operators
{
    // Powers with more bits are refused before they are computed.
    private const int MostPowerBits = 1 << 14, WordProductsPerStep = 16, BitsPerWord = 32;

    public static Value Add(Value x, Value y, Run run)
    {
        Defined(x, y);
        switch (x, y)
        {
            case (TextValue a, TextValue b):
                return Join(a, b, run);
            case (WholeValue a, WholeValue b):
                return IntValue.Of(a.Number + b.Number);
            case (NumberValue a, NumberValue b):
                return new FloatValue(a.AsFloat + b.AsFloat);
            case (ListValue a, ListValue b):
                run.MakeElements(a.Length + (long)b.Length, areNew: false);
                return new ListValue([.. a.Values, .. b.Values]);
            case (TupleValue a, TupleValue b):
                run.MakeElements(a.Length + (long)b.Length, areNew: false);
                return new TupleValue([.. a.Values, .. b.Values]);
            case (TextValue or ListValue or TupleValue, _):
                throw new TemplateFault($"can only concatenate {x.TypeName} (not \"{y.TypeName}\") to {x.TypeName}");
            default:
                throw Unsupported("+", x, y);
        }
    }

    public static Value Subtract(Value x, Value y)
    {
        Defined(x, y);
        return (x, y) switch
        {
            (WholeValue a, WholeValue b) => IntValue.Of(a.Number - b.Number),
            (NumberValue a, NumberValue b) => new FloatValue(a.AsFloat - b.AsFloat),
            _ => throw Unsupported("-", x, y),
        };
    }

    public static Value Multiply(Value x, Value y, Run run)
    {
        Defined(x, y);
        return (x, y) switch
        {
            (WholeValue a, WholeValue b) => IntValue.Of(Counted(a, b, run) * b.Number),
            (NumberValue a, NumberValue b) => new FloatValue(a.AsFloat * b.AsFloat),
            (TextValue or ListValue or TupleValue, WholeValue times) => Repeat(x, times.Number, run),
            (WholeValue times, TextValue or ListValue or TupleValue) => Repeat(y, times.Number, run),
            (TextValue or ListValue or TupleValue, _) => throw new TemplateFault($"can't multiply sequence by non-int of type '{y.TypeName}'"),
            (_, TextValue or ListValue or TupleValue) => throw new TemplateFault($"can't multiply sequence by non-int of type '{x.TypeName}'"),
            _ => throw Unsupported("*", x, y),
        };
    }

    public static Value Divide(Value x, Value y)
    {
        Defined(x, y);
        if (x is not NumberValue a || y is not NumberValue b)
            throw Unsupported("/", x, y);
        return b.IsTrue ? new FloatValue(a.AsFloat / b.AsFloat) : throw ByZero("division by zero", "float division by zero", x, y);
    }

    public static Value FloorDivide(Value x, Value y, Run run)
    {
        Defined(x, y);
        if (x is not NumberValue a || y is not NumberValue b)
            throw Unsupported("//", x, y);
        if (!b.IsTrue)
            throw ByZero("integer division or modulo by zero", "float floor division by zero", x, y);
        return (x, y) is (WholeValue whole, WholeValue by) ? IntValue.Of(Floor(Counted(whole, by, run), by.Number).Quotient)
            : new FloatValue(Floor(a.AsFloat, b.AsFloat).Quotient);
    }

    public static Value Modulo(Value x, Value y, Run run)
    {
        if (x is TextValue format)
            return Builtins.PercentFormat.Apply(format, y, run);
        Defined(x, y);
        if (x is not NumberValue a || y is not NumberValue b)
            throw Unsupported("%", x, y);
        if (!b.IsTrue)
            throw ByZero("integer division or modulo by zero", "float modulo", x, y);
        return (x, y) is (WholeValue whole, WholeValue by) ? IntValue.Of(Floor(Counted(whole, by, run), by.Number).Remainder)
            : new FloatValue(Floor(a.AsFloat, b.AsFloat).Remainder);
    }

    public static Value Power(Value x, Value y, Run run)
    {
        Defined(x, y);
        if (x is not NumberValue a || y is not NumberValue b)
            throw new TemplateFault($"unsupported operand type(s) for ** or pow(): '{x.TypeName}' and '{y.TypeName}'");
        if (x is WholeValue whole && y is WholeValue exponent && exponent.Number.Sign >= 0)
        {
            if (whole.Number.IsZero || whole.Number.IsOne || exponent.Number.IsZero)
                return IntValue.Of(exponent.Number.IsZero ? BigInteger.One : whole.Number);
            if (exponent.Number * whole.Number.GetBitLength() > MostPowerBits)
                throw new TemplateFault($"a power has more than {MostPowerBits} bits");
            long bits = (long)(exponent.Number * whole.Number.GetBitLength());
            run.Visit(WordProducts(bits, bits) / WordProductsPerStep);
            return IntValue.Of(BigInteger.Pow(whole.Number, (int)exponent.Number));
        }
        if (!a.IsTrue && b.AsFloat < 0)
            throw new TemplateFault("0.0 cannot be raised to a negative power");
        double power = Math.Pow(a.AsFloat, b.AsFloat);
        if (double.IsInfinity(power) && double.IsFinite(a.AsFloat) && double.IsFinite(b.AsFloat))
            throw new TemplateFault("(34, 'Numerical result out of range')");
        if (a.AsFloat < 0 && double.IsNaN(power) && !double.IsNaN(b.AsFloat))
            throw new TemplateFault("a power of a negative number is not real");
        return new FloatValue(power);
    }

    public static Value Negate(Value x) => x switch
    {
        WholeValue whole => IntValue.Of(-whole.Number),
        FloatValue number => new FloatValue(-number.Number),
        UndefinedValue undefined => throw undefined.Fault,
        _ => throw new TemplateFault($"bad operand type for unary -: '{x.TypeName}'"),
    };

    public static Value Plus(Value x) => x switch
    {
        WholeValue whole => IntValue.Of(whole.Number),
        FloatValue => x,
        UndefinedValue undefined => throw undefined.Fault,
        _ => throw new TemplateFault($"bad operand type for unary +: '{x.TypeName}'"),
    };

    /// <summary>Whether a value is in another.</summary>
    public static bool IsIn(Value element, Value container, Run run) =>
        container.Contains(element, run) ?? throw new TemplateFault($"argument of type '{container.TypeName}' is not iterable");

    /// <summary>The order of two values; null where neither comes first and they are not equal: one is not a number.</summary>
    /// <param name="x">The left one.</param>
    /// <param name="y">The right one.</param>
    /// <param name="sign">The operator, for the message.</param>
    /// <param name="run">The rendering.</param>
    public static int? Order(Value x, Value y, string sign, Run run)
    {
        run.Step();
        Defined(x, y);
        switch (x, y)
        {
            case (NumberValue a, NumberValue b):
                return Numbers.Compare(a, b);
            case (TextValue a, TextValue b):
                run.Read(Math.Min(a.Content.Length, b.Content.Length));
                return PythonText.Compare(a.Content, b.Content);
            case (ListValue, ListValue) or (TupleValue, TupleValue):
                return OrderElements((SequenceValue)x, (SequenceValue)y, sign, run);
            default:
                throw new TemplateFault($"'{sign}' not supported between instances of '{x.TypeName}' and '{y.TypeName}'");
        }
    }

    /// <summary>Two texts as one; markup escapes what joins it.</summary>
    public static TextValue Join(TextValue x, TextValue y, Run run)
    {
        return x.IsMarkup == y.IsMarkup ? x.Append(y.Content, run) : Join(Escaped(x, run), Escaped(y, run), run);
    }

    /// <summary>Markup of a value: escaped, where it is none yet.</summary>
    public static TextValue Escaped(Value value, Run run)
    {
        if (value is TextValue { IsMarkup: true } markup)
            return markup;
        string text = value.Text(run);
        run.Make(text.Length * 5L);
        return new(PythonText.Escape(text), isMarkup: true);
    }

    private static int? OrderElements(SequenceValue x, SequenceValue y, string sign, Run run)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        for (int i = 0; i < Math.Min(x.Length, y.Length); i++)
        {
            run.Step();
            if (!ReferenceEquals(x[i], y[i]) && !x[i].EqualTo(y[i], run))
                return Order(x[i], y[i], sign, run);
        }
        return x.Length.CompareTo(y.Length);
    }

    // Of long numbers each word meets each.
    private static BigInteger Counted(WholeValue x, WholeValue y, Run run)
    {
        run.Visit(WordProducts(x.Number.GetBitLength(), y.Number.GetBitLength()) / WordProductsPerStep);
        return x.Number;
    }

    private static long WordProducts(long bits, long otherBits) => (bits / BitsPerWord + 1) * (otherBits / BitsPerWord + 1);

    private static Value Repeat(Value sequence, BigInteger times, Run run)
    {
        int length = sequence is TextValue text ? text.Content.Length : ((SequenceValue)sequence).Length;
        long count = times.Sign <= 0 || length == 0 ? 0 : (long)BigInteger.Min(times, int.MaxValue);
        if (sequence is TextValue { Content: var content } one)
        {
            run.Make(length * count);
            return one.With(string.Create((int)(length * count), content, static (span, part) =>
            {
                for (int i = 0; i < span.Length; i += part.Length)
                    part.CopyTo(span[i..]);
            }));
        }
        run.MakeElements(length * count, areNew: false);
        IEnumerable<Value> once = sequence is ListValue list ? list.Values : ((TupleValue)sequence).Values;
        IEnumerable<Value> all = Enumerable.Range(0, (int)count).SelectMany(_ => once);
        return sequence is ListValue ? ListValue.Of(all) : new TupleValue([.. all]);
    }

    private static (BigInteger Quotient, BigInteger Remainder) Floor(BigInteger x, BigInteger y)
    {
        BigInteger quotient = BigInteger.DivRem(x, y, out BigInteger remainder);
        return !remainder.IsZero && remainder.Sign != y.Sign ? (quotient - 1, remainder + y) : (quotient, remainder);
    }

    private static (double Quotient, double Remainder) Floor(double x, double y)
    {
        double remainder = x % y, quotient = (x - remainder) / y;
        if (remainder == 0)
            remainder = Math.CopySign(0, y);
        else if (y < 0 != remainder < 0)
            (remainder, quotient) = (remainder + y, quotient - 1);
        double floor = Math.Floor(quotient);
        return (quotient == 0 ? Math.CopySign(0, x / y) : quotient - floor > 0.5 ? floor + 1 : floor, remainder);
    }

    private static void Defined(Value x, Value y)
    {
        if (x is UndefinedValue left)
            throw left.Fault;
        if (y is UndefinedValue right)
            throw right.Fault;
    }

    private static TemplateFault ByZero(string whole, string real, Value x, Value y) => new(x is WholeValue && y is WholeValue ? whole : real);

    private static TemplateFault Unsupported(string sign, Value x, Value y) =>
        new($"unsupported operand type(s) for {sign}: '{x.TypeName}' and '{y.TypeName}'");
}
