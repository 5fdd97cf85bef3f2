using MeKi.Model.Templates.Builtins;

namespace MeKi.Model.Templates.Values;

/// <summary>
/// Python's str. Lengths and indices count code points; half of a surrogate pair is one, too. Markup is text that was declared safe for HTML: what joins it is
/// escaped.
/// </summary>
internal sealed class TextValue : Value
{
    // Shorter texts are copied.
    private const int LeastGrowing = 4096;

    private static readonly TextValue[] Ascii = [.. Enumerable.Range(0, 128).Select(static code => new TextValue(((char)code).ToString()))];

    // What stands for "each code point is one char".
    private static readonly int[] Plain = [];

    // Where each code point starts; null before anybody asked. Templates share constants among threads: one field tells all.
    private int[]? _starts;
    private readonly GrowingText? _growing;
    private readonly int _length;
    private string? _content;

    public TextValue(string content, bool isMarkup = false) => (_content, _length, IsMarkup) = (content, content.Length, isMarkup);

    private TextValue(GrowingText growing) => (_growing, _length) = (growing, growing.Length);

    public static TextValue Empty { get; } = new("");

    public string Content => _content ??= _growing!.Begin(_length);

    public bool IsMarkup { get; }

    public override string TypeName => IsMarkup ? "Markup" : "str";

    public override bool IsTrue => _length > 0;

    public static TextValue Of(string content) => content.Length == 0 ? Empty : content.Length == 1 && content[0] < 128 ? Ascii[content[0]] : new(content);

    /// <summary>A text made of this one: markup, if this is.</summary>
    public TextValue With(string made) => IsMarkup ? new(made, isMarkup: true) : Of(made);

    /// <summary>This text with another behind it, markup if this is.</summary>
    public TextValue Append(string more, Run run)
    {
        if (_length < LeastGrowing || IsMarkup)
        {
            run.Make(_length + (long)more.Length);
            return With(Content + more);
        }
        // Only whoever has the end may append to it.
        GrowingText growing = _growing is { } mine && mine.Length == _length ? mine : new(Content, run);
        growing.Append(more);
        return new(growing);
    }

    /// <summary>Length in code points.</summary>
    public int Length(Run run) => Starts(run)?.Length ?? Content.Length;

    /// <summary>The char at which a code point starts; the end for the length.</summary>
    public int CharOf(int codePoint, Run run) => Starts(run) is not { } starts ? codePoint : codePoint < starts.Length ? starts[codePoint] : Content.Length;

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
            return With(Content[CharOf(slice.Start, run)..CharOf(slice.Start + slice.Count, run)]);
        System.Text.StringBuilder part = new(slice.Count);
        for (int i = 0; i < slice.Count; i++)
            part.Append(Content.AsSpan()[CharOf(slice[i], run)..CharOf(slice[i] + 1, run)]);
        return With(part.ToString());
    }

    public override string Text(Run run) => Content;

    public override void Repr(ReprWriter writer)
    {
        writer.Reserve(Content);
        string quoted = PythonText.Repr(Content);
        writer.Write(IsMarkup ? $"Markup({quoted})" : quoted);
    }

    public override Value? Attribute(string name, Run run) => TextMethods.Find(this, name);

    public override Value? Lookup(Value key, Run run) =>
        SequenceValue.Index(key, Length(run)) is int index ? With(Content[CharOf(index, run)..CharOf(index + 1, run)]) : null;

    public override int? Count(Run run) => Length(run);

    public override IEnumerator<Value> Elements(Run run)
    {
        for (int i = 0; i < Content.Length;)
        {
            int width = IsPair(i) ? 2 : 1;
            yield return Of(Content.Substring(i, width));
            i += width;
        }
    }

    public override bool? Contains(Value element, Run run)
    {
        if (element is not TextValue text)
            throw new TemplateFault($"'in <string>' requires string as left operand, not {element.TypeName}");
        run.Read(Content.Length + text.Content.Length);
        return Content.Contains(text.Content, StringComparison.Ordinal);
    }

    public override bool EqualTo(Value other, Run run)
    {
        if (other is not TextValue text || text._length != _length)
            return false;
        run.Read(Content.Length);
        return Content == text.Content;
    }

    public override int? Hash(Run run)
    {
        run.Read(Content.Length);
        return Content.GetHashCode(StringComparison.Ordinal);
    }

    private bool IsPair(int at) => at + 1 < Content.Length && char.IsSurrogatePair(Content[at], Content[at + 1]);

    private int[]? Starts(Run run)
    {
        int[] starts = _starts ??= Measure(run);
        return ReferenceEquals(starts, Plain) ? null : starts;
    }

    private int[] Measure(Run run)
    {
        run.Read(Content.Length);
        if (!Content.AsSpan().ContainsAnyInRange('\uD800', '\uDBFF'))
            return Plain;
        run.Make(Content.Length * 2L);
        List<int> starts = new(Content.Length);
        for (int i = 0; i < Content.Length; i += IsPair(i) ? 2 : 1)
            starts.Add(i);
        return starts.Count == Content.Length ? Plain : [.. starts];
    }
}
