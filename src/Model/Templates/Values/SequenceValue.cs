using System.Numerics;
using System.Runtime.CompilerServices;

namespace MeKi.Model.Templates.Values;

/// <summary>Elements in an order, by index: a list, a tuple or a range.</summary>
internal abstract class SequenceValue : Value
{
    public abstract int Length { get; }

    public override bool IsTrue => Length > 0;

    public abstract Value this[int index] { get; }

    /// <summary>Elements of some indices, as the same type.</summary>
    public abstract Value Slice(Slice slice, Run run);

    public override int? Count(Run run) => Length;

    public override Value? Lookup(Value key, Run run) => Index(key, Length) is int index ? this[index] : null;

    // By index: a list may grow while a loop walks it.
    public override IEnumerator<Value> Elements(Run run)
    {
        for (int i = 0; i < Length; i++)
            yield return this[i];
    }

    /// <summary>The index that a number stands for, counted from the end where it is negative; null for another type and outside.</summary>
    public static int? Index(Value key, int length)
    {
        if (key is not WholeValue whole)
            return null;
        BigInteger index = whole.Number.Sign < 0 ? whole.Number + length : whole.Number;
        return index >= 0 && index < length ? (int)index : null;
    }

    protected bool SameElements(SequenceValue other, Run run)
    {
        if (Length != other.Length)
            return false;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        for (int i = 0; i < Length; i++)
        {
            run.Step();
            Value mine = this[i], others = other[i];
            if (!ReferenceEquals(mine, others) && !mine.EqualTo(others, run))
                return false;
        }
        return true;
    }

    protected Value? IndexOrCount(string name)
    {
        return name switch
        {
            "count" => new FunctionValue(name, (run, arguments) => IntValue.Of(Matches(run, Only(arguments)).Count())),
            "index" => new FunctionValue(name, (run, arguments) => IntValue.Of(Matches(run, Only(arguments)).Cast<int?>().FirstOrDefault()
                ?? throw new TemplateFault($"{TypeName}.index(x): x not in {TypeName}"))),
            _ => null,
        };

        Value Only(Arguments arguments) => arguments is { Positional: [Value one], Named: null } ? one
            : throw new TemplateFault($"{TypeName}.{name}() takes exactly one argument ({arguments.Positional.Length} given)");
    }

    private IEnumerable<int> Matches(Run run, Value wanted)
    {
        for (int i = 0; i < Length; i++)
        {
            run.Step();
            if (this[i].EqualTo(wanted, run))
                yield return i;
        }
    }
}
