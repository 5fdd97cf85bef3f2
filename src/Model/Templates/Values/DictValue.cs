using System.Runtime.CompilerServices;

namespace MeKi.Model.Templates.Values;

/// <summary>Values by key, in the order in which the keys came.</summary>
internal sealed class DictValue(Run run) : Value
{
    private readonly OrderedDictionary<Value, Value> _entries = new(run.Keys);

    public override string TypeName => "dict";

    public override bool IsTrue => _entries.Count > 0;

    public int Length => _entries.Count;

    public IEnumerable<KeyValuePair<Value, Value>> Entries => _entries;

    public static DictValue Of(Run run, IEnumerable<KeyValuePair<Value, Value>> entries)
    {
        DictValue made = new(run);
        foreach ((Value key, Value value) in entries)
            made.Set(key, value);
        return made;
    }

    public Value? Find(Value key) => _entries.TryGetValue(key, out Value? value) ? value : null;

    public void Set(Value key, Value value)
    {
        run.MakeElements(2);
        _entries[key] = value;
    }

    public Value? Remove(Value key)
    {
        run.Visit(_entries.Count);
        return _entries.Remove(key, out Value? value) ? value : null;
    }

    public void Clear() => _entries.Clear();

    // A list is no key: Python's error is taken for "not there".
    public override Value? Lookup(Value key, Run run) => key.Hash(run) is null ? null : Find(key);

    public override int? Count(Run run) => Length;

    public override IEnumerator<Value> Elements(Run run) => Walk(static entry => entry.Key).GetEnumerator();

    public override bool? Contains(Value element, Run run) => _entries.ContainsKey(element);

    /// <summary>Something of each entry. A dictionary that changes under the walk is a fault.</summary>
    public IEnumerable<Value> Walk(Func<KeyValuePair<Value, Value>, Value> part)
    {
        int count = _entries.Count;
        for (int i = 0; i < count; i++)
        {
            if (_entries.Count != count)
                throw new TemplateFault("dictionary changed size during iteration");
            yield return part(_entries.GetAt(i));
        }
    }

    public override void Repr(ReprWriter writer)
    {
        if (!writer.Open(this, "{...}"))
            return;
        writer.Write("{");
        bool isFirst = true;
        foreach ((Value key, Value value) in _entries)
        {
            if (!isFirst)
                writer.Write(", ");
            isFirst = false;
            writer.Write(key);
            writer.Write(": ");
            writer.Write(value);
        }
        writer.Write("}");
        writer.Close(this);
    }

    public override bool EqualTo(Value other, Run run)
    {
        if (ReferenceEquals(this, other))
            return true;
        if (other is not DictValue dict || dict.Length != Length)
            return false;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach ((Value key, Value value) in _entries)
        {
            run.Step();
            if (dict.Find(key) is not { } theirs || !(ReferenceEquals(value, theirs) || value.EqualTo(theirs, run)))
                return false;
        }
        return true;
    }

    public override int? Hash(Run run) => null;

    public override Value? Attribute(string name, Run run) => Builtins.DictMethods.Find(this, name);
}

/// <summary>What <c>keys()</c>, <c>values()</c> and <c>items()</c> give: the dictionary as it is when it is looked at.</summary>
internal sealed class DictViewValue(DictValue dict, string part, Func<KeyValuePair<Value, Value>, Value> select) : Value
{
    public override string TypeName => "dict_" + part;

    public override bool IsTrue => dict.Length > 0;

    public override int? Count(Run run) => dict.Length;

    public override IEnumerator<Value> Elements(Run run) => dict.Walk(select).GetEnumerator();

    public override void Repr(ReprWriter writer) => writer.Elements(this, TypeName + "([", dict.Walk(select), "])");
}
