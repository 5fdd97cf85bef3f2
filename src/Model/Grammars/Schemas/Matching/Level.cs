using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>
/// What waits for a value to end: it has asked some needs of the value, and goes on with those ways in which the need is satisfied.
/// </summary>
internal abstract class Level(NeedTable table, JsonLimits limits, int depth, bool keeps)
{
    public NeedTable Table => table;

    public JsonLimits Limits => limits;

    /// <summary>How many arrays and objects are open.</summary>
    public int Depth => depth;

    /// <summary>Whether values are kept to be compared with others.</summary>
    public bool Keeps => keeps;

    /// <summary>The most levels that a value may have.</summary>
    public int Height => limits.MostDepth - depth;

    /// <summary>Goes on after the value.</summary>
    /// <param name="satisfied">Which needs it satisfies; one at least.</param>
    /// <param name="value">The value, where it is kept.</param>
    public abstract MatchState? Complete(bool[] satisfied, JsonValue? value);

    /// <summary>Tokens after the value, where it satisfies a need.</summary>
    public abstract int Rest(int need);
}

/// <summary>Waits for the whole text's value.</summary>
internal sealed class RootLevel(NeedTable table, JsonLimits limits) : Level(table, limits, 0, keeps: false)
{
    private readonly EndState _end = new(limits);

    public override MatchState? Complete(bool[] satisfied, JsonValue? value) => _end;

    public override int Rest(int need) => 0;
}

/// <summary>After the whole text's value.</summary>
internal sealed class EndState(JsonLimits limits) : MatchState
{
    public override bool IsComplete => true;

    public override int Rest => 0;

    protected override MatchState? Step(byte value) => !limits.IsPlain && Blanks.IsBlank(value) ? this : null;
}

/// <summary>An array or object that waits for a value, in all the ways that are open.</summary>
internal abstract class OpenLevel<TProgress>(Level outer, bool keeps, (int Question, TProgress After, int Need)[] ways)
    : Level(outer.Table, outer.Limits, outer.Depth + 1, keeps)
{
    private readonly int[] _rests = [.. Enumerable.Repeat(-1, ways.Length)];

    protected Level Outer => outer;

    public override MatchState? Complete(bool[] satisfied, JsonValue? value) =>
        After([.. ways.Where(way => satisfied[way.Need]).Select(static way => (way.Question, way.After))], value);

    public override int Rest(int need)
    {
        int best = Costs.Never;
        for (int i = 0; i < ways.Length; i++)
        {
            if (ways[i].Need != need)
                continue;
            if (_rests[i] < 0)
                _rests[i] = Costs.Add(RestOf(ways[i].After), outer.Rest(ways[i].Question));
            best = Math.Min(best, _rests[i]);
        }
        return best;
    }

    protected abstract MatchState? After(List<(int Question, TProgress Progress)> ways, JsonValue? value);

    protected abstract int RestOf(TProgress progress);

    /// <summary>Numbers the needs that some ways ask, each once.</summary>
    protected static (Need[] Needs, (int Question, TProgress After, int Need)[] Ways) Ask(List<(int Question, TProgress After, Need Need)> ways)
    {
        Dictionary<Need, int> numbers = [];
        foreach ((_, _, Need need) in ways)
            numbers.TryAdd(need, numbers.Count);
        return ([.. numbers.Keys], [.. ways.Select(way => (way.Question, way.After, numbers[way.Need]))]);
    }
}
