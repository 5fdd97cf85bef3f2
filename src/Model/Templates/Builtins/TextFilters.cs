using System.Globalization;
using System.Net;
using System.Text;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>Filters of text.</summary>
internal static class TextFilters
{
    public static Value Indent(Given g)
    {
        TextValue text = g.Self as TextValue ?? throw (g.Self is UndefinedValue undefined ? undefined.Fault
            : new TemplateFault($"unsupported operand type(s) for +=: '{g.Self.TypeName}' and 'str'"));
        int width = g[0] is TextValue ? 0 : Math.Max(g.Int(0, 4), 0);
        g.Run.Make(width);
        string indentation = g[0] is TextValue own ? own.Content : new(' ', width);
        StringBuilder made = new(g.Flag(1) ? indentation : "");
        bool isFirst = true;
        foreach (string line in PythonText.SplitLines(text.Content + "\n"))
        {
            string before = isFirst || (line.Length == 0 && !g.Flag(2)) ? "" : indentation;
            g.Run.Make(before.Length + line.Length + 1L);
            made.Append(isFirst ? "" : "\n").Append(before).Append(line);
            isFirst = false;
        }
        return text.With(made.ToString());
    }

    public static string Title(string text)
    {
        StringBuilder made = new(text.Length);
        for (int start = 0; start < text.Length;)
        {
            int end = start;
            while (end < text.Length && IsBetween(text[end]) == IsBetween(text[start]))
                end++;
            int width = PythonText.Width(text, start);
            made.Append(Casing.Upper(text.Substring(start, width))).Append(Casing.Lower(text[(start + width)..end]));
            start = end;
        }
        return made.ToString();

        static bool IsBetween(char c) => c is '-' or '(' or '{' or '[' or '<' || PythonText.IsSpace(c);
    }

    public static Value Truncate(Given g)
    {
        int length = g.Int(0, 255), leeway = g.Some(3) is null ? 5 : g.Int(3, 0);
        string end = g.Text(2, "...");
        if (length < new TextValue(end).Length(g.Run))
            throw new TemplateFault($"expected length >= {end.Length}, got {length}");
        int count = g.Self.Count(g.Run) ?? throw new TemplateFault($"object of type '{g.Self.TypeName}' has no len()");
        if (count <= length + leeway)
            return g.Self;
        if (g.Self is not TextValue text)
            throw new TemplateFault($"'{g.Self.TypeName}' object has no attribute 'rsplit'");
        string cut = text.Content[..text.CharOf(length - new TextValue(end).Length(g.Run), g.Run)];
        int space = g.Flag(1) ? -1 : cut.LastIndexOf(' ');
        g.Run.Make(cut.Length);
        return Operators.Join(text.With(space < 0 ? cut : cut[..space]), TextValue.Of(end), g.Run);
    }

    public static Value FileSize(Given g)
    {
        double bytes = Filters.AsFloat(g.Self) ?? throw new TemplateFault("could not convert to float");
        int unit = g.Flag(0) ? 1024 : 1000;
        if (bytes == 1)
            return TextValue.Of("1 Byte");
        if (bytes < unit)
            return TextValue.Of(string.Create(CultureInfo.InvariantCulture, $"{Math.Truncate(bytes)} Bytes"));
        int power = 0;
        double scaled = bytes / unit;
        for (; scaled >= unit && power < 7; power++)
            scaled /= unit;
        return TextValue.Of($"{Numbers.Fixed(scaled, 1)} {(unit == 1024 ? "KMGTPEZY" : "kMGTPEZY")[power]}{(unit == 1024 ? "iB" : "B")}");
    }

    public static int WordCount(string text)
    {
        int words = 0;
        bool wasWord = false;
        foreach (Rune code in text.EnumerateRunes())
        {
            bool isWord = Rune.IsLetterOrDigit(code) || code.Value == '_' || CharUnicodeInfo.GetNumericValue(code.ToString(), 0) != -1;
            words += isWord && !wasWord ? 1 : 0;
            wasWord = isWord;
        }
        return words;
    }

    public static Value StripTags(Given g)
    {
        string text = Filters.Printed(g);
        text = Without(Without(text, "<!--", "-->"), "<", ">");
        return TextValue.Of(WebUtility.HtmlDecode(string.Join(' ', Splitting.Split(text, null, -1, g.Run))));

        static string Without(string text, string open, string close)
        {
            StringBuilder kept = new();
            int at = 0;
            for (int start; (start = text.IndexOf(open, at, StringComparison.Ordinal)) >= 0;)
            {
                int end = text.IndexOf(close, start, StringComparison.Ordinal);
                if (end < 0)
                    break;
                kept.Append(text, at, start - at);
                at = end + close.Length;
            }
            return kept.Append(text, at, text.Length - at).ToString();
        }
    }

    public static Value UrlEncode(Given g)
    {
        if (g.Self is TextValue || g.Self.Elements(g.Run) is null)
            return TextValue.Of(Quote(Filters.Printed(g), isQuery: false));
        List<string> pairs = [];
        IEnumerator<Value> entries = g.Self is DictValue dict ? DictMethods.Items(dict).Elements(g.Run) : g.Self.RequiredElements(g.Run);
        while (entries.MoveNext())
        {
            if (entries.Current.ToList(g.Run) is not [{ } key, { } value])
                throw new TemplateFault("urlencode needs pairs");
            string pair = Quote(key.Text(g.Run), isQuery: true) + "=" + Quote(value.Text(g.Run), isQuery: true);
            g.Run.Make(pair.Length);
            pairs.Add(pair);
        }
        return TextValue.Of(string.Join('&', pairs));
    }

    private static string Quote(string text, bool isQuery)
    {
        StringBuilder quoted = new();
        foreach (byte octet in Encoding.UTF8.GetBytes(text))
        {
            char c = (char)octet;
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || (c == '/' && !isQuery))
                quoted.Append(c);
            else
                quoted.Append(isQuery && c == ' ' ? "+" : $"%{octet:X2}");
        }
        return quoted.ToString();
    }
}
