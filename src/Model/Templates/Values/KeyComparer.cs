namespace MeKi.Model.Templates.Values;

/// <summary>Keys of dictionaries as Python compares them: 1, 1.0 and true are one key. What it costs counts.</summary>
internal sealed class KeyComparer(Run run) : IEqualityComparer<Value>
{
    public bool Equals(Value? x, Value? y) => ReferenceEquals(x, y) || (x is not null && y is not null && x.EqualTo(y, run));

    public int GetHashCode(Value obj) => obj.Hash(run) ?? throw new TemplateFault($"unhashable type: '{obj.TypeName}'");
}
