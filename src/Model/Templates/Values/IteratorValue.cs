namespace MeKi.Model.Templates.Values;

/// <summary>Elements that are made when they are asked for, once: Python's generator.</summary>
internal sealed class IteratorValue(IEnumerable<Value> source, string typeName = "generator") : Value
{
    private readonly IEnumerator<Value> _elements = source.GetEnumerator();

    public override string TypeName => typeName;

    public override IEnumerator<Value> Elements(Run run) => _elements;
}
