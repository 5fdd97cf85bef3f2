using System.Text;
using MeKi.Model.Templates.Syntax;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Tree;

/// <summary>Two operands with an operator between.</summary>
internal sealed class BinaryExpression(int line, Expression left, string sign, Expression right) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, [left, right]);

    public override Value Evaluate(Frame frame)
    {
        Value x = Evaluate(left, frame), y = Evaluate(right, frame);
        Run run = frame.Run;
        run.Step(Line);
        return sign switch
        {
            "+" => Operators.Add(x, y, run),
            "-" => Operators.Subtract(x, y),
            "*" => Operators.Multiply(x, y, run),
            "/" => Operators.Divide(x, y),
            "//" => Operators.FloorDivide(x, y, run),
            "%" => Operators.Modulo(x, y, run),
            _ => Operators.Power(x, y, run),
        };
    }
}

/// <summary><c>and</c>, <c>or</c>: the operand that decides.</summary>
internal sealed class LogicalExpression(int line, Expression left, bool isAnd, Expression right) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, [left, right]);

    public override Value Evaluate(Frame frame)
    {
        Value value = Evaluate(left, frame);
        frame.Run.Step();
        return value.IsTrue == isAnd ? Evaluate(right, frame) : value;
    }
}

/// <summary><c>not</c>, and the signs.</summary>
internal sealed class UnaryExpression(int line, string sign, Expression operand) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, [operand]);

    public override Value Evaluate(Frame frame)
    {
        Value value = Evaluate(operand, frame);
        frame.Run.Step(Line);
        return sign switch { "not" => BoolValue.Of(!value.IsTrue), "-" => Operators.Negate(value), _ => Operators.Plus(value) };
    }
}

/// <summary>A chain of comparisons: each holds, from left to right.</summary>
internal sealed class CompareExpression(int line, Expression first, List<(string Sign, Expression Operand)> others) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, [first, .. others.Select(static other => other.Operand)]);

    public override Value Evaluate(Frame frame)
    {
        Value left = Evaluate(first, frame);
        foreach ((string sign, Expression operand) in others)
        {
            Value right = Evaluate(operand, frame);
            frame.Run.Step(Line);
            if (!Holds(left, sign, right, frame.Run))
                return BoolValue.False;
            left = right;
        }
        return BoolValue.True;
    }

    private static bool Holds(Value x, string sign, Value y, Run run) => sign switch
    {
        "==" => x.EqualTo(y, run),
        "!=" => !x.EqualTo(y, run),
        "in" => Operators.IsIn(x, y, run),
        "not in" => !Operators.IsIn(x, y, run),
        "<" => Operators.Order(x, y, sign, run) < 0,
        "<=" => Operators.Order(x, y, sign, run) <= 0,
        ">" => Operators.Order(x, y, sign, run) > 0,
        _ => Operators.Order(x, y, sign, run) >= 0,
    };
}

/// <summary><c>~</c>: the operands as text, one behind the other.</summary>
internal sealed class ConcatExpression(int line, List<Expression> parts) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, parts);

    public override Value Evaluate(Frame frame)
    {
        Value first = Evaluate(parts[0], frame);
        StringBuilder more = new();
        foreach (Expression part in parts.Skip(1))
        {
            string text = Evaluate(part, frame).Text(frame.Run);
            frame.Run.Make(text.Length);
            more.Append(text);
        }
        frame.Run.Step(Line);
        TextValue begin = first is TextValue { IsMarkup: false } plain ? plain : TextValue.Of(first.Text(frame.Run));
        return begin.Append(more.ToString(), frame.Run);
    }
}
