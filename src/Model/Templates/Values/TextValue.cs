using MeKi.Model.Templates.Builtins;

namespace MeKi.Model.Templates.Values;

/// <summary>
/// Python's str. Lengths and indices count code points; half of a surrogate pair is one, too. Markup is text that was declared safe for HTML: what joins it is
/// escaped.
/// </summary>
internal sealed class TextValue(string content, bool isMarkup = false) : Value
{
    private static readonly TextValue[] Ascii = [.. Enumerable.Range(0, 128).Select(static code => new TextValue(((char)code).ToString()))];

    // What stands for "each code point is one char".
    private static readonly int[] Plain = [];

    // Where each code point starts; null before anybody asked. Templates share constants among threads: one field tells all.
    private int[]? _starts;

    public static TextValue Empty { get; } = new("");

    public string Content => content;

    public bool IsMarkup => isMarkup;

    public override string TypeName => isMarkup ? "Markup" : "str";

    public override bool IsTrue => content.Length > 0;

    public static TextValue Of(string content) => content.Length == 0 ? Empty : content.Length == 1 && content[0] < 128 ? Ascii[content[0]] : new(content);

    /// <summary>A text made of this one: markup, if this is.</summary>
    public TextValue With(string made) => isMarkup ? new(made, isMarkup: true) : Of(made);

    /// <summary>Length in code points.</summary>
    public int Length(Run run) => Starts(run)?.Length ?? content.Length;

    /// <summary>The char at which a code point starts; the end for the length.</summary>
    public int CharOf(int codePoint, Run run) => Starts(run) is not { } starts ? codePoint : codePoint < starts.Length ? starts[codePoint] : content.Length;

    /// <summary>The code point that a char belongs to.</summary>
    public int CodePointOf(int at, Run run)
    {
        if (Starts(run) is not { } starts)
            return at;
        int found = Array.BinarySearch(starts, at);
        return found < 0 ? ~found : found;
    }

    public Value Slice(Slice slice, Run run)
    {
        run.Make(slice.Count);
        if (slice.Step == 1)
            return With(content[CharOf(slice.Start, run)..CharOf(slice.Start + slice.Count, run)]);
        System.Text.StringBuilder part = new(slice.Count);
        for (int i = 0; i < slice.Count; i++)
            part.Append(content.AsSpan()[CharOf(slice[i], run)..CharOf(slice[i] + 1, run)]);
        return With(part.ToString());
    }

    public override string Text(Run run) => content;

    public override void Repr(ReprWriter writer)
    {
        writer.Reserve(content, escapesBeyondAscii: true);
        string quoted = PythonText.Repr(content);
        writer.Write(isMarkup ? $"Markup({quoted})" : quoted);
    }

    public override Value? Attribute(string name, Run run) => TextMethods.Find(this, name);

    public override Value? Lookup(Value key, Run run) =>
        SequenceValue.Index(key, Length(run)) is int index ? With(content[CharOf(index, run)..CharOf(index + 1, run)]) : null;

    public override int? Count(Run run) => Length(run);

    public override IEnumerator<Value> Elements(Run run)
    {
        for (int i = 0; i < content.Length;)
        {
            int width = IsPair(i) ? 2 : 1;
            yield return Of(content.Substring(i, width));
            i += width;
        }
    }

    public override bool? Contains(Value element, Run run)
    {
        if (element is not TextValue text)
            throw new TemplateFault($"'in <string>' requires string as left operand, not {element.TypeName}");
        run.Read(content.Length + text.Content.Length);
        return content.Contains(text.Content, StringComparison.Ordinal);
    }

    public override bool EqualTo(Value other, Run run)
    {
        if (other is not TextValue text || text.Content.Length != content.Length)
            return false;
        run.Read(content.Length);
        return content == text.Content;
    }

    public override int? Hash(Run run)
    {
        run.Read(content.Length);
        return content.GetHashCode(StringComparison.Ordinal);
    }

    private bool IsPair(int at) => at + 1 < content.Length && char.IsSurrogatePair(content[at], content[at + 1]);

    private int[]? Starts(Run run)
    {
        int[] starts = _starts ??= Measure(run);
        return ReferenceEquals(starts, Plain) ? null : starts;
    }

    private int[] Measure(Run run)
    {
        run.Read(content.Length);
        if (!content.AsSpan().ContainsAnyInRange('\uD800', '\uDBFF'))
            return Plain;
        run.Make(content.Length * 2L);
        List<int> starts = new(content.Length);
        for (int i = 0; i < content.Length; i += IsPair(i) ? 2 : 1)
            starts.Add(i);
        return starts.Count == content.Length ? Plain : [.. starts];
    }
}
