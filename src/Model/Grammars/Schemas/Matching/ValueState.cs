using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>Before a value of which some needs are asked.</summary>
internal sealed class ValueState(Level level, Need[] needs, Blanks blanks = default) : JsonState(level.Limits, level.Depth, blanks)
{
    private int _rest = -1;

    /// <inheritdoc/>
    public override int Rest
    {
        get
        {
            if (_rest < 0)
            {
                _rest = Costs.Never;
                for (int i = 0; i < needs.Length; i++)
                    _rest = Math.Min(_rest, Costs.Add(needs[i].IsPossible(level.Height) ? needs[i].Cost : Costs.Never, level.Rest(i)));
            }
            return _rest;
        }
    }

    /// <inheritdoc/>
    protected override MatchState? Take(byte value) => value switch
    {
        (byte)'"' => StringFrame.Begin(level, needs),
        (byte)'{' => ObjectState.Begin(level, needs),
        (byte)'[' => ArrayState.Begin(level, needs),
        (byte)'n' => Word("null", JsonKind.Null, JsonValue.Null),
        (byte)'t' => Word("true", JsonKind.True, JsonValue.True),
        (byte)'f' => Word("false", JsonKind.False, JsonValue.False),
        (byte)'-' or (>= (byte)'0' and <= (byte)'9') => Number(value),
        _ => null,
    };

    /// <inheritdoc/>
    protected override JsonState With(Blanks after) => new ValueState(level, needs, after);

    private WordState? Word(string word, JsonKind kind, JsonValue value)
    {
        bool[] satisfied = [.. needs.Select(need => need.Of(kind, level.Height).Any())];
        return satisfied.Contains(true) ? new(level, word, 1, satisfied, value) : null;
    }

    private NumberState? Number(byte value)
    {
        List<(int, NumberSet)> sets = [];
        for (int i = 0; i < needs.Length; i++)
        {
            foreach (Shape shape in needs[i].Of(JsonKind.Number, level.Height))
                sets.Add((i, ((NumberShape)shape).Set));
        }
        return sets.Count == 0 ? null : NumberState.After(level, needs.Length, [.. sets], NumberText.Empty, value);
    }
}

/// <summary>Within <c>null</c>, <c>true</c> or <c>false</c>.</summary>
internal sealed class WordState(Level level, string word, int at, bool[] satisfied, JsonValue value) : MatchState
{
    /// <inheritdoc/>
    public override bool IsComplete => false;

    /// <inheritdoc/>
    public override int Rest => Costs.Add(level.Table.Tokens(word[at..]), Enumerable.Range(0, satisfied.Length).Where(i => satisfied[i]).Min(level.Rest));

    /// <inheritdoc/>
    protected override MatchState? Step(byte next)
    {
        if (next != word[at])
            return null;
        return at + 1 < word.Length ? new WordState(level, word, at + 1, satisfied, value) : level.Complete(satisfied, level.Keeps ? value : null);
    }
}

/// <summary>Within a number.</summary>
internal sealed class NumberState : MatchState
{
    private const int MostBytes = 10_000;

    private readonly Level _level;
    private readonly int _needs;
    private readonly (int Need, NumberSet Set)[] _sets;
    private readonly NumberText _text;
    private MatchState? _after;
    private bool _isAfterKnown;

    private NumberState(Level level, int needs, (int Need, NumberSet Set)[] sets, NumberText text) =>
        (_level, _needs, _sets, _text) = (level, needs, sets, text);

    /// <inheritdoc/>
    public override bool IsComplete => After()?.IsComplete == true;

    /// <inheritdoc/>
    public override int Rest
    {
        get
        {
            int rest = Costs.Never;
            foreach ((int need, NumberSet set) in _sets)
            {
                int bytes = _text.FewestBytes(set);
                if (bytes >= 0)
                    rest = Math.Min(rest, Costs.Add(bytes, _level.Rest(need)));
            }
            return rest;
        }
    }

    /// <summary>The state after one more byte; null where no number begins so.</summary>
    public static NumberState? After(Level level, int needs, (int Need, NumberSet Set)[] sets, NumberText text, byte value)
    {
        if (text.Next(value) is not NumberText next || next.Length > MostBytes)
            return null;
        (int, NumberSet)[] left = level.Limits.IsPlain ? Array.FindAll(sets, one => next.CanBecome(one.Set)) : sets;
        return left.Length > 0 ? new(level, needs, left, next) : null;
    }

    /// <inheritdoc/>
    protected override MatchState? Step(byte value) => After(_level, _needs, _sets, _text, value) ?? After()?.Next(value);

    // The state where the number ends; null where it cannot.
    private MatchState? After()
    {
        if (!_isAfterKnown)
        {
            _isAfterKnown = true;
            if (_text.IsNumber)
            {
                JsonNumber number = _text.Value;
                bool[] satisfied = new bool[_needs];
                foreach ((int need, NumberSet set) in _sets)
                    satisfied[need] |= set.Contains(number);
                if (satisfied.Contains(true))
                    _after = _level.Complete(satisfied, _level.Keeps ? JsonValue.Of(number) : null);
            }
        }
        return _after;
    }
}
