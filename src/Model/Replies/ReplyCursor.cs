using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;

namespace MeKi.Model.Replies;

/// <summary>
/// Reads a construct of a reply that may not have arrived whole. A method that returns false has failed, and <see cref="IsIncomplete"/> says whether more text
/// may mend that. More text never changes what a method found in less, so that a reply means the same however it is cut.
/// </summary>
internal ref struct ReplyCursor
{
    private const int MaxDepth = 60, MaxName = 256;
    private const string GemmaQuote = "<|\"|>";

    private static readonly SearchValues<char> KeyEnds = SearchValues.Create(":{}[],<\n");

    private readonly ReadOnlySpan<char> _text;
    private readonly bool _isWhole;

    /// <param name="text">The construct, from its opening marker on.</param>
    /// <param name="isWhole">Whether nothing follows.</param>
    public ReplyCursor(ReadOnlySpan<char> text, bool isWhole)
    {
        _text = text;
        _isWhole = isWhole;
    }

    public int Position { get; private set; }

    public bool IsIncomplete { get; private set; }

    public readonly int Remaining => _text.Length - Position;

    private readonly bool IsAtEnd => Position == _text.Length;

    private readonly ReadOnlySpan<char> Rest => _text[Position..];

    public bool Fail()
    {
        IsIncomplete = false;
        return false;
    }

    public void SkipSpace() => Position += ReplySpace.Leading(Rest);

    /// <summary>Reads this token and nothing else.</summary>
    public bool Take(string token) => Sees(token, out bool sees) && (sees || Fail()) && Skip(token.Length);

    /// <summary>Whether the text goes on with a token; false where that cannot be said yet.</summary>
    public bool Sees(string token, out bool sees)
    {
        ReadOnlySpan<char> rest = Rest;
        sees = rest.StartsWith(token, StringComparison.Ordinal);
        return sees || _isWhole || rest.Length >= token.Length || !token.StartsWith(rest, StringComparison.Ordinal) || Ended();
    }

    /// <summary>Skips whitespace and a token, where there is one.</summary>
    public bool SkipOptional(string token)
    {
        int before = Position;
        SkipSpace();
        if (!Sees(token, out bool sees))
            return false;
        Position = sees ? Position + token.Length : before;
        return true;
    }

    /// <summary>The text up to a token, and the token.</summary>
    public bool Until(string token, out ReadOnlySpan<char> before)
    {
        int length = Rest.IndexOf(token, StringComparison.Ordinal);
        before = length < 0 ? default : Rest[..length];
        return length < 0 ? Ended() : Skip(length + token.Length);
    }

    /// <summary>Some of what follows, which is there.</summary>
    public readonly ReadOnlySpan<char> Ahead(int length) => Rest[..length];

    /// <summary>A tool's or an argument's name: letters, digits and what joins them. It ends where something else follows.</summary>
    public bool Name(out string name)
    {
        int length = 0;
        while (length < Rest.Length && (char.IsLetterOrDigit(Rest[length]) || "_-.:/$".Contains(Rest[length])))
            length++;
        name = length <= MaxName ? Rest[..length].ToString() : "";
        if (length > MaxName)
            return Fail();
        if (length == Rest.Length && !_isWhole)
            return Ended();
        return length > 0 ? Skip(length) : Fail();
    }

    /// <summary>A JSON object or array. Its outline is checked; a reader of JSON has the last word.</summary>
    public bool Json(out string json)
    {
        json = "";
        SkipSpace();
        int start = Position;
        if (!Outline())
            return false;
        json = _text[start..Position].ToString();
        return true;
    }

    /// <summary>Whether an object or an array begins here.</summary>
    public bool SeesJson(out bool sees)
    {
        sees = !IsAtEnd && Rest[0] is '{' or '[';
        return !IsAtEnd || Ended();
    }

    /// <summary>A value as JSON, Python or Gemma writes it, written as JSON.</summary>
    public bool Literal(StringBuilder json) => Value(json, 0);

    public static string Quoted(ReadOnlySpan<char> text) => $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text.ToString())}\"";

    /// <summary>Whether a text is a number of JSON.</summary>
    public static bool IsNumber(ReadOnlySpan<char> text)
    {
        text = text.StartsWith('-') ? text[1..] : text;
        int whole = Digits(text);
        if (whole == 0 || (whole > 1 && text[0] == '0'))
            return false;
        text = text[whole..];
        if (text.StartsWith('.'))
        {
            int fraction = Digits(text[1..]);
            if (fraction == 0)
                return false;
            text = text[(1 + fraction)..];
        }
        if (text.IsEmpty)
            return true;
        if (text[0] is not ('e' or 'E'))
            return false;
        text = text[(text.Length > 1 && text[1] is '+' or '-' ? 2 : 1)..];
        return !text.IsEmpty && Digits(text) == text.Length;
    }

    private static int Digits(ReadOnlySpan<char> text)
    {
        int other = text.IndexOfAnyExceptInRange('0', '9');
        return other < 0 ? text.Length : other;
    }

    private bool Skip(int length)
    {
        Position += length;
        return true;
    }

    private bool Ended()
    {
        IsIncomplete = !_isWhole;
        return false;
    }

    private bool Outline() => SeesJson(out bool sees) && (sees ? Value(null, 0) : Fail());

    // Without a place to write to it reads JSON alone.
    private bool Value(StringBuilder? json, int depth)
    {
        SkipSpace();
        if (IsAtEnd)
            return Ended();
        return Rest[0] switch
        {
            '{' or '[' => depth < MaxDepth ? Items(json, depth) : Fail(),
            '"' => String(json),
            '\'' or '<' when json is not null => String(json),
            _ => Scalar(json),
        };
    }

    private bool Items(StringBuilder? json, int depth)
    {
        bool isObject = Rest[0] == '{';
        char close = isObject ? '}' : ']';
        json?.Append(Rest[0]);
        Position++;
        for (int i = 0; ; i++)
        {
            SkipSpace();
            if (IsAtEnd)
                return Ended();
            if (Rest[0] == close)
                break;
            if (i > 0)
                json?.Append(',');
            if ((isObject && !Key(json)) || !Value(json, depth + 1))
                return false;
            SkipSpace();
            if (IsAtEnd)
                return Ended();
            if (Rest[0] == ',')
                Position++;
            else if (Rest[0] != close)
                return Fail();
        }
        json?.Append(close);
        return Skip(1);
    }

    private bool Key(StringBuilder? json)
    {
        if (Rest[0] == '"' || (json is not null && Rest[0] is '\'' or '<'))
        {
            if (!String(json))
                return false;
            SkipSpace();
        }
        else if (json is null)
            return Fail();
        else
        {
            int length = Rest.IndexOfAny(KeyEnds);
            if (length > MaxName || (length < 0 && Rest.Length > MaxName))
                return Fail();
            if (length < 0)
                return Ended();
            json.Append(Quoted(Rest[..length].Trim()));
            Position += length;
        }
        json?.Append(':');
        return IsAtEnd ? Ended() : Rest[0] == ':' ? Skip(1) : Fail();
    }

    private bool String(StringBuilder? json)
    {
        if (Rest[0] == '<')
        {
            if (!Take(GemmaQuote) || !Until(GemmaQuote, out ReadOnlySpan<char> text))
                return false;
            json!.Append(Quoted(text));
            return true;
        }
        char quote = Rest[0];
        StringBuilder? value = json is null ? null : new();
        Position++;
        while (true)
        {
            int plain = Rest.IndexOfAny(quote, '\\');
            if (plain < 0)
                return Ended();
            value?.Append(Rest[..plain]);
            Position += plain;
            if (Rest[0] == quote)
                break;
            if (Rest.Length < 2)
                return Ended();
            if (value is null)
                Position += 2;
            else if (!Escape(value))
                return false;
        }
        json?.Append(Quoted(value!.ToString()));
        return Skip(1);
    }

    private bool Escape(StringBuilder value)
    {
        char kind = Rest[1];
        int digits = kind switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            if (Rest.Length < 2 + digits)
                return Ended();
            if (!uint.TryParse(Rest.Slice(2, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint code) || code > 0x10FFFF)
                return Fail();
            // Half of a pair comes with the other in an escape of its own.
            _ = code <= 0xFFFF ? value.Append((char)code) : value.Append(new Rune(code).ToString());
            return Skip(2 + digits);
        }
        _ = kind switch
        {
            'n' => value.Append('\n'),
            't' => value.Append('\t'),
            'r' => value.Append('\r'),
            'b' => value.Append('\b'),
            'f' => value.Append('\f'),
            '\n' => value,
            '"' or '\'' or '\\' or '/' => value.Append(kind),
            _ => value.Append('\\').Append(kind),
        };
        return Skip(2);
    }

    private bool Scalar(StringBuilder? json)
    {
        int length = 0;
        while (length < Rest.Length && (char.IsAsciiLetterOrDigit(Rest[length]) || Rest[length] is '+' or '-' or '.'))
            length++;
        if (length > MaxName)
            return Fail();
        if (length == Rest.Length && !_isWhole)
            return Ended();
        ReadOnlySpan<char> word = Rest[..length];
        string? value = word switch
        {
            "true" or "false" or "null" => word.ToString(),
            "True" when json is not null => "true",
            "False" when json is not null => "false",
            "None" when json is not null => "null",
            _ => IsNumber(word) ? word.ToString() : null,
        };
        json?.Append(value);
        return value is not null ? Skip(length) : Fail();
    }
}
