namespace MeKi.Model.Templates.Values;

/// <summary>Variables that scopes share: what <c>namespace()</c> makes.</summary>
internal sealed class NamespaceValue(DictValue entries) : Value
{
    public override string TypeName => "Namespace";

    public void Set(string name, Value value) => entries.Set(TextValue.Of(name), value);

    public override Value? Attribute(string name, Run run) => entries.Find(TextValue.Of(name));

    public override void Repr(ReprWriter writer)
    {
        if (!writer.Open(this, "<Namespace {...}>"))
            return;
        writer.Write("<Namespace ");
        writer.Write(entries);
        writer.Write(">");
        writer.Close(this);
    }
}
