using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>What is asked of an array.</summary>
internal sealed class ArrayParts
{
    /// <summary>What is asked of the first elements.</summary>
    public required Need[] Prefix { get; init; }

    /// <summary>What is asked of the others.</summary>
    public required Need Rest { get; init; }

    public required int Least { get; init; }

    public required int? Most { get; init; }

    public required ItemCount[] Counts { get; init; }

    public required bool IsUnique { get; init; }
}

/// <summary>Arrays.</summary>
/// <param name="table">The needs.</param>
/// <param name="parts">What is asked.</param>
/// <param name="rivals">Arrays that it would have, but does not.</param>
internal sealed class ArrayShape(NeedTable table, ArrayParts parts, IReadOnlyList<JsonValue> rivals) : Shape(JsonKind.Array)
{
    private const int MostStates = 100_000, MostMatched = 64, Unlisted = 2;

    private Dictionary<(int Index, string Left), (int Cost, int Height)>? _memo;
    private bool _isFinal;
    private int[]? _listed;

    public ArrayParts Asked => parts;

    public IReadOnlyList<JsonValue> Rivals => rivals;

    /// <inheritdoc/>
    public override IEnumerable<Need> Vital
    {
        get
        {
            int length = Math.Max(parts.Least, parts.Counts.Sum(static count => Math.Min(count.Least, MostStates)));
            if (parts.Counts.Length > 0)
                length += parts.Prefix.Length;
            IEnumerable<Need> needs = parts.Prefix.Take(length);
            if (length > parts.Prefix.Length)
                needs = needs.Append(parts.Rest);
            return InAllWays(needs);
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<Need> Parts => InAllWays(parts.Prefix.Append(parts.Rest));

    /// <summary>No value.</summary>
    public Need Nothing => table.Never;

    /// <summary>One value.</summary>
    public Need Exactly(JsonValue value) => table.OfValue(value);

    /// <summary>What is asked of an element.</summary>
    public Need At(int index) => index < parts.Prefix.Length ? parts.Prefix[index] : parts.Rest;

    /// <summary>
    /// The ways in which an element can count: what is asked of it then, and how many are counted after it. Where it does not matter that one more is counted
    /// nothing is asked.
    /// </summary>
    public IEnumerable<(Need Need, int[] Counted)> Ways(int index, int[] counted)
    {
        for (int way = 0; way < 1 << parts.Counts.Length; way++)
        {
            if (!Matters(index, way, counted))
                continue;
            int[] after = [.. counted];
            for (int i = 0; i < after.Length; i++)
                after[i] += (way >> i) & 1;
            yield return (With(At(index), index, way, counted), after);
        }
    }

    /// <summary>Whether the array may end.</summary>
    public bool CanEnd(int length, int[] counted)
    {
        for (int i = 0; i < counted.Length; i++)
        {
            if (counted[i] < parts.Counts[i].Least)
                return false;
        }
        return length >= parts.Least && !(length > parts.Most);
    }

    /// <summary>Tokens of the shortest rest of an array, and its levels.</summary>
    /// <param name="length">Elements so far.</param>
    /// <param name="counted">How many of them are counted.</param>
    /// <param name="used">Their values, where they must differ.</param>
    public (int Cost, int Height) Rest(int length, int[] counted, IReadOnlyCollection<JsonValue> used)
    {
        if (length > parts.Most)
            return (Costs.Never, Costs.Never);
        (int cost, int height) = parts.Counts.Length == 0 ? Plain(length) : Counted(length, counted);
        if (cost < Costs.Never && parts.IsUnique && !table.Assumes(HasCounted(length, counted, used)))
            cost = Costs.Never;
        if (cost < Costs.Never && parts.IsUnique && length < parts.Least)
        {
            cost = !table.Assumes(HasDistinct(length, used)) ? Costs.Never
                : Costs.Add(cost, Costs.Times(parts.Least - length, Distinct(parts.Least - length + used.Count)));
        }
        return (cost, height);
    }

    /// <inheritdoc/>
    public override (int Cost, int Height) Measure()
    {
        if (!_isFinal)
            _memo = null;
        _isFinal = Vital.All(static need => need.IsSolved);
        (int cost, int height) = parts.Counts.Length == 0 ? Plain(0) : Counted(0, new int[parts.Counts.Length]);
        if (_isFinal && cost < Costs.Never && (rivals.Count > 0 || parts.IsUnique))
            cost = ArrayProgress.Begin(this).RestBesideRivals(SeenItems.None);
        return (Costs.Add(cost, 1), height + 1);
    }

    /// <inheritdoc/>
    public override bool? CanDiffer
    {
        get
        {
            bool? isApart = rivals.Count == 0 || (parts.Least == 0 && parts.Counts.Length == 0 && !rivals.Any(static rival => rival.Items.Length == 0))
                || Count() > 0 ? true : List() is { } list ? list.Count > 0 : null;
            return parts.IsUnique ? isApart & HasDistinct(0, []) & HasCounted(0, new int[parts.Counts.Length], []) : isApart;
        }
    }

    /// <inheritdoc/>
    public override Shape? Without(IReadOnlyList<JsonValue> values)
    {
        JsonValue[] arrays = [.. values.Where(static value => value.Kind == JsonKind.Array)];
        if (arrays.Length == 0)
            return this;
        ArrayShape rest = new(table, parts, [.. rivals.Union(arrays)]);
        return rest.Measure().Cost < Costs.Never && table.Assumes(rest.CanDiffer) ? rest : null;
    }

    /// <inheritdoc/>
    public override long Count() => Math.Max(0, Count(0) - rivals.Count);

    /// <summary>A bound from below of how many rests an array of so many elements has.</summary>
    public long Count(int length)
    {
        if (parts.Counts.Length > 0 || parts.IsUnique)
            return 1;
        if (parts.Most is null && parts.Rest.IsPossible(Costs.Never))
            return TextDfa.Many;
        long total = 0, ways = 1;
        int most = Math.Min(parts.Most ?? int.MaxValue, parts.Rest.IsPossible(Costs.Never) ? int.MaxValue : parts.Prefix.Length);
        for (int i = length; ; i++)
        {
            if (i >= parts.Least)
                total = Math.Min(total + ways, TextDfa.Many);
            if (i >= most || total >= TextDfa.Many)
                return total;
            long one = At(i).IsPossible(Costs.Never) ? At(i).Count() : 0;
            ways = one == 0 ? 0 : ways > TextDfa.Many / one ? TextDfa.Many : ways * one;
            if (ways == 0)
                return total;
            // A long array of one possibility each is counted no further.
            if (i - length > 10_000)
                return Math.Max(total, 1);
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<JsonValue>? List()
    {
        if (parts.Counts.Length > 0 || parts.IsUnique || parts.Least > MostListed)
            return null;
        List<JsonValue[]> ways = [[]];
        List<JsonValue> all = [];
        for (int length = 0; ; length++)
        {
            if (length >= parts.Least)
                all.AddRange(ways.Select(JsonValue.Of));
            if (length >= parts.Most || !At(length).IsPossible(Costs.Never))
                return [.. all.Except(rivals)];
            if (At(length).List() is not { } values)
                return null;
            long count = all.Count + (long)ways.Count * values.Count;
            if (count > MostListed || count * length > MostListedLength)
                return null;
            ways = [.. ways.SelectMany(way => values.Select(value => (JsonValue[])[.. way, value]))];
        }
    }

    private IEnumerable<Need> InAllWays(IEnumerable<Need> needs) => parts.Counts.Length == 0 ? needs : needs.ToArray().SelectMany(need =>
        Enumerable.Range(0, 1 << parts.Counts.Length).Select(way => With(need, int.MaxValue, way, new int[parts.Counts.Length])).Append(need));

    private bool Matters(int index, int way, int[] counted)
    {
        for (int i = 0; i < counted.Length; i++)
        {
            ItemCount count = parts.Counts[i];
            bool counts = ((way >> i) & 1) == 1;
            if (counts && (index < count.From || (count.Most is null ? counted[i] >= count.Least : counted[i] >= count.Most)))
                return false;
        }
        return true;
    }

    // Where the most are bounded, what does not count must not be of the schema.
    private Need With(Need need, int index, int way, int[] counted)
    {
        IEnumerable<Literal> literals = need.Literals;
        for (int i = 0; i < counted.Length; i++)
        {
            ItemCount count = parts.Counts[i];
            if (((way >> i) & 1) == 1)
                literals = literals.Append(count.Schema);
            else if (count.Most is not null && index >= count.From)
                literals = literals.Append(count.Schema.Not);
        }
        return parts.Counts.Length == 0 ? need : table.Of(literals);
    }

    private (int Cost, int Height) Plain(int length)
    {
        // The comma, and what it takes to differ.
        int cost = 1, height = 0, more = 1 + (parts.IsUnique ? Unlisted : 0);
        if (parts.Least > parts.Most)
            return (Costs.Never, Costs.Never);
        for (int i = length; i < Math.Min(parts.Least, parts.Prefix.Length); i++)
            (cost, height) = (Costs.Add(cost, parts.Prefix[i].Cost, more), Math.Max(height, parts.Prefix[i].Height));
        int rest = parts.Least - Math.Max(length, parts.Prefix.Length);
        if (rest > 0)
            (cost, height) = (Costs.Add(cost, Costs.Times(rest, Costs.Add(parts.Rest.Cost, more))), Math.Max(height, parts.Rest.Height));
        return cost < Costs.Never ? (cost, height) : (Costs.Never, Costs.Never);
    }

    private (int Cost, int Height) Counted(int length, int[] counted)
    {
        _memo ??= [];
        if (CanEnd(length, counted))
            return (1, 0);
        (int, string) key = (length, string.Join(',', counted));
        if (_memo.TryGetValue(key, out (int, int) known))
            return known;
        if (_memo.Count > MostStates)
            throw SchemaReader.Fault(parts.Counts[0].Schema.Node.Pointer, "is counted in too many ways",
                "Take smaller numbers for minItems, minContains and maxContains");
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        (int Cost, int Height) best = (Costs.Never, Costs.Never);
        // More elements than are wanted do not help.
        bool helps = length < parts.Prefix.Length || length < parts.Least || parts.Counts.Where((count, i) => counted[i] < count.Least).Any();
        if (helps && !(length >= parts.Most))
        {
            foreach ((Need need, int[] after) in Ways(length, counted))
            {
                if (need.Cost >= Costs.Never || (length >= parts.Prefix.Length && length >= parts.Least && after.AsSpan().SequenceEqual(counted)))
                    continue;
                (int cost, int height) = Counted(length + 1, after);
                cost = Costs.Add(cost, need.Cost, 1 + (parts.IsUnique ? Unlisted : 0));
                if (cost < best.Cost)
                    best = (cost, Math.Max(height, need.Height));
            }
        }
        return _memo[key] = best;
    }

    // Tokens by which an element can be longer that must differ from others.
    private int Distinct(int count)
    {
        _listed ??= [.. (parts.Rest.List() ?? []).Select(value => table.Tokens(value.ToString())).Order()];
        return _listed.Length == 0 ? 0 : Math.Max(0, _listed[Math.Min(count, _listed.Length) - 1] - Unlisted);
    }

    // Whether there are as many different values to be counted as must be; null where that cannot be told.
    private bool? HasCounted(int length, int[] counted, IReadOnlyCollection<JsonValue> used)
    {
        for (int i = 0; i < counted.Length; i++)
        {
            int missing = parts.Counts[i].Least - counted[i];
            if (missing <= 0)
                continue;
            Need rest = table.And(parts.Rest, parts.Counts[i].Schema);
            long left = rest.IsPossible(Costs.Never) ? rest.Count() - used.Count(rest.Contains) : 0;
            for (int at = length; at < parts.Prefix.Length && left < missing; at++)
                left += at >= parts.Counts[i].From && table.And(parts.Prefix[at], parts.Counts[i].Schema).IsPossible(Costs.Never) ? 1 : 0;
            if (left < missing)
                return rest.List() is null ? null : false;
        }
        return true;
    }

    // Whether elements that must follow can differ from each other and from those that are there; null where that cannot be told.
    private bool? HasDistinct(int length, IReadOnlyCollection<JsonValue> used)
    {
        List<IReadOnlyList<JsonValue>> lists = [];
        int left = parts.Least - length;
        for (int i = length; i < parts.Least; i++)
        {
            Need need = At(i);
            bool isRest = i >= parts.Prefix.Length;
            int together = isRest ? parts.Least - i : 1;
            if (need.Count() - used.Count(need.Contains) >= left)
            {
                if (isRest)
                    break;
                continue;
            }
            if (need.List() is not { } list)
                return null;
            if (list.Count - list.Count(used.Contains) < together)
                return false;
            if (together > MostMatched || lists.Count + together > MostListed)
                return null;
            lists.AddRange(Enumerable.Repeat(list, together));
            if (isRest)
                break;
        }
        // A matching of elements with values, one element after the other.
        Dictionary<JsonValue, int> owners = [];
        for (int i = 0; i < lists.Count; i++)
        {
            if (!Match(i, []))
                return false;
        }
        return true;

        bool Match(int element, HashSet<JsonValue> tried)
        {
            foreach (JsonValue value in lists[element])
            {
                if (used.Contains(value) || !tried.Add(value))
                    continue;
                if (!owners.TryGetValue(value, out int owner) || Match(owner, tried))
                {
                    owners[value] = element;
                    return true;
                }
            }
            return false;
        }
    }
}
