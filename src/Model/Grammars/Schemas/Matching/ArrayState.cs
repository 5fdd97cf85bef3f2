using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>Within an array, behind its bracket or behind an element.</summary>
internal sealed class ArrayState : JsonState
{
    private readonly Level _level;
    private readonly SeenItems _seen;
    private readonly List<(int Question, ArrayProgress Progress)> _ways;
    private readonly int _needs;
    private ValueState? _element;
    private bool _isElementKnown;

    private ArrayState(Level level, int needs, SeenItems seen, List<(int, ArrayProgress)> ways, Blanks blanks)
        : base(level.Limits, level.Depth + 1, blanks) => (_level, _needs, _seen, _ways) = (level, needs, seen, ways);

    /// <inheritdoc/>
    public override int Rest => _ways.Min(way => Costs.Add(way.Progress.RestBesideRivals(_seen), _level.Rest(way.Question)));

    /// <summary>The state behind the bracket; null where no array satisfies any of the needs.</summary>
    public static ArrayState? Begin(Level level, Need[] needs)
    {
        List<(int, ArrayProgress)> ways = [];
        for (int i = 0; i < needs.Length; i++)
        {
            foreach (Shape shape in needs[i].Of(JsonKind.Array, level.Height))
                ways.Add((i, ArrayProgress.Begin((ArrayShape)shape)));
        }
        return ways.Count == 0 ? null : new(level, needs.Length, SeenItems.None, ways, default);
    }

    /// <inheritdoc/>
    protected override MatchState? Take(byte value)
    {
        if (value == ']')
            return End();
        if (_seen.Count == 0)
            return Element()?.Next(value);
        return value == ',' ? Element() : null;
    }

    /// <inheritdoc/>
    protected override JsonState With(Blanks after) => new ArrayState(_level, _needs, _seen, _ways, after);

    private MatchState? End()
    {
        bool[] satisfied = new bool[_needs];
        foreach ((int question, ArrayProgress progress) in _ways)
            satisfied[question] |= progress.CanEnd(_seen.Count);
        return satisfied.Contains(true) ? _level.Complete(satisfied, _level.Keeps ? JsonValue.Of(_seen.All) : null) : null;
    }

    private ValueState? Element()
    {
        if (!_isElementKnown)
            (_element, _isElementKnown) = (FindElement(), true);
        return _element;
    }

    private ValueState? FindElement()
    {
        List<(int, ArrayProgress, Need)> asked = [];
        foreach ((int question, ArrayProgress progress) in _ways)
        {
            foreach ((ArrayProgress after, Need need) in progress.Add(_seen, _level.Height - 1))
                asked.Add((question, after, need));
        }
        return asked.Count == 0 ? null : ElementLevel.Ask(_level, _needs, _seen, asked);
    }

    private sealed class ElementLevel : OpenLevel<ArrayProgress>
    {
        private readonly SeenItems _seen;
        private readonly int _needs;
        private readonly bool _isUnique;

        private ElementLevel(Level outer, int needs, SeenItems seen, bool isUnique, (int, ArrayProgress, int)[] ways)
            : base(outer, outer.Keeps || isUnique, ways) => (_needs, _seen, _isUnique) = (needs, seen, isUnique);

        public static ValueState Ask(Level outer, int needs, SeenItems seen, List<(int, ArrayProgress After, Need)> asked)
        {
            (Need[] elements, (int, ArrayProgress, int)[] ways) = Ask(asked);
            return new(new ElementLevel(outer, needs, seen, asked.Exists(static one => one.After.Shape.Asked.IsUnique), ways), elements);
        }

        protected override MatchState? After(List<(int Question, ArrayProgress Progress)> ways, JsonValue? value)
        {
            // Beside one that is not known nothing of its kind is known to be another.
            if (ways.Count == 0 || (_isUnique && _seen.HasUnknown && value?.Kind is JsonKind.String or JsonKind.Array or JsonKind.Object))
                return null;
            List<(int, ArrayProgress)> kept = [];
            foreach ((int question, ArrayProgress progress) in ways)
            {
                if (!kept.Exists(one => one.Item1 == question && one.Item2.IsSame(progress)))
                    kept.Add((question, progress));
            }
            return new ArrayState(Outer, _needs, Keeps ? _seen.With(value) : _seen.With(null), kept, default);
        }

        protected override int RestOf(ArrayProgress progress) => progress.RestBesideRivals(_seen.With(null));
    }
}
