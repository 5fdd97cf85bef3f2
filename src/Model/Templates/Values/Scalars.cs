using System.Globalization;
using System.Numerics;

namespace MeKi.Model.Templates.Values;

internal sealed class NoneValue : Value
{
    private NoneValue()
    {
    }

    public static NoneValue Instance { get; } = new();

    public override string TypeName => "NoneType";

    public override bool IsTrue => false;

    public override string Text(Run run) => "None";

    public override void Repr(ReprWriter writer) => writer.Write("None");
}

/// <summary>A number: a bool, an int or a float, which Python compares and adds among each other.</summary>
internal abstract class NumberValue : Value
{
    public abstract double AsFloat { get; }

    public override bool EqualTo(Value other, Run run) => other is NumberValue number && Numbers.Compare(this, number) == 0;
}

/// <summary>A number without a fraction: an int, or a bool as 1 and 0.</summary>
internal abstract class WholeValue : NumberValue
{
    public abstract BigInteger Number { get; }

    public override double AsFloat => (double)Number;

    public override int? Hash(Run run) => Number.GetHashCode();
}

internal sealed class BoolValue : WholeValue
{
    private BoolValue(bool isTrue) => IsTrue = isTrue;

    public static BoolValue True { get; } = new(true);

    public static BoolValue False { get; } = new(false);

    public override string TypeName => "bool";

    public override bool IsTrue { get; }

    public override BigInteger Number => IsTrue ? BigInteger.One : BigInteger.Zero;

    public static BoolValue Of(bool isTrue) => isTrue ? True : False;

    public override string Text(Run run) => IsTrue ? "True" : "False";

    public override void Repr(ReprWriter writer) => writer.Write(Text(writer.Run));
}

internal sealed class IntValue : WholeValue
{
    // Numbers with more bits are refused: a template counts messages.
    private const int MostBits = 1 << 14;

    // Python prints no more digits.
    private const int MostDigits = 4300;
    private const int Smallest = -1, Kept = 260;

    private static readonly IntValue[] Few = [.. Enumerable.Range(Smallest, Kept).Select(number => new IntValue(number))];

    private IntValue(BigInteger number) => Number = number;

    public override string TypeName => "int";

    public override bool IsTrue => !Number.IsZero;

    public override BigInteger Number { get; }

    public static IntValue Of(BigInteger number)
    {
        if (number >= Smallest && number < Smallest + Kept)
            return Few[(int)number - Smallest];
        return number.GetBitLength() <= MostBits ? new(number) : throw new TemplateFault($"an integer has more than {MostBits} bits");
    }

    public override string Text(Run run)
    {
        string digits = Number.ToString(CultureInfo.InvariantCulture);
        run.Read(digits.Length);
        return digits.Length <= MostDigits ? digits : throw new TemplateFault($"Exceeds the limit ({MostDigits} digits) for integer string conversion");
    }

    public override void Repr(ReprWriter writer) => writer.Write(Text(writer.Run));

    public override Value? Attribute(string name, Run run) => name switch
    {
        "real" or "numerator" => this,
        "imag" => Of(0),
        "denominator" => Of(1),
        "bit_length" => FunctionValue.Of(name, _ => Of(BigInteger.Abs(Number).GetBitLength())),
        "as_integer_ratio" or "bit_count" or "conjugate" or "from_bytes" or "to_bytes" => FunctionValue.Unsupported("int", name),
        _ => null,
    };
}

internal sealed class FloatValue(double number) : NumberValue
{
    public double Number => number;

    public override string TypeName => "float";

    public override bool IsTrue => number != 0;

    public override double AsFloat => number;

    // A whole number has the hash of the int that it equals.
    public override int? Hash(Run run) => double.IsInteger(number) ? new BigInteger(number).GetHashCode() : number.GetHashCode();

    public override string Text(Run run) => Numbers.Repr(number);

    public override void Repr(ReprWriter writer) => writer.Write(Text(writer.Run));

    public override Value? Attribute(string name, Run run) => name switch
    {
        "real" => this,
        "imag" => new FloatValue(0),
        "is_integer" => FunctionValue.Of(name, _ => BoolValue.Of(double.IsInteger(number))),
        "as_integer_ratio" or "conjugate" or "fromhex" or "hex" => FunctionValue.Unsupported("float", name),
        _ => null,
    };
}
