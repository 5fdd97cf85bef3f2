namespace MeKi.Model.Grammars.Texts;

/// <summary>What a byte does to a JSON string.</summary>
internal enum CharacterStep
{
    /// <summary>It cannot stand here.</summary>
    Bad,

    /// <summary>The character goes on.</summary>
    More,

    /// <summary>A character is whole.</summary>
    Whole,

    /// <summary>The string ends.</summary>
    Quote,
}

/// <summary>How far a character of a JSON string is read: a part of its UTF-8 or of its escape.</summary>
internal readonly record struct JsonCharacter
{
    private enum Part : byte
    {
        None,
        Utf8,
        Escape,
        Hex,
        Backslash,
        U,
        LowHex,
    }

    // Of UTF-8: Value is what the bytes so far give, Left how many follow, High how many there are in all. Of an escape: the digits so far, how many follow,
    // and the high surrogate.
    private Part At { get; init; }

    private byte Left { get; init; }

    private int Value { get; init; }

    private int High { get; init; }

    /// <summary>Whether no character has begun.</summary>
    public bool IsBetween => At == Part.None;

    /// <summary>Whether it is UTF-8 of which all continuations are characters.</summary>
    public bool IsWholeRange(out int first, out int last)
    {
        (first, last) = (Value << (6 * Left), ((Value + 1) << (6 * Left)) - 1);
        return At == Part.Utf8 && first == First && last == Last;
    }

    /// <summary>Whether it is the backslash of an escape.</summary>
    public bool IsEscape => At == Part.Escape;

    /// <summary>The fewest bytes that make a character of it.</summary>
    public int BytesTo(int scalar) => At switch
    {
        Part.None => 0,
        Part.Utf8 or Part.LowHex => Left,
        Part.Escape => scalar is '"' or '\\' or '/' or '\b' or '\f' or '\n' or '\r' or '\t' ? 1 : scalar < 0x10000 ? 5 : 11,
        // Half of a pair needs the other, another escape.
        Part.Hex => scalar < 0x10000 ? Left : Left + 6,
        Part.Backslash => 6,
        _ => 5,
    };

    /// <summary>Takes a byte.</summary>
    /// <param name="value">The byte.</param>
    /// <param name="next">How far the character is after it.</param>
    /// <param name="scalar">The character, when it is whole.</param>
    public CharacterStep Take(byte value, out JsonCharacter next, out int scalar)
    {
        (next, scalar) = (default, value);
        switch (At)
        {
            case Part.None:
                return TakeFirst(value, out next);
            case Part.Utf8:
                if ((value & 0xC0) != 0x80)
                    return CharacterStep.Bad;
                next = this with { Value = (Value << 6) | (value & 0x3F), Left = (byte)(Left - 1) };
                scalar = next.Value;
                if (next.First > next.Last)
                    return CharacterStep.Bad;
                return Finish(ref next);
            case Part.Escape:
                if (value == 'u')
                {
                    next = new() { At = Part.Hex, Left = 4 };
                    return CharacterStep.More;
                }
                scalar = value switch
                {
                    (byte)'"' or (byte)'\\' or (byte)'/' => value,
                    (byte)'b' => '\b',
                    (byte)'f' => '\f',
                    (byte)'n' => '\n',
                    (byte)'r' => '\r',
                    (byte)'t' => '\t',
                    _ => -1,
                };
                return scalar < 0 ? CharacterStep.Bad : CharacterStep.Whole;
            case Part.Backslash:
                next = this with { At = Part.U };
                return value == '\\' ? CharacterStep.More : CharacterStep.Bad;
            case Part.U:
                next = this with { At = Part.LowHex, Left = 4, Value = 0 };
                return value == 'u' ? CharacterStep.More : CharacterStep.Bad;
            default:
                return TakeDigit(value, out next, out scalar);
        }
    }

    /// <summary>Takes a byte of a text that nothing escapes and nothing ends.</summary>
    /// <param name="value">The byte.</param>
    /// <param name="next">How far the character is after it.</param>
    /// <param name="scalar">The character, when it is whole.</param>
    public CharacterStep TakePlain(byte value, out JsonCharacter next, out int scalar)
    {
        if (At != Part.None || value >= 0x80)
            return Take(value, out next, out scalar);
        (next, scalar) = (default, value);
        return CharacterStep.Whole;
    }

    /// <summary>The characters that it can become: up to three ranges, the ends included.</summary>
    /// <returns>How many ranges there are.</returns>
    public int Ranges(Span<(int First, int Last)> ranges)
    {
        int count = 0;
        switch (At)
        {
            case Part.None or Part.Escape:
                ranges[count++] = (0, 0x10FFFF);
                break;
            case Part.Utf8:
                ranges[count++] = (First, Last);
                break;
            case Part.Hex:
                int first = Value << (4 * Left), last = ((Value + 1) << (4 * Left)) - 1;
                if (first < 0xD800)
                    ranges[count++] = (first, Math.Min(last, 0xD7FF));
                if (last > 0xDFFF)
                    ranges[count++] = (Math.Max(first, 0xE000), last);
                int firstHigh = Math.Max(first, 0xD800), lastHigh = Math.Min(last, 0xDBFF);
                if (firstHigh <= lastHigh)
                    ranges[count++] = (Pair(firstHigh, 0xDC00), Pair(lastHigh, 0xDFFF));
                break;
            case Part.LowHex:
                int firstLow = Math.Max(Value << (4 * Left), 0xDC00), lastLow = Math.Min(((Value + 1) << (4 * Left)) - 1, 0xDFFF);
                if (firstLow <= lastLow)
                    ranges[count++] = (Pair(High, firstLow), Pair(High, lastLow));
                break;
            default:
                ranges[count++] = (Pair(High, 0xDC00), Pair(High, 0xDFFF));
                break;
        }
        return count;
    }

    // The characters that begin with the bytes so far and are spelt as short as can be.
    private int First =>
        Math.Max(Value << (6 * Left), High switch { 2 => 0x80, 3 => Value << (6 * Left) is >= 0xD800 and < 0xE000 ? 0xE000 : 0x800, _ => 0x10000 });

    private int Last
    {
        get
        {
            int last = ((Value + 1) << (6 * Left)) - 1;
            return High == 3 && last is >= 0xD800 and < 0xE000 ? 0xD7FF : Math.Min(last, 0x10FFFF);
        }
    }

    private static int Pair(int high, int low) => 0x10000 + ((high - 0xD800) << 10) + low - 0xDC00;

    private static CharacterStep TakeFirst(byte value, out JsonCharacter next)
    {
        next = default;
        switch (value)
        {
            case (byte)'"':
                return CharacterStep.Quote;
            case (byte)'\\':
                next = new() { At = Part.Escape };
                return CharacterStep.More;
            case < 0x20:
                return CharacterStep.Bad;
            case < 0x80:
                return CharacterStep.Whole;
            case >= 0xC2 and < 0xE0:
                next = new() { At = Part.Utf8, Left = 1, High = 2, Value = value & 0x1F };
                return CharacterStep.More;
            case >= 0xE0 and < 0xF0:
                next = new() { At = Part.Utf8, Left = 2, High = 3, Value = value & 0x0F };
                return CharacterStep.More;
            case >= 0xF0 and < 0xF5:
                next = new() { At = Part.Utf8, Left = 3, High = 4, Value = value & 0x07 };
                return CharacterStep.More;
            default:
                return CharacterStep.Bad;
        }
    }

    private static CharacterStep Finish(ref JsonCharacter next)
    {
        if (next.Left > 0)
            return CharacterStep.More;
        next = default;
        return CharacterStep.Whole;
    }

    private CharacterStep TakeDigit(byte value, out JsonCharacter next, out int scalar)
    {
        (next, scalar) = (default, 0);
        if (!char.IsAsciiHexDigit((char)value))
            return CharacterStep.Bad;
        int digit = value <= '9' ? value - '0' : (value | 0x20) - 'a' + 10;
        next = this with { Value = (Value << 4) | digit, Left = (byte)(Left - 1) };
        Span<(int, int)> ranges = stackalloc (int, int)[3];
        if (next.Ranges(ranges) == 0)
            return CharacterStep.Bad;
        if (next.Left > 0)
            return CharacterStep.More;
        if (At == Part.Hex && next.Value is >= 0xD800 and < 0xDC00)
        {
            next = new() { At = Part.Backslash, High = next.Value };
            return CharacterStep.More;
        }
        scalar = At == Part.Hex ? next.Value : Pair(High, next.Value);
        next = default;
        return CharacterStep.Whole;
    }
}
