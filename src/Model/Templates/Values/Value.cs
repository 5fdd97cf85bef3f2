using System.Runtime.CompilerServices;

namespace MeKi.Model.Templates.Values;

/// <summary>A value as a template sees it. What it can do is what Python's type of that name can do.</summary>
internal abstract class Value
{
    /// <summary>Python's name of the type.</summary>
    public abstract string TypeName { get; }

    public virtual bool IsTrue => true;

    /// <summary>What is printed of it: Python's <c>str</c>.</summary>
    public virtual string Text(Run run)
    {
        ReprWriter writer = new(run);
        Repr(writer);
        return writer.ToString();
    }

    /// <summary>Writes what stands for it inside a list: Python's <c>repr</c>.</summary>
    public virtual void Repr(ReprWriter writer) => writer.Write($"<{TypeName} object>");

    /// <summary>A method or a field.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="run">The rendering.</param>
    /// <returns>Null where the type has none of that name.</returns>
    public virtual Value? Attribute(string name, Run run) => null;

    /// <summary>An element by index or key.</summary>
    /// <returns>Null where there is none, or where the type has no elements.</returns>
    public virtual Value? Lookup(Value key, Run run) => null;

    /// <summary>How many elements there are; null where the type does not know.</summary>
    public virtual int? Count(Run run) => null;

    /// <summary>The elements one by one; null where the type has none.</summary>
    public virtual IEnumerator<Value>? Elements(Run run) => null;

    /// <summary>Whether an element equals a value; null where the type cannot say.</summary>
    public virtual bool? Contains(Value element, Run run)
    {
        if (Elements(run) is not { } elements)
            return null;
        while (elements.MoveNext())
        {
            run.Step();
            if (elements.Current.EqualTo(element, run))
                return true;
        }
        return false;
    }

    public virtual Value Call(Run run, Arguments arguments) => throw new TemplateFault($"'{TypeName}' object is not callable");

    public virtual bool IsCallable => false;

    public virtual bool EqualTo(Value other, Run run) => ReferenceEquals(this, other);

    /// <summary>Equal values have equal hashes; null where the type is no key of a dictionary.</summary>
    public virtual int? Hash(Run run) => RuntimeHelpers.GetHashCode(this);

    /// <summary>The elements, or a fault where the type has none.</summary>
    public IEnumerator<Value> RequiredElements(Run run) => Elements(run) ?? throw new TemplateFault($"'{TypeName}' object is not iterable");

    /// <summary>All elements in a list of their own.</summary>
    public List<Value> ToList(Run run)
    {
        List<Value> all = [];
        for (IEnumerator<Value> elements = RequiredElements(run); elements.MoveNext();)
        {
            run.MakeElements(1, areNew: this is not (ListValue or TupleValue));
            all.Add(elements.Current);
        }
        return all;
    }
}
