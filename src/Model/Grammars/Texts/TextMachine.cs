using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Texts;

/// <summary>Runs several languages over one text. Positions are made when they are first reached, and shared.</summary>
internal sealed class TextMachine
{
    /// <summary>The most languages that can be run together.</summary>
    public const int MostLanguages = 64;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, TextPosition> _positions = [];
    private readonly int _counted;

    public TextMachine(IReadOnlyList<TextLanguage> languages)
    {
        Languages = languages;
        Classes = languages.Aggregate(CharClasses.One, static (classes, language) => CharClasses.Of(classes, language.Dfa.Classes));
        _counted = languages.Max(static language => language.CountedLength);
        MostShortest = languages.Max(static language => language.MostShortest);
        Start = Of([.. languages.Select(static language => language.IsEmpty ? -1 : 0)], 0);
    }

    /// <summary>Runs over all texts.</summary>
    public static TextMachine Free { get; } = new([TextLanguage.Everything]);

    public IReadOnlyList<TextLanguage> Languages { get; }

    /// <summary>The classes of characters that no language tells apart.</summary>
    public CharClasses Classes { get; }

    /// <summary>Characters of the longest of all shortest completions.</summary>
    public int MostShortest { get; }

    /// <summary>Before the first character; null where no language has a text.</summary>
    public TextPosition? Start { get; }

    /// <summary>What follows a position with a class of characters; null where no language goes on.</summary>
    public TextPosition? Next(TextPosition position, int kind)
    {
        int sample = Classes.Samples[kind], count = Math.Min(position.Count + 1, _counted);
        if (sample < 0)
            return null;
        int[] states = new int[Languages.Count];
        for (int i = 0; i < states.Length; i++)
        {
            int state = position.States[i] < 0 ? -1 : Languages[i].Dfa.Next(position.States[i], sample);
            states[i] = state >= 0 && Languages[i].CanEnd(state, count) ? state : -1;
        }
        return Of(states, count);
    }

    private TextPosition? Of(int[] states, int count)
    {
        if (Array.TrueForAll(states, static state => state < 0))
            return null;
        string key = string.Join(',', states) + ":" + count;
        lock (_lock)
        {
            if (!_positions.TryGetValue(key, out TextPosition? position))
                _positions[key] = position = new(this, states, count);
            return position;
        }
    }
}

/// <summary>A place in a text that at least one language can complete.</summary>
internal sealed class TextPosition
{
    private readonly TextMachine _machine;
    private readonly TextPosition?[] _next;
    private readonly bool[] _known;
    private readonly Lock _lock = new();
    private readonly Dictionary<JsonCharacter, TextLocal> _locals = [];
    private readonly Dictionary<(int Kind, int Left), JsonCharacter> _parts = [];

    public TextPosition(TextMachine machine, int[] states, int count)
    {
        (_machine, States, Count) = (machine, states, count);
        (_next, _known) = (new TextPosition?[machine.Classes.Count], new bool[machine.Classes.Count]);
        for (int i = 0; i < states.Length; i++)
        {
            if (states[i] >= 0 && machine.Languages[i].Ends(states[i], count))
                Ends |= 1UL << i;
        }
    }

    /// <summary>The state of each language; -1 where it has stopped.</summary>
    public int[] States { get; }

    /// <summary>Characters so far, as far as they matter.</summary>
    public int Count { get; }

    /// <summary>The languages in which the text may end here, a bit for each.</summary>
    public ulong Ends { get; }

    /// <summary>The languages that go on.</summary>
    public IEnumerable<int> Alive => Enumerable.Range(0, States.Length).Where(language => States[language] >= 0);

    /// <summary>Characters of the shortest completion in a language.</summary>
    public int Shortest(int language) => _machine.Languages[language].Shortest(States[language], Count);

    /// <summary>A bound from below of how many completions there are.</summary>
    public long Completions
    {
        get => field >= 0 ? field : field = Alive.Max(language => _machine.Languages[language].Completions(States[language], Count));
    } = -1;

    /// <summary>Characters of the longest of all shortest completions, wherever the text stands.</summary>
    public int MostShortest => _machine.MostShortest;

    /// <summary>Whether nothing is said of the text that follows.</summary>
    public bool IsFree => ReferenceEquals(_machine, TextMachine.Free);

    /// <summary>The classes of characters that no language tells apart.</summary>
    public CharClasses Classes => _machine.Classes;

    /// <summary>The position after a character; null where no language has it.</summary>
    public TextPosition? Next(int scalar) => NextOfClass(_machine.Classes.Of(scalar));

    /// <summary>Whether a character of a range can follow.</summary>
    public bool HasNext(int first, int last)
    {
        foreach (int kind in _machine.Classes.Between(first, last))
        {
            if (NextOfClass(kind) is not null)
                return true;
        }
        return false;
    }

    /// <summary>Whether a character that has begun can become one that may follow.</summary>
    public bool CanBecome(JsonCharacter character)
    {
        Span<(int First, int Last)> ranges = stackalloc (int, int)[3];
        foreach ((int first, int last) in ranges[..character.Ranges(ranges)])
        {
            if (HasNext(first, last))
                return true;
        }
        return false;
    }

    /// <summary>Characters of the shortest completion in a language that begins with a character of a range, that one not counted.</summary>
    public int ShortestAfter(int first, int last, int language)
    {
        int shortest = int.MaxValue;
        foreach (int kind in _machine.Classes.Between(first, last).Distinct())
        {
            if (NextOfClass(kind) is TextPosition next && next.States[language] >= 0)
                shortest = Math.Min(shortest, next.Shortest(language));
        }
        return shortest;
    }

    /// <summary>The place within a character of a JSON string.</summary>
    public TextLocal Within(JsonCharacter character)
    {
        lock (_lock)
        {
            // What can only become characters of one class is all the same.
            if (character.IsWholeRange(out int first, out int last) && _machine.Classes.OnlyOne(first, last) is int kind)
            {
                if (_parts.TryGetValue((kind, character.BytesTo(first)), out JsonCharacter same))
                    character = same;
                else
                    _parts[(kind, character.BytesTo(first))] = character;
            }
            if (!_locals.TryGetValue(character, out TextLocal? local))
                _locals[character] = local = new(this, character);
            return local;
        }
    }

    /// <summary>The position after a character of a class; null where no language has it.</summary>
    public TextPosition? NextOfClass(int kind)
    {
        if (!Volatile.Read(ref _known[kind]))
        {
            _next[kind] = _machine.Next(this, kind);
            Volatile.Write(ref _known[kind], true);
        }
        return _next[kind];
    }
}

/// <summary>A place within the characters of a JSON string, byte by byte.</summary>
internal sealed class TextLocal
{
    // What a byte leads to where it leads out of the string, or nowhere.
    private static readonly TextLocal s_exit = new(), s_none = new();

    private readonly TextLocal?[] _next = new TextLocal?[256];

    public TextLocal(TextPosition position, JsonCharacter character) => (Position, Character) = (position, character);

    private TextLocal() => (Position, Character) = (null!, default);

    public TextPosition Position { get; }

    public JsonCharacter Character { get; }

    /// <summary>Takes a byte.</summary>
    /// <param name="value">The byte.</param>
    /// <param name="ends">Receives whether it ended the string.</param>
    /// <returns>The next place; null where the string has ended or the byte cannot stand here.</returns>
    public TextLocal? Next(byte value, out bool ends)
    {
        TextLocal next = _next[value] ??= Find(value);
        ends = ReferenceEquals(next, s_exit);
        return ends || ReferenceEquals(next, s_none) ? null : next;
    }

    private TextLocal Find(byte value)
    {
        switch (Character.Take(value, out JsonCharacter next, out int scalar))
        {
            case CharacterStep.Quote:
                return Position.Ends != 0 ? s_exit : s_none;
            case CharacterStep.Whole:
                return Position.Next(scalar)?.Within(default) ?? s_none;
            case CharacterStep.More:
                return Position.CanBecome(next) ? Position.Within(next) : s_none;
            default:
                return s_none;
        }
    }
}
