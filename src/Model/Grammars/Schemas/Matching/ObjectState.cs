using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>An object that is open: the properties so far, and the ways in which it can go on.</summary>
/// <param name="Level">What waits for it.</param>
/// <param name="Needs">How many needs are asked of it.</param>
/// <param name="Seen">Its properties.</param>
/// <param name="Ways">By the number of the need.</param>
internal sealed record OpenObject(Level Level, int Needs, SeenKeys Seen, List<(int Question, ObjectProgress Progress)> Ways)
{
    /// <summary>The most levels of a property's value.</summary>
    public int Height => Level.Height - 1;

    /// <summary>Tokens of the shortest rest.</summary>
    public int Rest => Ways.Min(RestOf);

    /// <summary>As <see cref="Rest"/>, where a property must follow anyway.</summary>
    public int RestWithProperty => Ways.Where(way => !way.Progress.CanEnd(Seen)).Select(RestOf).DefaultIfEmpty(Costs.Never).Min();

    private int RestOf((int Question, ObjectProgress Progress) way) => Costs.Add(way.Progress.RestBesideRivals(Seen), Level.Rest(way.Question));

    /// <summary>The state after its brace; null where it may not end.</summary>
    public MatchState? End()
    {
        bool[] satisfied = new bool[Needs];
        foreach ((int question, ObjectProgress progress) in Ways)
            satisfied[question] |= progress.CanEnd(Seen);
        return satisfied.Contains(true) ? Level.Complete(satisfied, Level.Keeps ? Seen.ToValue() : null) : null;
    }
}

/// <summary>Within an object, before a key or behind a value.</summary>
internal sealed class ObjectState : JsonState
{
    private enum Place
    {
        Begin,
        Comma,
        Value,
    }

    private readonly OpenObject _open;
    private readonly Place _at;
    private TextState? _key;
    private bool _isKeyKnown;

    private ObjectState(OpenObject open, Place at, Blanks blanks)
        : base(open.Level.Limits, open.Level.Depth + 1, blanks) => (_open, _at) = (open, at);

    /// <summary>How many arrays and objects are open around it.</summary>
    public int Depth => _open.Level.Depth;

    /// <summary>Whether a property must follow.</summary>
    public bool IsBehindComma => _at == Place.Comma;

    /// <inheritdoc/>
    public override int Rest => _at == Place.Comma ? Math.Min(Costs.Add(1, Key()!.Rest), _open.RestWithProperty - 1) : _open.Rest;

    /// <summary>The state behind the brace; null where no object satisfies any of the needs.</summary>
    public static ObjectState? Begin(Level level, Need[] needs)
    {
        List<(int, ObjectProgress)> ways = [];
        for (int i = 0; i < needs.Length; i++)
        {
            foreach (Shape shape in needs[i].Of(JsonKind.Object, level.Height))
                ways.Add((i, ObjectProgress.Begin((ObjectShape)shape)));
        }
        return ways.Count == 0 ? null : new(new(level, needs.Length, SeenKeys.None, ways), Place.Begin, default);
    }

    /// <summary>The state behind a property.</summary>
    public static ObjectState AfterValue(OpenObject open) => new(open, Place.Value, default);

    /// <inheritdoc/>
    protected override MatchState? Take(byte value) => value switch
    {
        (byte)'"' when _at != Place.Value => Key(),
        (byte)',' when _at == Place.Value && Key() is not null => new ObjectState(_open, Place.Comma, default) { _key = _key, _isKeyKnown = true },
        (byte)'}' when _at != Place.Comma => _open.End(),
        _ => null,
    };

    /// <inheritdoc/>
    protected override JsonState With(Blanks after) => new ObjectState(_open, _at, after) { _key = _key, _isKeyKnown = _isKeyKnown };

    private TextState? Key()
    {
        if (!_isKeyKnown)
            (_key, _isKeyKnown) = (KeyFrame.Begin(_open), true);
        return _key;
    }
}

/// <summary>Behind a key.</summary>
internal sealed class KeyState(OpenObject open, string? key, List<(int Question, ObjectProgress After, Need Need)> ways, Blanks blanks = default)
    : JsonState(open.Level.Limits, open.Level.Depth + 1, blanks)
{
    private ValueState? _value;

    /// <inheritdoc/>
    public override int Rest => Costs.Add(1, Value.Rest);

    private ValueState Value => _value ??= PropertyLevel.Ask(open, key, ways);

    /// <inheritdoc/>
    protected override MatchState? Take(byte value) => value == ':' ? Value : null;

    /// <inheritdoc/>
    protected override JsonState With(Blanks after) => new KeyState(open, key, ways, after) { _value = _value };

    private sealed class PropertyLevel : OpenLevel<ObjectProgress>
    {
        private readonly OpenObject _open;
        private readonly SeenKeys _seen;

        private PropertyLevel(OpenObject open, SeenKeys seen, (int, ObjectProgress, int)[] ways)
            : base(open.Level, open.Level.Keeps, ways) => (_open, _seen) = (open, seen);

        public static ValueState Ask(OpenObject open, string? key, List<(int, ObjectProgress, Need)> asked)
        {
            (Need[] values, (int, ObjectProgress, int)[] ways) = Ask(asked);
            return new(new PropertyLevel(open, open.Seen.With(key), ways), values);
        }

        protected override MatchState? After(List<(int Question, ObjectProgress Progress)> ways, JsonValue? value)
        {
            if (ways.Count == 0)
                return null;
            List<(int, ObjectProgress)> kept = [];
            foreach ((int question, ObjectProgress progress) in ways)
            {
                if (!kept.Exists(one => one.Item1 == question && one.Item2.Covers(progress)))
                    kept.Add((question, progress));
            }
            return ObjectState.AfterValue(_open with { Seen = value is null ? _seen : _seen.With(value), Ways = kept });
        }

        protected override int RestOf(ObjectProgress progress) => progress.RestBesideRivals(_seen);
    }
}
