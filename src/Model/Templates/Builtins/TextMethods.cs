using System.Globalization;
using System.Text;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>The methods of Python's str.</summary>
internal static class TextMethods
{
    private static readonly FunctionTable All = new()
    {
        { "capitalize", "", g => Make(g, Casing.Capitalize) },
        { "casefold", "", g => Make(g, Casing.Fold) },
        { "lower", "", g => Make(g, Casing.Lower) },
        { "swapcase", "", g => Make(g, Casing.Swap) },
        { "title", "", g => Make(g, Casing.Title) },
        { "upper", "", g => Make(g, Casing.Upper) },
        { "center", "width! fillchar", g => Pad(g, Centre) },
        { "ljust", "width! fillchar", g => Pad(g, static (pad, _) => 0) },
        { "rjust", "width! fillchar", g => Pad(g, static (pad, _) => pad) },
        { "zfill", "width!", ZeroFill },
        { "strip", "chars", g => Make(g, text => PythonText.Strip(text, g.TextOrNone(0))) },
        { "lstrip", "chars", g => Make(g, text => PythonText.StripStart(text, g.TextOrNone(0))) },
        { "rstrip", "chars", g => Make(g, text => PythonText.StripEnd(text, g.TextOrNone(0))) },
        { "removeprefix", "prefix!", g => Make(g, text => text.StartsWith(g.Text(0), StringComparison.Ordinal) ? text[g.Text(0).Length..] : text) },
        { "removesuffix", "suffix!", g => Make(g, text => text.EndsWith(g.Text(0), StringComparison.Ordinal) ? text[..^g.Text(0).Length] : text) },
        { "replace", "old! new! count", g => Replace(g.Subject, g.Text(0), Inserted(g, 1), g.Int(2, -1), g.Run) },
        { "expandtabs", "tabsize", ExpandTabs },
        { "split", "sep maxsplit", g => List(g, Splitting.Split(g.Subject.Content, g.TextOrNone(0), g.Int(1, -1), g.Run)) },
        { "rsplit", "sep maxsplit", g => List(g, Splitting.SplitFromEnd(g.Subject.Content, g.TextOrNone(0), g.Int(1, -1), g.Run)) },
        { "splitlines", "keepends", g => List(g, PythonText.SplitLines(g.Subject.Content, g.Flag(0))) },
        { "partition", "sep!", g => Partition(g, fromEnd: false) },
        { "rpartition", "sep!", g => Partition(g, fromEnd: true) },
        { "join", "iterable!", g => Join(g.Subject, g[0]!, g.Run) },
        { "format", "* **", g => BraceFormat.Apply(g.Subject, g.Rest, name => Named(g, name), g.Run) },
        { "format_map", "mapping!", g => BraceFormat.Apply(g.Subject, [], name => g[0]!.Lookup(TextValue.Of(name), g.Run), g.Run) },
        { "startswith", "prefix! start end", g => Affix(g, static (part, affix) => part.StartsWith(affix, StringComparison.Ordinal)) },
        { "endswith", "suffix! start end", g => Affix(g, static (part, affix) => part.EndsWith(affix, StringComparison.Ordinal)) },
        { "find", "sub! start end", g => Find(g, fromEnd: false) },
        { "rfind", "sub! start end", g => Find(g, fromEnd: true) },
        { "index", "sub! start end", g => Found(Find(g, fromEnd: false)) },
        { "rindex", "sub! start end", g => Found(Find(g, fromEnd: true)) },
        { "count", "sub! start end", Count },
        { "isalnum", "", g => Every(g, static code => IsLetter(code) || IsNumeric(code)) },
        { "isalpha", "", g => Every(g, IsLetter) },
        { "isdecimal", "", g => Every(g, static code => Rune.GetUnicodeCategory(code) == UnicodeCategory.DecimalDigitNumber) },
        { "isdigit", "", g => Every(g, static code => CharUnicodeInfo.GetDigitValue(code.ToString(), 0) >= 0) },
        { "isnumeric", "", g => Every(g, IsNumeric) },
        { "isspace", "", g => Every(g, static code => code.IsBmp && PythonText.IsSpace((char)code.Value)) },
        { "isascii", "", g => BoolValue.Of(Ascii.IsValid(g.Subject.Content)) },
        { "isprintable", "", g => BoolValue.Of(!g.Subject.IsTrue || Every(g, IsPrintable).IsTrue) },
        { "isidentifier", "", g => BoolValue.Of(IsIdentifier(g.Subject.Content)) },
        { "islower", "", g => BoolValue.Of(Casing.IsAll(g.Subject.Content, isUpper: false)) },
        { "isupper", "", g => BoolValue.Of(Casing.IsAll(g.Subject.Content, isUpper: true)) },
        { "istitle", "", g => BoolValue.Of(IsTitle(g.Subject.Content)) },
        { "encode", "* **", Unsupported },
        { "translate", "* **", Unsupported },
        { "maketrans", "* **", Unsupported },
    };

    public static Value? Find(TextValue text, string name) => All.TryGetValue(name, out Function? method)
        ? new FunctionValue(name, (run, arguments) =>
        {
            // What asks each character takes its time.
            if (name.StartsWith("is", StringComparison.Ordinal))
                run.Visit(text.Content.Length);
            run.Read(text.Content.Length);
            return method.Call(run, text, arguments);
        })
        : null;

    public static TextValue Replace(TextValue text, string old, string replacement, int count, Run run)
    {
        string content = text.Content;
        int most = count < 0 ? int.MaxValue : count;
        if (old.Length > 0 && most == int.MaxValue && replacement.Length <= old.Length)
        {
            run.Make(content.Length);
            return text.With(content.Replace(old, replacement, StringComparison.Ordinal));
        }
        StringBuilder made = new();
        int at = 0;
        for (; most > 0; most--)
        {
            // Nothing is found before each code point and at the end.
            int found = old.Length > 0 ? content.IndexOf(old, at, StringComparison.Ordinal) : at;
            if (found < 0)
                break;
            run.Make(found - at + (long)replacement.Length);
            made.Append(content, at, found - at).Append(replacement);
            at = found + old.Length;
            if (old.Length > 0)
                continue;
            if (at == content.Length)
                return text.With(made.ToString());
            int width = PythonText.Width(content, at);
            made.Append(content, at, width);
            at += width;
        }
        run.Make(content.Length - at);
        return text.With(made.Append(content, at, content.Length - at).ToString());
    }

    public static TextValue Join(TextValue separator, Value parts, Run run)
    {
        StringBuilder joined = new();
        int index = 0;
        for (IEnumerator<Value> elements = parts is UndefinedValue undefined ? undefined.Elements(run) : Iterable(parts, run); elements.MoveNext(); index++)
        {
            string part = separator.IsMarkup ? Operators.Escaped(elements.Current, run).Content
                : elements.Current is TextValue text ? text.Content
                : throw new TemplateFault($"sequence item {index}: expected str instance, {elements.Current.TypeName} found");
            run.Make(part.Length + (long)separator.Content.Length);
            joined.Append(index > 0 ? separator.Content : "").Append(part);
        }
        return separator.With(joined.ToString());
    }

    public static TextValue Centre(TextValue text, int width, Run run) => Pad(text, width, " ", Centre, run);

    private static IEnumerator<Value> Iterable(Value parts, Run run) => parts.Elements(run) ?? throw new TemplateFault("can only join an iterable");

    private static Value? Named(Given g, string name) => g.Named.Where(pair => pair.Key == name).Select(static pair => pair.Value).FirstOrDefault();

    private static TextValue Make(Given g, Func<string, string> map)
    {
        g.Run.Make(g.Subject.Content.Length);
        g.Run.Visit(g.Subject.Content.Length);
        return g.Subject.With(map(g.Subject.Content));
    }

    // Markup escapes what is put into it.
    private static string Inserted(Given g, int i) => g.Subject.IsMarkup ? Operators.Escaped(g[i]!, g.Run).Content : g.Text(i);

    private static ListValue List(Given g, IEnumerable<string> parts)
    {
        List<Value> list = [];
        foreach (string part in parts)
        {
            g.Run.MakeElements(1);
            list.Add(g.Subject.With(part));
        }
        return new(list);
    }

    private static TextValue Pad(Given g, Func<int, int, int> left)
    {
        string fill = g[1] is null ? " " : g.Text(1);
        return PythonText.Width(fill + "  ", 0) == fill.Length ? Pad(g.Subject, g.Int(0, 0), g.Subject.IsMarkup ? PythonText.Escape(fill) : fill, left, g.Run)
            : throw new TemplateFault("The fill character must be exactly one character long");
    }

    private static TextValue Pad(TextValue text, int width, string fill, Func<int, int, int> left, Run run)
    {
        int pad = width - text.Length(run);
        if (pad <= 0)
            return text;
        run.Make(text.Content.Length + pad * (long)fill.Length);
        int before = left(pad, width);
        StringBuilder made = new();
        return text.With(made.Insert(0, fill, before).Append(text.Content).Insert(made.Length, fill, pad - before).ToString());
    }

    private static int Centre(int pad, int width) => pad / 2 + (pad & width & 1);

    private static TextValue ZeroFill(Given g)
    {
        TextValue text = g.Subject;
        int pad = g.Int(0, 0) - text.Length(g.Run);
        if (pad <= 0)
            return text;
        g.Run.Make(text.Content.Length + (long)pad);
        int sign = text.Content is ['+' or '-', ..] ? 1 : 0;
        return text.With(text.Content[..sign] + new string('0', pad) + text.Content[sign..]);
    }

    private static TextValue ExpandTabs(Given g)
    {
        int size = g.Int(0, 8), column = 0;
        StringBuilder made = new();
        foreach (char c in g.Subject.Content)
        {
            int spaces = c == '\t' ? size > 0 ? size - column % size : 0 : -1;
            g.Run.Make(Math.Max(1, spaces));
            if (spaces >= 0)
                made.Append(' ', spaces);
            else
                made.Append(c);
            column = c is '\n' or '\r' ? 0 : column + (spaces >= 0 ? spaces : char.IsLowSurrogate(c) ? 0 : 1);
        }
        return g.Subject.With(made.ToString());
    }

    private static TupleValue Partition(Given g, bool fromEnd)
    {
        (string content, string separator) = (g.Subject.Content, g.Text(0));
        if (separator.Length == 0)
            throw new TemplateFault("empty separator");
        g.Run.Make(content.Length);
        int at = fromEnd ? content.LastIndexOf(separator, StringComparison.Ordinal) : content.IndexOf(separator, StringComparison.Ordinal);
        string[] parts = at >= 0 ? [content[..at], separator, content[(at + separator.Length)..]] : fromEnd ? ["", "", content] : [content, "", ""];
        return new([.. parts.Select(g.Subject.With)]);
    }

    // The part between two code points, as places in the text. Behind its end a part holds nothing, not even the empty text.
    private static (int From, int To, bool IsValid) Part(Given g)
    {
        int length = g.Subject.Length(g.Run), to = Math.Min(Bound(2, length), length), from = Bound(1, 0);
        return from <= to ? (g.Subject.CharOf(from, g.Run), g.Subject.CharOf(to, g.Run), true) : (0, 0, false);

        int Bound(int i, int otherwise)
        {
            int bound = g.Some(i) is null ? otherwise : g.Int(i, 0);
            return Math.Max(bound < 0 ? bound + length : bound, 0);
        }
    }

    private static BoolValue Affix(Given g, Func<string, string, bool> has)
    {
        (int from, int to, bool isValid) = Part(g);
        string part = g.Subject.Content[from..to];
        if (g[0] is TupleValue tuple)
            return BoolValue.Of(isValid && tuple.Values.Any(affix => has(part, affix is TextValue text ? text.Content : throw Not(affix))));
        return BoolValue.Of(isValid && has(part, g[0] is TextValue one ? one.Content : throw Not(g[0]!)));

        TemplateFault Not(Value affix) => new($"{g.Name} first arg must be str or a tuple of str, not {affix.TypeName}");
    }

    private static IntValue Find(Given g, bool fromEnd)
    {
        (int from, int to, bool isValid) = Part(g);
        string sought = g.Text(0);
        ReadOnlySpan<char> part = g.Subject.Content.AsSpan(from, to - from);
        int at = !isValid ? -1 : fromEnd ? part.LastIndexOf(sought, StringComparison.Ordinal) : part.IndexOf(sought, StringComparison.Ordinal);
        return IntValue.Of(at < 0 ? -1 : g.Subject.CodePointOf(from + at, g.Run));
    }

    private static IntValue Found(IntValue at) => at.Number.Sign >= 0 ? at : throw new TemplateFault("substring not found");

    private static IntValue Count(Given g)
    {
        (int from, int to, bool isValid) = Part(g);
        string sought = g.Text(0);
        if (!isValid)
            return IntValue.Of(0);
        if (sought.Length == 0)
            return IntValue.Of(g.Subject.CodePointOf(to, g.Run) - g.Subject.CodePointOf(from, g.Run) + 1);
        return IntValue.Of(g.Subject.Content.AsSpan(from, to - from).Count(sought));
    }

    private static BoolValue Every(Given g, Func<Rune, bool> test)
    {
        string text = g.Subject.Content;
        for (int i = 0; i < text.Length; i += PythonText.Width(text, i))
        {
            if (!Rune.TryGetRuneAt(text, i, out Rune code) || !test(code))
                return BoolValue.False;
        }
        return BoolValue.Of(text.Length > 0);
    }

    private static StringRuneEnumerator Runes(string text) => text.EnumerateRunes();

    private static bool IsLetter(Rune code) => Rune.IsLetter(code);

    private static bool IsNumeric(Rune code) => CharUnicodeInfo.GetNumericValue(code.ToString(), 0) != -1;

    private static bool IsPrintable(Rune code) => code.Value == ' ' || PythonText.IsPrintable(Rune.GetUnicodeCategory(code));

    private static bool IsIdentifier(string text) => text.Length > 0 && !char.IsDigit(text[0])
        && Runes(text).All(static code => code.Value == '_' || Rune.IsLetterOrDigit(code)
            || Rune.GetUnicodeCategory(code) is UnicodeCategory.LetterNumber or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
                or UnicodeCategory.ConnectorPunctuation);

    private static bool IsTitle(string text)
    {
        bool wasCased = false, any = false;
        foreach (Rune code in text.EnumerateRunes())
        {
            bool isUpper = Rune.IsUpper(code) || Rune.GetUnicodeCategory(code) == UnicodeCategory.TitlecaseLetter;
            if (Casing.IsCased(code) && isUpper == wasCased)
                return false;
            wasCased = Casing.IsCased(code);
            any |= wasCased;
        }
        return any;
    }

    private static Value Unsupported(Given g) => throw new TemplateFault($"the method '{g.Name}' of 'str' is not supported");
}
