using System.Collections;

namespace MeKi.Model.Templates.Values;

/// <summary>Elements that are made when they are asked for, once: Python's generator.</summary>
internal sealed class IteratorValue(IEnumerable<Value> source, string typeName = "generator") : Value, IEnumerator<Value>
{
    private readonly IEnumerator<Value> _elements = source.GetEnumerator();
    private Run? _run;

    public override string TypeName => typeName;

    public Value Current => _elements.Current;

    object IEnumerator.Current => Current;

    public override IEnumerator<Value> Elements(Run run)
    {
        _run = run;
        return this;
    }

    // A generator may ask another, and that one the next.
    public bool MoveNext()
    {
        _run!.Enter();
        bool any = _elements.MoveNext();
        _run.Leave();
        return any;
    }

    public void Reset() => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
