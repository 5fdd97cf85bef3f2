using System.Numerics;
using System.Text;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>Python's <c>format % values</c>.</summary>
internal sealed class PercentFormat
{
    private const int MostWidth = 1 << 20, MostPrecision = 1000;

    private readonly Run _run;
    private readonly string _format;
    private readonly bool _isMarkup;
    private readonly Value[] _values;
    private readonly DictValue? _mapping;
    private readonly bool _mayHaveMore;
    private int _at, _next;

    private PercentFormat(TextValue format, Value values, Run run)
    {
        (_run, _format, _isMarkup) = (run, format.Content, format.IsMarkup);
        _values = values is TupleValue tuple ? tuple.Values : [values];
        _mapping = values as DictValue;
        // Python takes these for mappings, too.
        _mayHaveMore = values is DictValue or ListValue or RangeValue or UndefinedValue;
    }

    public static Value Apply(TextValue format, Value values, Run run) => format.With(new PercentFormat(format, values, run).Write());

    private string Write()
    {
        StringBuilder made = new();
        while (_at < _format.Length)
        {
            int percent = _format.IndexOf('%', _at);
            int end = percent < 0 ? _format.Length : percent;
            _run.Make(end - _at);
            made.Append(_format, _at, end - _at);
            _at = end + 1;
            if (percent >= 0)
                made.Append(Directive());
        }
        return _next < _values.Length && !_mayHaveMore ? throw new TemplateFault("not all arguments converted during string formatting") : made.ToString();
    }

    private string Directive()
    {
        Value? named = _at < _format.Length && _format[_at] == '(' ? Named() : null;
        bool isLeft = false, isZero = false;
        FormatSpec spec = new();
        for (; Next() is '-' or '0' or '+' or ' ' or '#'; _at++)
        {
            isLeft |= Next() == '-';
            isZero |= Next() == '0';
            spec = Next() switch
            {
                '+' => spec with { Sign = '+' },
                ' ' when spec.Sign != '+' => spec with { Sign = ' ' },
                '#' => spec with { Alternate = true },
                _ => spec,
            };
        }
        int width = Number(MostWidth) ?? 0;
        spec = spec with { Width = Math.Abs(width) };
        isLeft |= width < 0;
        if (Next() == '.')
        {
            _at++;
            spec = spec with { Precision = Math.Max(0, Number(MostPrecision) ?? 0) };
        }
        if (Next() is 'h' or 'l' or 'L')
            _at++;
        if (_at == _format.Length)
            throw new TemplateFault("incomplete format");
        char type = _format[_at++];
        if (type == '%')
            return "%";
        spec = spec with { Align = isLeft ? '<' : '>' };
        FormatSpec number = isZero && !isLeft ? spec with { Fill = "0", Align = '=' } : spec;
        Value value = named ?? Take();
        return type switch
        {
            's' => spec.Text(_isMarkup ? Operators.Escaped(value, _run).Content : value.Text(_run), _run),
            'r' or 'a' => spec.Text(Repr(value, type == 'a'), _run),
            'd' or 'i' or 'u' => number.Whole(Whole(value, type, isExact: false), _run),
            'x' or 'X' or 'o' => (number with { Type = type }).Whole(Whole(value, type, isExact: true), _run),
            'e' or 'E' or 'f' or 'F' or 'g' or 'G' => (number with { Type = type, Precision = spec.Precision ?? 6 }).Real(Real(value), _run),
            'c' => Character(spec, value),
            _ => throw new TemplateFault($"unsupported format character {UntrustedText.Quote(type.ToString())}"),
        };
    }

    private char Next() => _at < _format.Length ? _format[_at] : '\0';

    private Value Named()
    {
        int end = _at + 1;
        for (int depth = 1; depth > 0; end++)
        {
            if (end == _format.Length)
                throw new TemplateFault("incomplete format key");
            depth += _format[end] == '(' ? 1 : _format[end] == ')' ? -1 : 0;
        }
        string key = _format[(_at + 1)..(end - 1)];
        _at = end;
        if (_mapping is null)
            throw new TemplateFault("format requires a mapping");
        return _mapping.Find(TextValue.Of(key)) ?? throw new TemplateFault(PythonText.Repr(key));
    }

    private Value Take() => _next < _values.Length ? _values[_next++] : throw new TemplateFault("not enough arguments for format string");

    private int? Number(int most)
    {
        if (Next() == '*')
        {
            _at++;
            return Take() is WholeValue whole ? Within(whole.Number) : throw new TemplateFault("* wants int");
        }
        int start = _at;
        BigInteger number = BigInteger.Zero;
        for (; char.IsAsciiDigit(Next()); _at++)
            number = BigInteger.Min(number * 10 + Next() - '0', most + 1);
        return _at > start ? Within(number) : null;

        int Within(BigInteger value) => BigInteger.Abs(value) <= most ? (int)value : throw new TemplateFault("width or precision too big");
    }

    private string Repr(Value value, bool isAscii)
    {
        ReprWriter writer = new(_run);
        writer.Write(value);
        return isAscii ? PythonText.EscapeBeyondAscii(writer.ToString()) : writer.ToString();
    }

    private static BigInteger Whole(Value value, char type, bool isExact) => value switch
    {
        WholeValue whole => whole.Number,
        FloatValue real when !isExact && double.IsFinite(real.Number) => new BigInteger(real.Number),
        UndefinedValue undefined => throw undefined.Fault,
        _ => throw new TemplateFault($"%{type} format: {(isExact ? "an integer" : "a real number")} is required, not {value.TypeName}"),
    };

    private static double Real(Value value) => value switch
    {
        NumberValue number => number.AsFloat,
        UndefinedValue undefined => throw undefined.Fault,
        _ => throw new TemplateFault($"must be real number, not {value.TypeName}"),
    };

    private string Character(FormatSpec spec, Value value) => value switch
    {
        TextValue text when text.Length(_run) == 1 => spec.Text(text.Content, _run),
        WholeValue whole => (spec with { Type = 'c' }).Whole(whole.Number, _run),
        _ => throw new TemplateFault("%c requires int or char"),
    };
}
