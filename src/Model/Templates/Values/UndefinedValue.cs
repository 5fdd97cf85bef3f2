using System.Globalization;

namespace MeKi.Model.Templates.Values;

/// <summary>
/// What a missing variable or element is: it prints as nothing, has no elements and is false; everything else that is done with it is a fault.
/// </summary>
/// <param name="hint">What the fault says; null to tell of owner and key.</param>
/// <param name="owner">Where it was looked for.</param>
/// <param name="key">What was looked for.</param>
internal sealed class UndefinedValue(string? hint, Value? owner = null, Value? key = null) : Value
{
    public override string TypeName => "Undefined";

    public override bool IsTrue => false;

    // Python's Undefined has the method, which fails.
    public override bool IsCallable => true;

    /// <summary>The fault of a use.</summary>
    public TemplateFault Fault => new(hint ?? (key is TextValue name
        ? $"'{Owner}' has no attribute {UntrustedText.Quote(name.Content)}"
        : $"{Owner} has no element {Number}"));

    private string Owner => owner is NoneValue ? "None" : $"{owner?.TypeName} object";

    private string? Number => key is WholeValue index && index.Number.GetBitLength() < 64 ? index.Number.ToString(CultureInfo.InvariantCulture) : key?.TypeName;

    public static UndefinedValue Variable(string name) => new($"'{name}' is undefined");

    public static UndefinedValue Unsafe(Value owner, string name) => new($"access to attribute '{name}' of '{owner.TypeName}' object is unsafe");

    public override string Text(Run run) => "";

    public override void Repr(ReprWriter writer) => writer.Write("Undefined");

    public override Value? Attribute(string name, Run run) => throw Fault;

    public override Value? Lookup(Value key, Run run) => throw Fault;

    public override int? Count(Run run) => 0;

    public override IEnumerator<Value> Elements(Run run) => Enumerable.Empty<Value>().GetEnumerator();

    public override Value Call(Run run, Arguments arguments) => throw Fault;

    public override bool EqualTo(Value other, Run run) => other is UndefinedValue;

    public override int? Hash(Run run) => 0;
}
