using System.Collections.Concurrent;

namespace MeKi.Model.Grammars.Texts;

/// <summary>How far the spelling of a text is read.</summary>
/// <param name="Character">The character that has begun.</param>
/// <param name="Held">How many bytes were read that may belong to what ends the text.</param>
/// <param name="HasLine">Whether a line break stands before those, which then belongs to the end.</param>
/// <param name="IsStart">Whether nothing was read of a name, which must not be empty, or of a text before which a line break may stand.</param>
internal readonly record struct SpellingState(JsonCharacter Character, int Held = 0, bool HasLine = false, bool IsStart = false)
{
    /// <summary>Whether what was read last is either text or belongs to its end.</summary>
    public bool IsHeld => Held > 0 || HasLine;
}

/// <summary>What a byte does to the spelling of a text.</summary>
internal enum SpellingStep
{
    /// <summary>It cannot stand here.</summary>
    Bad,

    /// <summary>The text goes on.</summary>
    More,

    /// <summary>The text has ended.</summary>
    End,
}

/// <summary>How texts are written: where their characters begin and end, and what ends them.</summary>
internal abstract class TextSpelling
{
    /// <summary>The most characters that become whole by one byte.</summary>
    public const int MostCharacters = MostMarker + 2;

    private const int MostMarker = 64;

    private static readonly ConcurrentDictionary<(string Close, bool IsLined, bool IsName), TextSpelling> s_marked = [];

    /// <summary>A JSON string, which a quote ends.</summary>
    public static TextSpelling Json { get; } = new JsonSpelling();

    /// <summary>Characters as they are; nothing ends them.</summary>
    public static TextSpelling Plain { get; } = new MarkedSpelling([], isLined: false, isName: false);

    /// <summary>Characters as they are up to a marker.</summary>
    /// <param name="close">The marker; its first character is of ASCII and comes once.</param>
    /// <param name="isLined">Whether a line break before the text and one behind it are none of it, and carriage returns are refused.</param>
    /// <param name="isName">Whether the text is a name: letters, digits, <c>_</c>, <c>-</c> and <c>.</c> only.</param>
    public static TextSpelling UpTo(byte[] close, bool isLined = false, bool isName = false)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(close.Length, MostMarker);
        return s_marked.GetOrAdd((System.Text.Encoding.Latin1.GetString(close), isLined, isName), _ => new MarkedSpelling(close, isLined, isName));
    }

    /// <summary>Whether a byte can stand in a name that has nothing around it.</summary>
    public static bool IsNameByte(byte value) => char.IsAsciiLetterOrDigit((char)value) || value is (byte)'_' or (byte)'-' or (byte)'.';

    /// <summary>Takes a byte.</summary>
    /// <param name="read">How far the text is read.</param>
    /// <param name="value">The byte.</param>
    /// <param name="characters">Receives the characters that have become whole; at least <see cref="MostCharacters"/> long.</param>
    /// <param name="count">Receives how many.</param>
    /// <param name="next">How far it is read after it.</param>
    public abstract SpellingStep Take(SpellingState read, byte value, Span<int> characters, out int count, out SpellingState next);

    /// <summary>Marks the bytes that the text's end may begin with.</summary>
    public abstract void AddEndBytes(Span<bool> bytes);

    /// <summary>The characters that are held back, as if they were text.</summary>
    public abstract ReadOnlySpan<byte> HeldBytes(SpellingState state);

    /// <summary>Likewise, as characters; the last one may be no more than begun.</summary>
    /// <param name="state">What is held back.</param>
    /// <param name="characters">Receives the characters; at least <see cref="MostCharacters"/> long.</param>
    /// <param name="count">Receives how many.</param>
    public JsonCharacter HeldCharacters(SpellingState state, Span<int> characters, out int count)
    {
        count = 0;
        JsonCharacter begun = default;
        foreach (byte held in HeldBytes(state))
        {
            if (begun.TakePlain(held, out JsonCharacter next, out int scalar) == CharacterStep.Whole)
                characters[count++] = scalar;
            begun = next;
        }
        return begun;
    }

    private sealed class JsonSpelling : TextSpelling
    {
        public override SpellingStep Take(SpellingState read, byte value, Span<int> characters, out int count, out SpellingState next)
        {
            CharacterStep step = read.Character.Take(value, out JsonCharacter character, out int scalar);
            (count, next) = (0, new(character));
            switch (step)
            {
                case CharacterStep.Whole:
                    characters[count++] = scalar;
                    return SpellingStep.More;
                case CharacterStep.More:
                    return SpellingStep.More;
                default:
                    return step == CharacterStep.Quote ? SpellingStep.End : SpellingStep.Bad;
            }
        }

        public override void AddEndBytes(Span<bool> bytes) => bytes[(byte)'"'] = true;

        public override ReadOnlySpan<byte> HeldBytes(SpellingState state) => default;
    }

    private sealed class MarkedSpelling(byte[] close, bool isLined, bool isName) : TextSpelling
    {
        private readonly byte[] _lined = [(byte)'\n', .. close];

        public override SpellingStep Take(SpellingState read, byte value, Span<int> characters, out int count, out SpellingState next)
        {
            (count, next) = (0, default);
            JsonCharacter begun = read.Character;
            if (begun.IsBetween && close.Length > 0)
            {
                // A name that is empty does not end.
                if (read.IsStart && (isName ? value == close[0] : value == '\n'))
                    return isName ? SpellingStep.Bad : SpellingStep.More;
                if (value == close[read.Held])
                {
                    next = read with { Held = read.Held + 1, IsStart = false };
                    return next.Held == close.Length ? SpellingStep.End : SpellingStep.More;
                }
                if ((isLined && value == '\r') || (isName && (read.IsHeld || !IsNameByte(value))))
                    return SpellingStep.Bad;
                // What looked like the end was text.
                begun = HeldCharacters(read, characters, out count);
                if (value == close[0] && begun.IsBetween)
                {
                    next = new(default, 1);
                    return SpellingStep.More;
                }
                if (isLined && value == '\n' && begun.IsBetween)
                {
                    next = new(default, HasLine: true);
                    return SpellingStep.More;
                }
            }
            CharacterStep step = begun.TakePlain(value, out JsonCharacter character, out int scalar);
            if (step == CharacterStep.Bad)
                return SpellingStep.Bad;
            if (step == CharacterStep.Whole)
                characters[count++] = scalar;
            next = new(character);
            return SpellingStep.More;
        }

        public override void AddEndBytes(Span<bool> bytes)
        {
            if (close.Length > 0)
                bytes[close[0]] = true;
            bytes['\n'] |= isLined;
        }

        public override ReadOnlySpan<byte> HeldBytes(SpellingState state) => state.HasLine ? _lined.AsSpan(0, 1 + state.Held) : _lined.AsSpan(1, state.Held);
    }
}
