using System.Globalization;
using System.Text;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>Python's <c>str.format</c>, in the sandbox's way.</summary>
internal sealed class BraceFormat
{
    private readonly Run _run;
    private readonly bool _isMarkup;
    private readonly Value[] _values;
    private readonly Func<string, Value?> _named;
    private int _next;
    private bool _isNumbered;

    private BraceFormat(bool isMarkup, Value[] values, Func<string, Value?> named, Run run) =>
        (_isMarkup, _values, _named, _run) = (isMarkup, values, named, run);

    public static Value Apply(TextValue format, Value[] values, Func<string, Value?> named, Run run) =>
        format.With(new BraceFormat(format.IsMarkup, values, named, run).Write(format.Content, 2));

    private string Write(string format, int depth)
    {
        if (depth == 0)
            throw new TemplateFault("Max string recursion exceeded");
        StringBuilder made = new();
        for (int i = 0; i < format.Length; i++)
        {
            char c = format[i];
            bool isDoubled = i + 1 < format.Length && format[i + 1] == c;
            if (c is '{' or '}' && isDoubled)
                i++;
            else if (c == '}')
                throw new TemplateFault("Single '}' encountered in format string");
            else if (c == '{')
            {
                int end = End(format, i + 1);
                string field = Field(format[(i + 1)..end], depth);
                _run.Make(field.Length);
                made.Append(field);
                i = end;
                continue;
            }
            _run.Make(1);
            made.Append(c);
        }
        return made.ToString();
    }

    private static int End(string format, int start)
    {
        int depth = 1;
        for (int i = start; i < format.Length; i++)
        {
            depth += format[i] == '{' ? 1 : format[i] == '}' ? -1 : 0;
            if (depth == 0)
                return i;
        }
        throw new TemplateFault(start == format.Length ? "Single '{' encountered in format string" : "expected '}' before end of string");
    }

    private string Field(string field, int depth)
    {
        // A bracket may hold a colon or an exclamation mark.
        int bracket = 0, end = 0;
        for (; end < field.Length && !(bracket == 0 && field[end] is ':' or '!'); end++)
            bracket += field[end] == '[' ? 1 : field[end] == ']' ? -1 : 0;
        Value value = Find(field[..end]);
        char conversion = '\0';
        if (end < field.Length && field[end] == '!')
        {
            if (end + 1 >= field.Length || (end + 2 < field.Length && field[end + 2] != ':'))
                throw new TemplateFault("expected ':' after conversion specifier");
            (conversion, end) = (field[end + 1], end + 2);
        }
        string spec = end < field.Length ? Write(field[(end + 1)..], depth - 1) : "";
        value = conversion switch
        {
            '\0' => value,
            's' => TextValue.Of(value.Text(_run)),
            'r' => TextValue.Of(Repr(value)),
            'a' => TextValue.Of(PythonText.EscapeBeyondAscii(Repr(value))),
            _ => throw new TemplateFault($"Unknown conversion specifier {UntrustedText.Quote(conversion.ToString())}"),
        };
        if (_isMarkup && value is TextValue { IsMarkup: true } markup && spec.Length == 0)
            return markup.Content;
        string text = spec.Length == 0 ? value.Text(_run) : FormatSpec.Parse(spec).Format(value, _run);
        return _isMarkup ? PythonText.Escape(text) : text;
    }

    private Value Find(string path)
    {
        int end = path.AsSpan().IndexOfAny('.', '[');
        string first = end < 0 ? path : path[..end];
        Value value = First(first);
        for (int i = end < 0 ? path.Length : end; i < path.Length;)
        {
            bool isAttribute = path[i] == '.';
            int stop = isAttribute ? path.AsSpan(i + 1).IndexOfAny('.', '[') : path.IndexOf(']', i) - i - 1;
            if (!isAttribute && stop < 0)
                throw new TemplateFault("Missing ']' in format string");
            string name = stop < 0 ? path[(i + 1)..] : path.Substring(i + 1, stop);
            if (name.Length == 0)
                throw new TemplateFault("Empty attribute in format string");
            value = isAttribute ? Access.Attribute(value, name, _run)
                : Access.Item(value, Number(name) is int index ? IntValue.Of(index) : TextValue.Of(name), _run);
            i += name.Length + (isAttribute ? 1 : 2);
        }
        return value;
    }

    private Value First(string name)
    {
        int? given = Number(name);
        if (given is null && name.Length > 0)
            return _named(name) ?? throw new TemplateFault(PythonText.Repr(name));
        if (given is null ? _isNumbered : _next > 0)
            throw new TemplateFault("cannot switch between manual field specification and automatic field numbering");
        _isNumbered |= given is not null;
        int index = given ?? _next++;
        return index < _values.Length ? _values[index]
            : throw new TemplateFault($"Replacement index {index.ToString(CultureInfo.InvariantCulture)} out of range for positional args tuple");
    }

    private static int? Number(string text) =>
        text.Length is > 0 and < 9 && !text.AsSpan().ContainsAnyExceptInRange('0', '9') ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    private string Repr(Value value)
    {
        ReprWriter writer = new(_run);
        writer.Write(value);
        return writer.ToString();
    }
}
