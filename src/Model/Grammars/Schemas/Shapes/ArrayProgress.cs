using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>The elements that an array has so far. Immutable.</summary>
/// <param name="Count">How many there are.</param>
/// <param name="Values">They, where they are kept; the last first.</param>
internal sealed record SeenItems(int Count, SeenItems.Link? Values)
{
    private JsonValue[]? _all;

    public static SeenItems None { get; } = new(0, null);

    /// <summary>The values, in order.</summary>
    public JsonValue[] All
    {
        get
        {
            if (_all is null)
            {
                List<JsonValue> values = [];
                for (Link? link = Values; link is not null; link = link.Before)
                    values.Add(link.Value);
                values.Reverse();
                _all = [.. values];
            }
            return _all;
        }
    }

    /// <summary>Whether a value is not known.</summary>
    public bool HasUnknown { get; private init; }

    public SeenItems With(JsonValue? value) =>
        value is null ? new(Count + 1, Values) : new(Count + 1, new(value, Values)) { HasUnknown = HasUnknown || value.HasUnknown() };

    internal sealed record Link(JsonValue Value, Link? Before);
}

/// <summary>An array of a shape, as far as it is written. Immutable.</summary>
internal sealed class ArrayProgress
{
    private readonly int[] _counted;
    private readonly IReadOnlyList<JsonValue> _rivals;

    private ArrayProgress(ArrayShape shape, int[] counted, IReadOnlyList<JsonValue> rivals) => (Shape, _counted, _rivals) = (shape, counted, rivals);

    public ArrayShape Shape { get; }

    public static ArrayProgress Begin(ArrayShape shape) => new(shape, new int[shape.Asked.Counts.Length], shape.Rivals);

    /// <summary>Whether the same completes another.</summary>
    public bool IsSame(ArrayProgress other) =>
        ReferenceEquals(Shape, other.Shape) && _counted.AsSpan().SequenceEqual(other._counted) && _rivals.SequenceEqual(other._rivals);

    /// <summary>Whether the array may end.</summary>
    public bool CanEnd(int length) => Shape.CanEnd(length, _counted) && !_rivals.Any(rival => rival.Items.Length == length);

    /// <summary>The ways in which an element can be added: what is asked of it, and what is left after it.</summary>
    public IEnumerable<(ArrayProgress After, Need Value)> Add(SeenItems seen, int height)
    {
        int index = seen.Count;
        if (index >= Shape.Asked.Most)
            yield break;
        JsonValue[] rivals = [.. _rivals.Where(rival => rival.Items.Length > index)];
        JsonValue[] values = [.. rivals.Select(rival => rival.Items[index]).Distinct()];
        foreach ((Need way, int[] counted) in Shape.Ways(index, _counted))
        {
            // One that is not known may be any of those that are left.
            if (Shape.Asked.IsUnique && seen.HasUnknown && way.Count() <= index)
                continue;
            Need need = Shape.Asked.IsUnique ? way.Without(seen.All) : way;
            for (int i = -1; i < values.Length; i++)
            {
                Need value = i < 0 ? need.Without(values) : need.Contains(values[i]) ? Shape.Exactly(values[i]) : Shape.Nothing;
                ArrayProgress next = new(Shape, counted, i < 0 ? [] : [.. rivals.Where(rival => values[i].Equals(rival.Items[index]))]);
                if (value.IsPossible(height) && next.IsPossible(seen, index + 1))
                    yield return (next, value);
            }
        }
    }

    /// <summary>Tokens of the shortest rest of the array that is no rival.</summary>
    public int RestBesideRivals(SeenItems seen)
    {
        if (_rivals.Count == 0 || CanEnd(seen.Count))
            return Rest(seen, seen.Count);
        int best = Costs.Never;
        foreach ((ArrayProgress after, Need value) in Add(seen, Costs.Never))
            best = Math.Min(best, Costs.Add(value.Cost, 1, after.RestBesideRivals(seen.With(null))));
        return best;
    }

    /// <summary>Tokens of the shortest rest of the array; rivals apart.</summary>
    public int Rest(SeenItems seen, int length) => Shape.Rest(length, _counted, Shape.Asked.IsUnique ? seen.All : []).Cost;

    private bool IsPossible(SeenItems seen, int length)
    {
        if (_counted.Length == 0 && _rivals.Count == 0 && length >= Shape.Asked.Least)
            return true;
        if (Rest(seen, length) >= Costs.Never)
            return false;
        if (_rivals.Count == 0 || CanEnd(length))
            return true;
        int longest = _rivals.Max(static rival => rival.Items.Length);
        return (!(Shape.Asked.Most <= longest) && Shape.Asked.Rest.IsPossible(Costs.Never) && Shape.Asked.Counts.Length == 0)
            || Shape.Count(length) > _rivals.Count;
    }
}
