using System.Numerics;
using System.Runtime.CompilerServices;

namespace MeKi.Model.Templates.Values;

internal sealed class ListValue(List<Value> elements) : SequenceValue
{
    public List<Value> Values => elements;

    public override string TypeName => "list";

    public override int Length => elements.Count;

    public override Value this[int index] => elements[index];

    public static ListValue Of(IEnumerable<Value> elements) => new([.. elements]);

    public override Value Slice(Slice slice, Run run)
    {
        run.MakeElements(slice.Count, areNew: false);
        List<Value> part = new(slice.Count);
        for (int i = 0; i < slice.Count; i++)
            part.Add(elements[slice[i]]);
        return new ListValue(part);
    }

    public override void Repr(ReprWriter writer) => writer.Elements(this, "[", elements, "]");

    public override bool EqualTo(Value other, Run run) => ReferenceEquals(this, other) || (other is ListValue list && SameElements(list, run));

    public override int? Hash(Run run) => null;

    public override Value? Attribute(string name, Run run) => name switch
    {
        "copy" => FunctionValue.Of(name, copying => Slice(new(0, 1, Length), copying)),
        _ => IndexOrCount(name),
    };
}

internal class TupleValue(params Value[] elements) : SequenceValue
{
    public Value[] Values => elements;

    public override string TypeName => "tuple";

    public override int Length => elements.Length;

    public override Value this[int index] => elements[index];

    public override Value Slice(Slice slice, Run run)
    {
        run.MakeElements(slice.Count, areNew: false);
        Value[] part = new Value[slice.Count];
        for (int i = 0; i < slice.Count; i++)
            part[i] = elements[slice[i]];
        return new TupleValue(part);
    }

    public override void Repr(ReprWriter writer) => writer.Elements(this, "(", elements, Length == 1 ? ",)" : ")");

    public override bool EqualTo(Value other, Run run) => ReferenceEquals(this, other) || (other is TupleValue tuple && SameElements(tuple, run));

    public override int? Hash(Run run)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        HashCode hash = new();
        foreach (Value element in elements)
        {
            run.Step();
            hash.Add(run.Keys.GetHashCode(element));
        }
        return hash.ToHashCode();
    }

    public override Value? Attribute(string name, Run run) => IndexOrCount(name);
}

/// <summary>What <c>groupby</c> makes: a pair whose halves have names.</summary>
internal sealed class GroupValue(Value grouper, ListValue list) : TupleValue(grouper, list)
{
    public override Value? Attribute(string name, Run run) => name switch
    {
        "grouper" => Values[0],
        "list" => Values[1],
        _ => base.Attribute(name, run),
    };
}

/// <summary>Numbers at equal distances.</summary>
internal sealed class RangeValue(BigInteger start, BigInteger stop, BigInteger step, int length) : SequenceValue
{
    public override string TypeName => "range";

    public override int Length => length;

    public override Value this[int index] => IntValue.Of(start + step * index);

    public override Value Slice(Slice slice, Run run) =>
        new RangeValue(start + step * slice.Start, start + step * slice[slice.Count], step * slice.Step, slice.Count);

    public override bool? Contains(Value element, Run run) => element is WholeValue whole
        ? length > 0 && (whole.Number - start) % step == 0 && (whole.Number - start) / step is var index && index >= 0 && index < length
        : base.Contains(element, run);

    public override void Repr(ReprWriter writer)
    {
        writer.Write("range(");
        writer.Write(IntValue.Of(start));
        writer.Write(", ");
        writer.Write(IntValue.Of(stop));
        if (!step.IsOne)
        {
            writer.Write(", ");
            writer.Write(IntValue.Of(step));
        }
        writer.Write(")");
    }

    public override bool EqualTo(Value other, Run run) => ReferenceEquals(this, other) || (other is RangeValue range && SameElements(range, run));

    public override Value? Attribute(string name, Run run) => name switch
    {
        "start" => IntValue.Of(start),
        "stop" => IntValue.Of(stop),
        "step" => IntValue.Of(step),
        _ => IndexOrCount(name),
    };
}
