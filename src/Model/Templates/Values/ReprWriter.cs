using System.Runtime.CompilerServices;
using System.Text;

namespace MeKi.Model.Templates.Values;

/// <summary>Receives text that counts, and knows which containers are being written: one may hold itself.</summary>
internal sealed class ReprWriter(Run run)
{
    private const int MostDepth = 500;

    private readonly StringBuilder _text = new();
    private readonly HashSet<Value> _open = new(ReferenceEqualityComparer.Instance);

    public Run Run => run;

    public void Write(ReadOnlySpan<char> text)
    {
        CheckRoom(text.Length);
        run.Make(text.Length);
        _text.Append(text);
    }

    /// <summary>Counts what Python's escapes may add to a text, before they do.</summary>
    public void Reserve(string text)
    {
        run.Read(text.Length);
        long added = 0;
        foreach (char c in text)
            added += c is < ' ' or > '~' ? 5 : c is '\'' or '\\' ? 1 : 0;
        CheckRoom(text.Length + added);
        run.Make(added);
    }

    public void Write(Value value)
    {
        run.Step();
        value.Repr(this);
    }

    /// <summary>Begins a container.</summary>
    /// <param name="container">It.</param>
    /// <param name="again">What stands for it inside itself.</param>
    /// <returns>False where it is being written already.</returns>
    public bool Open(Value container, string again)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (_open.Count == MostDepth)
            throw new TemplateFault($"maximum recursion depth exceeded: a value is nested more than {MostDepth} deep");
        if (_open.Add(container))
            return true;
        Write(again);
        return false;
    }

    public void Close(Value container) => _open.Remove(container);

    /// <summary>Writes elements with commas between.</summary>
    public void Elements(Value container, string before, IEnumerable<Value> elements, string after)
    {
        if (!Open(container, before + "..." + after))
            return;
        Write(before);
        bool isFirst = true;
        foreach (Value element in elements)
        {
            if (!isFirst)
                Write(", ");
            isFirst = false;
            Write(element);
        }
        Write(after);
        Close(container);
    }

    public override string ToString() => _text.ToString();

    private void CheckRoom(long characters)
    {
        if (_text.Length + characters > Run.MostCharacters)
            throw new TemplateFault($"a value prints as more than {Run.MostCharacters >> 20} million characters");
    }
}
