using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>How a template reaches into a value: elements and attributes stand in for each other.</summary>
internal static class Access
{
    /// <summary><c>owner[key]</c>: an element; for a text that is no key, an attribute.</summary>
    public static Value Item(Value owner, Value key, Run run)
    {
        if (owner.Lookup(key, run) is { } element)
            return element;
        if (key is not TextValue name)
            return new UndefinedValue(null, owner, key);
        return name.Content.StartsWith('_') ? Hidden(owner, name.Content) : owner.Attribute(name.Content, run) ?? new UndefinedValue(null, owner, key);
    }

    /// <summary><c>owner.name</c>: an attribute; where there is none, an element.</summary>
    public static Value Attribute(Value owner, string name, Run run)
    {
        if (owner is UndefinedValue undefined)
            throw undefined.Fault;
        Value? attribute = name.StartsWith('_') && owner is not NamespaceValue ? null : owner.Attribute(name, run);
        if (attribute is not null)
            return attribute;
        TextValue key = TextValue.Of(name);
        return owner.Lookup(key, run) ?? (name.StartsWith("__", StringComparison.Ordinal) ? Hidden(owner, name) : new UndefinedValue(null, owner, key));
    }

    // Python's own names lead out of a sandbox.
    private static UndefinedValue Hidden(Value owner, string name) =>
        name.StartsWith("__", StringComparison.Ordinal) ? UndefinedValue.Unsafe(owner, name) : new(null, owner, TextValue.Of(name));
}
