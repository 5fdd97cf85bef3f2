using System.Globalization;
using System.Numerics;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>Python's <c>json.dumps</c> as transformers' <c>tojson</c> calls it: nothing is escaped for HTML.</summary>
internal sealed class JsonWriter
{
    private readonly Run _run;
    private readonly bool _isAscii, _isSorted;
    private readonly string? _indent;
    private readonly string _comma, _colon;
    private readonly ReprWriter _writer;
    private int _depth;

    private JsonWriter(Given g)
    {
        (_run, _writer) = (g.Run, new(g.Run));
        _isAscii = g.Flag(0);
        _indent = g.Some(1) switch
        {
            null => null,
            TextValue text => text.Content,
            { } width => Spaces(Given.Whole(width), g.Run),
        };
        (_comma, _colon) = (_indent is null ? ", " : ",", ": ");
        if (g.Some(2) is { } separators)
        {
            if (separators.ToList(g.Run) is not [TextValue comma, TextValue colon])
                throw new TemplateFault("tojson() separators must be two strings");
            (_comma, _colon) = (comma.Content, colon.Content);
        }
        _isSorted = g.Flag(3);
    }

    /// <summary>The filter <c>tojson(ensure_ascii, indent, separators, sort_keys)</c>.</summary>
    public static Value Apply(Given g)
    {
        JsonWriter json = new(g);
        json.Write(g.Self);
        return TextValue.Of(json._writer.ToString());
    }

    private static string Spaces(BigInteger width, Run run)
    {
        int spaces = (int)BigInteger.Clamp(width, 0, int.MaxValue);
        run.Make(spaces);
        return new(' ', spaces);
    }

    private void Write(Value value)
    {
        _run.Step();
        switch (value)
        {
            case NoneValue:
                _writer.Write("null");
                break;
            case BoolValue truth:
                _writer.Write(truth.IsTrue ? "true" : "false");
                break;
            case IntValue number:
                _writer.Write(number.Text(_run));
                break;
            case FloatValue number:
                _writer.Write(Numbers.Json(number.Number));
                break;
            case TextValue text:
                WriteText(text.Content);
                break;
            case ListValue or TupleValue:
                WriteElements(value, '[', ((SequenceValue)value).Elements(_run), static (json, element) => json.Write(element), ']');
                break;
            case DictValue dict:
                IEnumerable<Value> entries = dict.Entries.Select(static entry => (Value)new TupleValue(entry.Key, entry.Value));
                if (_isSorted)
                    entries = Sorting.Sort([.. entries], static entry => ((TupleValue)entry)[0], isReversed: false, _run);
                WriteElements(value, '{', entries.GetEnumerator(), static (json, entry) => json.WriteEntry((TupleValue)entry), '}');
                break;
            default:
                throw new TemplateFault($"Object of type {value.TypeName} is not JSON serializable");
        }
    }

    private void WriteEntry(TupleValue entry)
    {
        WriteText(entry[0] switch
        {
            TextValue text => text.Content,
            NoneValue => "null",
            BoolValue truth => truth.IsTrue ? "true" : "false",
            IntValue number => number.Text(_run),
            FloatValue number => Numbers.Json(number.Number),
            { } key => throw new TemplateFault($"keys must be str, int, float, bool or None, not {key.TypeName}"),
        });
        _writer.Write(_colon);
        Write(entry[1]);
    }

    private void WriteElements(Value container, char before, IEnumerator<Value> elements, Action<JsonWriter, Value> write, char after)
    {
        if (!_writer.Open(container, ""))
            throw new TemplateFault("Circular reference detected");
        _writer.Write(before.ToString());
        _depth++;
        bool any = false;
        for (; elements.MoveNext(); any = true)
        {
            if (any)
                _writer.Write(_comma);
            NewLine();
            write(this, elements.Current);
        }
        _depth--;
        if (any)
            NewLine();
        _writer.Write(after.ToString());
        _writer.Close(container);
    }

    private void NewLine()
    {
        if (_indent is null)
            return;
        _writer.Write("\n");
        for (int i = 0; i < _depth; i++)
            _writer.Write(_indent);
    }

    // Straight to the writer, in runs between what is escaped: a copy of a long text is not made.
    private void WriteText(string text)
    {
        _writer.Write("\"");
        int from = 0;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c is >= ' ' and not '"' and not '\\' && (c <= '~' || !_isAscii))
                continue;
            _writer.Write(text.AsSpan(from, i - from));
            _writer.Write(c switch
            {
                '"' => @"\""",
                '\\' => @"\\",
                '\n' => @"\n",
                '\r' => @"\r",
                '\t' => @"\t",
                '\b' => @"\b",
                '\f' => @"\f",
                _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
            });
            from = i + 1;
        }
        _writer.Write(text.AsSpan(from));
        _writer.Write("\"");
    }
}
