using System.Text;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Texts;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Matching;

/// <summary>A place within a JSON string.</summary>
internal sealed class TextState : MatchState, ITextPlace
{
    // Of many names those that are asked what they cost.
    private const int MostTried = 64;

    // What the longest part of a character needs, and the quote.
    private const int PartTokens = 13;

    private readonly TextFrame _frame;
    private readonly JsonCharacter _character;

    // The named strings that begin as the text does, and how far.
    private readonly int _first, _end, _depth;
    private int _rest = -1;
    private int? _rests;

    public TextState(TextFrame frame, TextLocal local) => (_frame, Local, _character) = (frame, local, local.Character);

    private TextState(TextFrame frame, TextLocal? local, JsonCharacter character, int first, int end, int depth) =>
        (_frame, Local, _character, _first, _end, _depth) = (frame, local, character, first, end, depth);

    /// <summary>The place in the languages of strings that are not named; null where they have stopped.</summary>
    public TextLocal? Local { get; }

    /// <summary>Whether the text can still become a named string.</summary>
    public bool HasNamed => _end > _first;

    /// <summary>The string that it stands in.</summary>
    public TextFrame Frame => _frame;

    /// <inheritdoc/>
    public override bool IsComplete => false;

    /// <inheritdoc/>
    public override int Rest => _rest >= 0 ? _rest : _rest = FindRest();

    /// <summary>The state before the first character; null where no string is allowed.</summary>
    public static TextState? Begin(TextFrame frame)
    {
        TextLocal? local = frame.Start?.Within(default);
        if (frame.Named.Length == 0)
            return local is null ? null : frame.Plain(local);
        TextState state = new(frame, local, default, 0, frame.Named.Length, 0);
        return state.CanEnd() ? state : null;
    }

    /// <inheritdoc/>
    public override MatchState? Next(byte value, TextRecorder recorder)
    {
        switch (_character.Take(value, out _, out int scalar))
        {
            case CharacterStep.Whole:
                recorder.Append(scalar);
                break;
            case CharacterStep.Quote when _frame.NeedsText && !IsNamedWhole:
                return EndsLocal(value) ? _frame.AfterPlain(Local!.Position.Ends, recorder.Text) : null;
        }
        return Next(value);
    }

    /// <inheritdoc/>
    public override ITextPlace? AsText => Local is null ? null : this;

    /// <inheritdoc/>
    public TextState State => this;

    /// <inheritdoc/>
    public TextSpelling Spelling => TextSpelling.Json;

    /// <inheritdoc/>
    public SpellingState Spelt => new(_character);

    /// <inheritdoc/>
    public int MostRest => Costs.Add(_rests ??= Local!.Position.Alive.Max(_frame.RestAfter), Local!.Position.MostShortest + PartTokens);

    /// <inheritdoc/>
    public MatchState? Within(TextPosition position, SpellingState state) => _frame.Plain(position.Within(state.Character));

    /// <inheritdoc/>
    public MatchState? Behind(ulong ends) => _frame.AfterPlain(ends, null);

    /// <summary>The bytes that may lead on toward a named string, or out of the string.</summary>
    public void AddNamedBytes(Span<bool> bytes)
    {
        if (!_character.IsBetween)
        {
            bytes.Fill(true);
            return;
        }
        bytes[(byte)'"'] = bytes[(byte)'\\'] = true;
        Span<byte> utf8 = stackalloc byte[4];
        for (int i = _first; i < _end;)
        {
            string name = _frame.Named[i];
            if (name.Length == _depth)
            {
                i++;
                continue;
            }
            Rune.DecodeFromUtf16(name.AsSpan(_depth), out Rune rune, out _);
            rune.EncodeToUtf8(utf8);
            bytes[utf8[0]] = true;
            (_, i) = Narrow(name[_depth], i, _end, _depth);
        }
    }

    /// <inheritdoc/>
    protected override MatchState? Step(byte value)
    {
        if (!HasNamed)
            return StepPlain(value);
        switch (_character.Take(value, out JsonCharacter next, out int scalar))
        {
            case CharacterStep.Quote:
                if (IsNamedWhole)
                    return _frame.AfterNamed(_first);
                return EndsLocal(value) ? _frame.AfterPlain(Local!.Position.Ends, null) : null;
            case CharacterStep.Whole:
                return To(Local?.Next(value, out _), default, scalar);
            case CharacterStep.More:
                TextState state = new(_frame, Local?.Next(value, out _), next, _first, _end, _depth);
                return state.CanEnd() ? state : null;
            default:
                return null;
        }
    }

    private bool IsNamedWhole => HasNamed && _frame.Named[_first].Length == _depth;

    private bool EndsLocal(byte value)
    {
        bool ends = false;
        Local?.Next(value, out ends);
        return ends;
    }

    private MatchState? StepPlain(byte value)
    {
        TextLocal? next = Local!.Next(value, out bool ends);
        if (next is not null)
            return ReferenceEquals(next, Local) ? this : _frame.Plain(next);
        return ends ? _frame.AfterPlain(Local.Position.Ends, null) : null;
    }

    private TextState? To(TextLocal? local, JsonCharacter character, int scalar)
    {
        (int first, int end, int depth) = (_first, _end, _depth);
        Span<char> units = stackalloc char[2];
        foreach (char unit in units[..new Rune(scalar).EncodeToUtf16(units)])
            (first, end) = Narrow(unit, first, end, depth++);
        if (end <= first)
            return local is null ? null : _frame.Plain(local);
        TextState state = new(_frame, local, character, first, end, depth);
        return state.CanEnd() ? state : null;
    }

    // The named strings of a range that go on with a character.
    private (int First, int End) Narrow(char unit, int first, int end, int depth)
    {
        return (Bound(unit), Bound(unit + 1));

        int Bound(int least)
        {
            int low = first, high = end;
            while (low < high)
            {
                int middle = (low + high) / 2;
                string name = _frame.Named[middle];
                if (depth < name.Length && name[depth] >= least)
                    high = middle;
                else
                    low = middle + 1;
            }
            return low;
        }
    }

    // Whether a string that begins so is allowed: a named one, or one of the languages' that is not named.
    private bool CanEnd()
    {
        Span<(int First, int Last)> ranges = stackalloc (int, int)[3];
        ranges = ranges[.._character.Ranges(ranges)];
        bool isBetween = _character.IsBetween;
        if (Local is not null && (isBetween || Local.Position.IsFree) && Local.Position.Completions > _end - _first)
            return true;
        int taken = 0;
        for (int i = _first; i < _end; i++)
        {
            if (!isBetween && !CanContinue(_frame.Named[i], ranges))
                continue;
            if (_frame.AfterNamed(i) is not null)
                return true;
            if (Local is not null && _frame.IsInLanguages(i))
                taken++;
        }
        return Local is not null && (isBetween ? Local.Position.Completions > taken : CompletionsWithin(ranges) > taken);
    }

    private bool CanContinue(string name, ReadOnlySpan<(int First, int Last)> ranges)
    {
        if (name.Length == _depth)
            return false;
        Rune.DecodeFromUtf16(name.AsSpan(_depth), out Rune rune, out _);
        foreach ((int first, int last) in ranges)
        {
            if (rune.Value >= first && rune.Value <= last)
                return true;
        }
        return false;
    }

    private long CompletionsWithin(ReadOnlySpan<(int First, int Last)> ranges)
    {
        long total = 0;
        foreach ((int first, int last) in ranges)
        {
            for (int scalar = first; scalar <= last && total <= _end - _first; scalar++)
                total += Local!.Position.Next(scalar)?.Completions ?? 0;
        }
        return total;
    }

    // Bytes and characters to the shortest end of a string of a language.
    private int Shortest(TextPosition position, int language)
    {
        // A named string goes its own way.
        if (_character.IsBetween)
            return Math.Max(position.Shortest(language), IsNamedWhole ? 1 : 0);
        int shortest = Costs.Never;
        Span<(int First, int Last)> ranges = stackalloc (int, int)[3];
        foreach ((int first, int last) in ranges[.._character.Ranges(ranges)])
            shortest = Math.Min(shortest, Costs.Add(position.ShortestAfter(first, last, language), _character.BytesTo(first)));
        foreach (char escaped in _character.IsEscape ? "\"\\/\b\f\n\r\t" : "")
            shortest = Math.Min(shortest, Costs.Add(position.ShortestAfter(escaped, escaped, language), 1));
        return shortest;
    }

    private int FindRest()
    {
        int rest = Costs.Never;
        foreach (int language in Local?.Position.Alive ?? [])
            rest = Math.Min(rest, Costs.Add(Shortest(Local!.Position, language), 1, _frame.RestAfter(language)));
        Span<(int First, int Last)> ranges = stackalloc (int, int)[3];
        ranges = ranges[.._character.Ranges(ranges)];
        int tried = 0;
        for (int i = _first; i < _end && tried < MostTried; i++)
        {
            if (_frame.AfterNamed(i) is not MatchState after)
                continue;
            tried++;
            string left = _frame.Named[i][_depth..];
            int bytes = 0;
            if (!_character.IsBetween)
            {
                // The character that is begun, then the others.
                if (!CanContinue(_frame.Named[i], ranges))
                    continue;
                Rune.DecodeFromUtf16(left, out Rune rune, out int length);
                (bytes, left) = (_character.BytesTo(rune.Value), left[length..]);
            }
            rest = Math.Min(rest, Costs.Add(bytes, _frame.Tokens(JsonValue.Spell(left)[1..] + _frame.Behind), after.Rest - _frame.Behind.Length));
        }
        return rest;
    }
}
