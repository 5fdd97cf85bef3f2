using System.Globalization;
using System.Numerics;
using System.Text;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>How one value is written: fill, alignment, sign, width, precision and type.</summary>
internal sealed record FormatSpec
{
    private const int MostWidth = 1 << 20, MostPrecision = 1000;

    public string Fill { get; init; } = " ";

    /// <summary><c>&lt;</c>, <c>&gt;</c>, <c>^</c>, or <c>=</c> for behind the sign; null for the type's own.</summary>
    public char? Align { get; init; }

    /// <summary><c>+</c> or a space for numbers that are not negative; <c>-</c> for neither.</summary>
    public char Sign { get; init; } = '-';

    public bool Alternate { get; init; }

    public int Width { get; init; }

    /// <summary>What stands between groups of digits; null for nothing.</summary>
    public char? Grouping { get; init; }

    public int? Precision { get; init; }

    public char? Type { get; init; }

    /// <summary>Reads what stands behind the colon of <c>{:}</c>.</summary>
    public static FormatSpec Parse(string text)
    {
        FormatSpec spec = new();
        int at = 0;
        int first = text.Length > 0 ? PythonText.Width(text, 0) : 0;
        if (first > 0 && text.Length > first && IsAlign(text[first]))
        {
            spec = spec with { Fill = text[..first], Align = text[first] };
            at = first + 1;
        }
        else if (text.Length > 0 && IsAlign(text[0]))
            spec = spec with { Align = text[at++] };
        if (Next() is '+' or '-' or ' ')
            spec = spec with { Sign = text[at++] };
        if (Next() == '#')
            (spec, at) = (spec with { Alternate = true }, at + 1);
        if (Next() == '0')
        {
            at++;
            if (spec.Align is null)
                spec = spec with { Fill = "0", Align = '=' };
        }
        spec = spec with { Width = Number(MostWidth) ?? 0 };
        if (Next() is ',' or '_')
            spec = spec with { Grouping = text[at++] };
        if (Next() == '.')
        {
            at++;
            spec = spec with { Precision = Number(MostPrecision) ?? throw new TemplateFault("Format specifier missing precision") };
        }
        if (at < text.Length)
            spec = spec with { Type = text[at++] };
        return at == text.Length ? spec : throw new TemplateFault("Invalid format specifier");

        char Next() => at < text.Length ? text[at] : '\0';

        int? Number(int most)
        {
            int start = at, number = 0;
            for (; at < text.Length && char.IsAsciiDigit(text[at]); at++)
                number = Math.Min(number * 10 + text[at] - '0', most + 1);
            return number > most ? throw new TemplateFault("Too many decimal digits in format string") : at > start ? number : null;
        }
    }

    /// <summary>Writes a value as <c>format(value, spec)</c> does.</summary>
    public string Format(Value value, Run run) => value switch
    {
        TextValue text when Type is null or 's' => Text(text.Content, run),
        WholeValue whole when Type is null or 'd' or 'b' or 'o' or 'x' or 'X' or 'n' or 'c' => Whole(whole.Number, run),
        NumberValue number when Type is null or 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or 'n' or '%' => Real(number.AsFloat, run),
        TextValue or NumberValue => throw new TemplateFault($"Unknown format code '{Type}' for object of type '{value.TypeName}'"),
        _ => throw new TemplateFault($"unsupported format string passed to {value.TypeName}.__format__"),
    };

    /// <summary>Writes text, cut to the precision.</summary>
    public string Text(string text, Run run)
    {
        TextValue cut = new(text);
        string kept = Precision is int most && most < cut.Length(run) ? text[..cut.CharOf(most, run)] : text;
        return Pad("", kept, Align ?? '<', run);
    }

    /// <summary>Writes a whole number.</summary>
    public string Whole(BigInteger number, Run run)
    {
        if (Type == 'c')
            return Pad("", Character(number), Align ?? '<', run);
        BigInteger size = BigInteger.Abs(number);
        run.Read(size.GetBitLength() / 3);
        (string digits, string prefix) = Type switch
        {
            'b' => (Radix(size, 1), "0b"),
            'o' => (Radix(size, 3), "0o"),
            'x' => (Radix(size, 4), "0x"),
            'X' => (Radix(size, 4).ToUpperInvariant(), "0X"),
            _ => (IntValue.Of(size).Text(run), ""),
        };
        if (Precision is int least)
            digits = digits.PadLeft(least, '0');
        return Pad(SignOf(number.Sign < 0) + (Alternate ? prefix : ""), Grouped(digits, Type is 'b' or 'o' or 'x' or 'X' ? 4 : 3), Align ?? '>', run);
    }

    /// <summary>Writes a number with a fraction.</summary>
    public string Real(double number, Run run)
    {
        char type = Type ?? (Precision is null ? 'r' : 'g');
        string digits = Grouped(Digits(Math.Abs(number), type == 'n' ? 'g' : type), 3);
        if (type is 'E' or 'G' or 'F')
            digits = digits.ToUpperInvariant();
        return Pad(SignOf(double.IsNegative(number) && !double.IsNaN(number)), digits, Align ?? '>', run);
    }

    private static bool IsAlign(char c) => c is '<' or '>' or '^' or '=';

    private static string Character(BigInteger code) => code >= 0 && code < 0x110000
        ? (int)code is >= 0xD800 and < 0xE000 ? ((char)(int)code).ToString() : char.ConvertFromUtf32((int)code)
        : throw new TemplateFault("%c arg not in range(0x110000)");

    private static string Radix(BigInteger number, int bits)
    {
        StringBuilder digits = new();
        for (BigInteger rest = number; !rest.IsZero || digits.Length == 0; rest >>= bits)
            digits.Insert(0, "0123456789abcdef"[(int)(rest & ((1 << bits) - 1))]);
        return digits.ToString();
    }

    private string SignOf(bool isNegative) => isNegative ? "-" : Sign == '-' ? "" : Sign.ToString();

    private string Digits(double number, char type)
    {
        if (!double.IsFinite(number))
            return Numbers.NotFinite(number) + (type == '%' ? "%" : "");
        int precision = Precision ?? 6;
        switch (type)
        {
            case 'r':
                return Numbers.Repr(number);
            case 'f' or 'F':
                return Numbers.Fixed(number, precision) + (Alternate && precision == 0 ? "." : "");
            case '%':
                return Numbers.Fixed(number * 100, precision) + "%";
            case 'e' or 'E':
                return Exponential(number, precision, precision > 0);
            default:
                precision = Math.Max(precision, 1);
                int exponent = number == 0 ? 0 : ExponentOf(Exponential(number, precision - 1, true));
                if (exponent < -4 || exponent >= precision)
                    return Exponential(number, precision - 1, Alternate, isCut: !Alternate);
                string text = Numbers.Fixed(number, precision - 1 - exponent);
                // Without a type a number with a fraction keeps its point.
                string cut = Alternate || !text.Contains('.', StringComparison.Ordinal) ? text : text.TrimEnd('0').TrimEnd('.');
                return Type is null && !cut.Contains('.', StringComparison.Ordinal) ? cut + ".0" : cut;
        }
    }

    private static int ExponentOf(string exponential) =>
        int.Parse(exponential.AsSpan(exponential.IndexOf('e', StringComparison.Ordinal) + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private static string Exponential(double number, int precision, bool hasPoint, bool isCut = false)
    {
        string text = number.ToString("e" + precision.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        int mark = text.IndexOf('e', StringComparison.Ordinal);
        string mantissa = text[..mark];
        if (isCut && mantissa.Contains('.', StringComparison.Ordinal))
            mantissa = mantissa.TrimEnd('0').TrimEnd('.');
        int exponent = ExponentOf(text);
        string point = hasPoint && !mantissa.Contains('.', StringComparison.Ordinal) ? "." : "";
        return string.Create(CultureInfo.InvariantCulture, $"{mantissa}{point}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
    }

    private string Grouped(string digits, int group)
    {
        if (Grouping is not char between)
            return digits;
        int end = digits.AsSpan().IndexOfAny('.', 'e', '%');
        end = end < 0 ? digits.Length : end;
        StringBuilder grouped = new(digits);
        for (int at = end - group; at > 0; at -= group)
            grouped.Insert(at, between);
        return grouped.ToString();
    }

    private string Pad(string sign, string body, char align, Run run)
    {
        int pad = Width - sign.Length - new TextValue(body).Length(run);
        run.Make(sign.Length + body.Length + Math.Max(pad, 0) * (long)Fill.Length);
        if (pad <= 0)
            return sign + body;
        int before = align switch { '<' => 0, '^' => pad / 2, _ => pad };
        string left = Repeat(before), right = Repeat(pad - before);
        return align == '=' ? sign + left + body : left + sign + body + right;

        string Repeat(int times) => new StringBuilder().Insert(0, Fill, times).ToString();
    }
}
