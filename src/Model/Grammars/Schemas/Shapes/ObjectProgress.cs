using System.Numerics;
using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>An object of a shape, as far as it is written: what it still needs. Immutable.</summary>
internal sealed class ObjectProgress
{
    // Tokens of the shortest key that nothing is said of, with all that belongs to it.
    private const int OtherKeyTokens = 5;

    // Of properties that may make the difference to a rival.
    private const int MostTried = 100;

    // Of names, where objects are counted and listed.
    private const int MostNamed = 64;

    private readonly ulong[] _left;
    private readonly int _leftCount;
    private readonly int _demands;
    private readonly IReadOnlyList<JsonValue> _rivals;

    // Tokens of what is left, once the needs are solved; -1 until it is asked for.
    private int _leftCost = -1;

    private ObjectProgress(ObjectShape shape, ulong[] left, int leftCount, int demands, IReadOnlyList<JsonValue> rivals) =>
        (Shape, _left, _leftCount, _demands, _rivals) = (shape, left, leftCount, demands, rivals);

    public ObjectShape Shape { get; }

    /// <summary>An object without properties.</summary>
    public static ObjectProgress Begin(ObjectShape shape)
    {
        ulong[] left = new ulong[(shape.Names.Length + 63) / 64];
        foreach (int index in shape.RequiredIndexes)
        {
            if (index >= 0)
                left[index >> 6] |= 1UL << (index & 63);
        }
        return new(shape, left, shape.RequiredIndexes.Length, (1 << shape.Demands.Count) - 1, shape.Rivals);
    }

    /// <summary>Whether the object may end.</summary>
    public bool CanEnd(SeenKeys seen) => _leftCount == 0 && _demands == 0 && seen.Count >= Shape.Least && !(seen.Count > Shape.Most)
        && !_rivals.Any(rival => rival.Names.Length == seen.Count);

    /// <summary>Whether whatever completes another completes this, too.</summary>
    public bool Covers(ObjectProgress other) => ReferenceEquals(Shape, other.Shape) && _left.AsSpan().SequenceEqual(other._left)
        && (_demands & ~other._demands) == 0 && _rivals.SequenceEqual(other._rivals);

    /// <summary>
    /// The ways in which a property can be added: what is asked of its value, and what is left after it.
    /// </summary>
    /// <param name="seen">The properties before.</param>
    /// <param name="key">The key; null for one that is not known, of which nothing is said by name.</param>
    /// <param name="kind">The class of a key of which nothing is said by name.</param>
    /// <param name="height">The most levels that the value may have.</param>
    public IEnumerable<(ObjectProgress After, Need Value)> Add(SeenKeys seen, string? key, int kind, int height)
    {
        int index = key is null ? -1 : Shape.IndexOf(key);
        if (seen.Count >= Shape.Most || (index < 0 && kind < 0))
            yield break;
        Need need = index >= 0 ? Shape.At(index) : Shape.Others.Needs[kind];
        if (!need.IsPossible(height))
            yield break;
        (ulong[] left, int leftCount) = (_left, _leftCount);
        if (index >= 0 && Has(left, index))
        {
            left = [.. left];
            left[index >> 6] &= ~(1UL << (index & 63));
            leftCount--;
        }
        int leftCost = _leftCost < 0 || leftCount == _leftCount ? _leftCost : _leftCost - need.Cost - Shape.KeyTokens(index);
        if (Shape.IsSimple)
        {
            yield return (new(Shape, left, leftCount, 0, []) { _leftCost = leftCost }, need);
            yield break;
        }
        SeenKeys after = seen.With(key);
        int fulfils = (index >= 0 ? Shape.DemandsOf(key!) : Shape.Others.Demands[kind]).Aggregate(0, static (bits, i) => bits | 1 << i) & _demands;
        JsonValue[] rivals = [.. _rivals.Where(rival => key is not null && rival.Find(key) is not null)];
        for (int way = fulfils; ; way = (way - 1) & fulfils)
        {
            Need wanted = need;
            for (int i = 0; i < Shape.Demands.Count; i++)
                wanted = (way >> i & 1) == 1 ? Shape.Fulfilling(wanted, Shape.Demands[i]) : wanted;
            // Beside rivals the value is another than theirs, or one of theirs.
            JsonValue[] values = [.. rivals.Select(rival => rival.Find(key!)!).Distinct()];
            for (int i = -1; i < values.Length; i++)
            {
                Need value = i < 0 ? wanted.Without(values) : Shape.Exactly(wanted, values[i]);
                JsonValue[] like = i < 0 ? [] : [.. rivals.Where(rival => values[i].Equals(rival.Find(key!)))];
                ObjectProgress next = new(Shape, left, leftCount, _demands & ~way, like) { _leftCost = leftCost };
                if (value.IsPossible(height) && next.Rest(after).Cost < Costs.Never && Shape.Assumes(next.CanDiffer(after)))
                    yield return (next, value);
            }
            if (way == 0)
                break;
        }
    }

    /// <summary>Tokens of the shortest rest of the object that is no rival.</summary>
    public int RestBesideRivals(SeenKeys seen)
    {
        int tries = MostTried + Shape.Names.Length;
        return RestBesideRivals(seen, 0, ref tries);
    }

    /// <summary>Tokens of the shortest rest of the object, and its levels; rivals apart.</summary>
    public (int Cost, int Height) Rest(SeenKeys seen)
    {
        (int, int) never = (Costs.Never, Costs.Never);
        (int cost, int height) = Left();
        if (cost >= Costs.Never)
            return never;
        cost = Costs.Add(cost, 1);
        int keys = seen.Count + _leftCount, more = 0;
        if (_demands != 0)
        {
            (more, int moreCost, int moreHeight) = Fulfil(seen, _demands, []);
            (keys, cost, height) = (keys + more, Costs.Add(cost, moreCost), Math.Max(height, moreHeight));
        }
        if (cost >= Costs.Never || keys > Shape.Most || Shape.Least > Shape.Most)
            return never;
        if (keys < Shape.Least)
        {
            (int moreCost, int moreHeight) = Fill(seen, Shape.Least - keys, more);
            (cost, height) = (Costs.Add(cost, moreCost), Math.Max(height, moreHeight));
        }
        return cost < Costs.Never ? (cost, height) : never;
    }

    /// <summary>A bound from below of how many rests there are.</summary>
    public long Count(SeenKeys seen)
    {
        if (Rest(seen).Cost >= Costs.Never)
            return 0;
        bool canGrow = Shape.Demands.Count == 0 && !(seen.Count + _leftCount >= Shape.Most);
        for (int kind = 0; canGrow && kind < Shape.Others.Needs.Length; kind++)
        {
            if (Shape.Others.Needs[kind].IsPossible(Costs.Never) && Shape.Others.Of(kind).Completions(0, 0) >= TextDfa.Many)
                return TextDfa.Many;
        }
        int least = Math.Max(0, Shape.Least - seen.Count - _leftCount), most = Shape.Most - seen.Count - _leftCount ?? least;
        if (Shape.Demands.Count > 0 || least > MostNamed)
        {
            // One property alone, the others as they are.
            long alone = 1;
            for (int index = 0; index < Shape.Names.Length; index++)
            {
                if (!seen.Contains(Shape.Names[index]) && (canGrow || Has(_left, index)) && Shape.At(index).IsPossible(Costs.Never))
                    alone = Math.Max(alone, Shape.At(index).Count());
            }
            return alone;
        }
        // By the number of properties that need not be there; without a bound above the last stands for all that are enough.
        long[] ways = new long[Math.Min(most, MostNamed) + 1];
        ways[0] = 1;
        for (int index = 0; index < Shape.Names.Length; index++)
        {
            if (seen.Contains(Shape.Names[index]) || !Shape.At(index).IsPossible(Costs.Never))
                continue;
            long one = Shape.At(index).Count();
            if (Has(_left, index))
            {
                for (int i = 0; i < ways.Length; i++)
                    ways[i] = Times(ways[i], one);
                continue;
            }
            if (Shape.Most is null)
                ways[^1] = Math.Min(TextDfa.Many, ways[^1] + Times(ways[^1], one));
            for (int i = ways.Length - 1; i > 0; i--)
                ways[i] = Math.Min(TextDfa.Many, ways[i] + Times(ways[i - 1], one));
        }
        return Math.Min(TextDfa.Many, ways[least..].Sum());

        static long Times(long ways, long one) => one > 0 && ways > TextDfa.Many / one ? TextDfa.Many : ways * one;
    }

    /// <summary>All rests beside those of rivals, where they are few and plain, as objects of their own.</summary>
    public IReadOnlyList<JsonValue>? List(SeenKeys seen)
    {
        bool canGrow = !(seen.Count + _leftCount >= Shape.Most);
        if (Shape.Demands.Count > 0 || Shape.Names.Length > MostNamed || (canGrow && Enumerable.Range(0, Shape.Others.Needs.Length)
            .Any(kind => Shape.Others.Needs[kind].IsPossible(Costs.Never) && !Shape.Others.Of(kind).IsEmpty)))
            return null;
        List<KeyValuePair<string, JsonValue>[]> all = [[]];
        foreach (string name in Shape.Names.Where(name => !seen.Contains(name)))
        {
            int index = Shape.IndexOf(name);
            Need need = Shape.At(index);
            IReadOnlyList<JsonValue>? values = need.IsPossible(Costs.Never) ? need.List() : [];
            List<KeyValuePair<string, JsonValue>[]> next = Has(_left, index) ? [] : [.. all];
            foreach (KeyValuePair<string, JsonValue>[] one in all.Where(one => !(seen.Count + one.Length >= Shape.Most)))
            {
                if (values is null || next.Count + values.Count > ObjectShape.MostListed)
                    return null;
                next.AddRange(values.Select(value => (KeyValuePair<string, JsonValue>[])[.. one, new(name, value)]));
            }
            all = next;
        }
        HashSet<JsonValue> rivals = [.. _rivals.Select(rival =>
            JsonValue.Of(rival.Names.Zip(rival.Items, KeyValuePair.Create).Where(one => !seen.Contains(one.Key))))];
        return [.. all.Where(one => seen.Count + one.Length >= Shape.Least).Select(JsonValue.Of).Where(one => !rivals.Contains(one))];
    }

    private static bool Has(ulong[] bits, int index) => (bits[index >> 6] >> (index & 63) & 1) == 1;

    /// <summary>Whether the object can become another than all its rivals; null where that cannot be told.</summary>
    public bool? CanDiffer(SeenKeys seen)
    {
        if (_rivals.Count == 0 || CanEnd(seen))
            return true;
        if (Shape.Most is null || seen.Count + _leftCount < Shape.Most)
        {
            for (int index = 0; index < Shape.Names.Length; index++)
            {
                string name = Shape.Names[index];
                if (!seen.Contains(name) && !_rivals.Any(rival => rival.Find(name) is not null) && Shape.At(index).IsPossible(Costs.Never))
                    return true;
            }
            for (int kind = 0; kind < Shape.Others.Needs.Length; kind++)
            {
                if (Shape.Others.Needs[kind].IsPossible(Costs.Never) && Shape.Others.Of(kind).Completions(0, 0) > Shape.Names.Length + seen.Count)
                    return true;
            }
        }
        return new ObjectProgress(Shape, _left, _leftCount, _demands, []).Count(seen) > _rivals.Count ? true
            : List(seen) is { } rests ? rests.Count > 0 : null;
    }

    private int RestBesideRivals(SeenKeys seen, int from, ref int tries)
    {
        if (_rivals.Count == 0 || CanEnd(seen))
            return Rest(seen).Cost;
        // An object is the same in whatever order its properties come: first those that must, and of the others each behind those before it.
        IEnumerable<int> indexes = Enumerable.Range(from, Shape.Names.Length - from).Where(index => !seen.Contains(Shape.Names[index]));
        if (_leftCount > 0)
            indexes = Shape.RequiredIndexes.Where(index => index >= 0 && Has(_left, index)).Take(1);
        int best = Costs.Never;
        foreach ((int index, int kind) in indexes.Select(static index => (index, 0))
            .Concat(Enumerable.Range(0, Shape.Others.Needs.Length).Select(static kind => (-1, kind))))
        {
            string? key = index < 0 ? null : Shape.Names[index];
            foreach ((ObjectProgress after, Need value) in Add(seen, key, kind, Costs.Never))
            {
                if (tries-- <= 0)
                    return best;
                int rest = after.RestBesideRivals(seen.With(key), _leftCount > 0 ? from : index + 1, ref tries);
                best = Math.Min(best, Costs.Add(index < 0 ? OtherKeyTokens + 1 : Shape.KeyTokens(index), value.Cost, rest));
            }
        }
        return best;
    }

    // What the properties cost that are required and not there.
    private (int Cost, int Height) Left()
    {
        if (_leftCost >= 0)
            return (_leftCost, 0);
        int cost = 0, height = 0;
        bool isSolved = true;
        foreach (int index in Shape.RequiredIndexes)
        {
            if (index < 0)
                return (Costs.Never, Costs.Never);
            if (!Has(_left, index))
                continue;
            Need need = Shape.At(index);
            (cost, height) = (Costs.Add(cost, need.Cost, Shape.KeyTokens(index)), Math.Max(height, need.Height));
            isSolved &= need.IsSolved;
        }
        // A level counts only before the first property.
        if (isSolved && cost < Costs.Never && _leftCount < Shape.RequiredIndexes.Length)
            _leftCost = cost;
        return (cost, height);
    }

    // The fewest keys more, then the fewest tokens, with which all demands are fulfilled; each by another property.
    private (int Keys, int Cost, int Height) Fulfil(SeenKeys seen, int demands, HashSet<int> hosts)
    {
        if (demands == 0)
            return (0, 0, 0);
        int demand = BitOperations.TrailingZeroCount(demands), rest = demands & (demands - 1);
        (int Keys, int Cost, int Height) best = (0, Costs.Never, 0);
        for (int index = 0; index < Shape.Names.Length; index++)
        {
            if (seen.Contains(Shape.Names[index]) || !Shape.DemandsOf(Shape.Names[index]).Contains(demand) || !hosts.Add(index))
                continue;
            Need need = Shape.Fulfilling(Shape.At(index), Shape.Demands[demand]);
            bool isLeft = Has(_left, index);
            Try(need, isLeft ? 0 : 1, isLeft ? need.Cost - Shape.At(index).Cost : Costs.Add(need.Cost, Shape.KeyTokens(index)));
            hosts.Remove(index);
        }
        for (int kind = 0; kind < Shape.Others.Needs.Length; kind++)
        {
            if (Shape.Others.Demands[kind].Contains(demand) && Shape.Others.Of(kind).Completions(0, 0) > seen.Count)
            {
                Need need = Shape.Fulfilling(Shape.Others.Needs[kind], Shape.Demands[demand]);
                Try(need, 1, Costs.Add(need.Cost, OtherKeyTokens + Shape.Others.Of(kind).Shortest(0, 0)));
            }
        }
        return best;

        void Try(Need need, int keys, int cost)
        {
            if (need.Cost >= Costs.Never)
                return;
            (int moreKeys, int moreCost, int moreHeight) = Fulfil(seen, rest, hosts);
            (keys, cost) = (keys + moreKeys, Costs.Add(cost, moreCost));
            if (cost < Costs.Never && (best.Cost >= Costs.Never || keys < best.Keys || (keys == best.Keys && cost < best.Cost)))
                best = (keys, cost, Math.Max(need.Height, moreHeight));
        }
    }

    // The cheapest properties that are not required, beside some that fulfil demands.
    private (int Cost, int Height) Fill(SeenKeys seen, int missing, int taken)
    {
        List<(int Cost, int Height, long Keys)> choices = [];
        for (int index = 0; index < Shape.Names.Length; index++)
        {
            Need need = Shape.At(index);
            if (!Has(_left, index) && need.Cost < Costs.Never && !seen.Contains(Shape.Names[index]))
                choices.Add((need.Cost + Shape.KeyTokens(index), need.Height, 1));
        }
        int named = seen.Keys.Count(key => Shape.IndexOf(key) >= 0);
        for (int kind = 0; kind < Shape.Others.Needs.Length; kind++)
        {
            Need need = Shape.Others.Needs[kind];
            if (need.Cost >= Costs.Never)
                continue;
            Texts.TextLanguage keys = Shape.Others.Of(kind);
            // Of the keys of a class those are gone that are told by name, and those that were used.
            long free = keys.Completions(0, 0);
            if (free < TextDfa.Many)
                free -= seen.Count - named + Shape.Names.Count(keys.Contains);
            if (free > 0)
                choices.Add((need.Cost + OtherKeyTokens + keys.Shortest(0, 0), need.Height, Math.Min(free, missing + (long)taken)));
        }
        if (choices.Sum(static choice => choice.Keys) < missing + (long)taken)
            return (Costs.Never, Costs.Never);
        choices.Sort();
        int cost = 0, height = 0;
        foreach ((int oneCost, int oneHeight, long keys) in choices)
        {
            long some = Math.Min(keys, missing);
            if (some == 0)
                break;
            (cost, height, missing) = (Costs.Add(cost, Costs.Times(some, oneCost)), Math.Max(height, oneHeight), missing - (int)some);
        }
        return (cost, height);
    }
}
