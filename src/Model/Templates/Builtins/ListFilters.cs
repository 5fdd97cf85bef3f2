using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>Filters of several values.</summary>
internal static class ListFilters
{
    public static IEnumerable<Value> Batch(Given g)
    {
        int count = g.Int(0, 0);
        List<Value> batch = [];
        for (IEnumerator<Value> elements = g.Self.RequiredElements(g.Run); elements.MoveNext();)
        {
            if (batch.Count == count)
            {
                yield return new ListValue(batch);
                batch = [];
            }
            g.Run.MakeElements(1);
            batch.Add(elements.Current);
        }
        if (batch.Count == 0)
            yield break;
        if (g.Some(1) is { } fill && batch.Count < count)
        {
            g.Run.MakeElements(count);
            batch.AddRange(Enumerable.Repeat(fill, count - batch.Count));
        }
        yield return new ListValue(batch);
    }

    public static IEnumerable<Value> Slices(Given g)
    {
        List<Value> all = g.Self.ToList(g.Run);
        int slices = g.Int(0, 0), offset = 0;
        if (slices == 0)
            throw new TemplateFault("integer division or modulo by zero");
        (int each, int more) = Math.DivRem(all.Count, slices);
        for (int i = 0; i < slices; i++)
        {
            int start = offset + i * each;
            if (i < more)
                offset++;
            g.Run.MakeElements(each + 2);
            List<Value> slice = all[start..(offset + (i + 1) * each)];
            if (g.Some(1) is { } fill && i >= more)
                slice.Add(fill);
            yield return new ListValue(slice);
        }
    }

    public static Value DictSort(Given g)
    {
        if (g.Self is not DictValue dict)
            throw g.Self is UndefinedValue undefined ? undefined.Fault : new TemplateFault($"'{g.Self.TypeName}' object has no attribute 'items'");
        int part = g.Text(1, "key") switch { "key" => 0, "value" => 1, _ => throw new TemplateFault("You can only sort by either \"key\" or \"value\"") };
        Value[] entries = [.. dict.Entries.Select(static entry => new TupleValue(entry.Key, entry.Value))];
        return ListValue.Of(Sorting.Sort(entries, Sorting.WithCase(entry => ((TupleValue)entry)[part], g.Flag(0)), g.Flag(2), g.Run));
    }

    public static Value First(Given g) =>
        g.Self.RequiredElements(g.Run) is var elements && elements.MoveNext() ? elements.Current : new UndefinedValue("No first item, sequence was empty.");

    public static Value Last(Given g)
    {
        Value? last = Reversed(g, "object is not reversible").FirstOrDefault();
        return last ?? new UndefinedValue("No last item, sequence was empty.");
    }

    public static Value Reverse(Given g)
    {
        if (g.Self is TextValue text)
            return text.Slice(Slice.Of(null, null, IntValue.Of(-1), text.Length(g.Run)), g.Run);
        if (g.Self is IteratorValue)
        {
            List<Value> all = g.Self.ToList(g.Run);
            all.Reverse();
            return new ListValue(all);
        }
        if (g.Self.Elements(g.Run) is null)
            throw new TemplateFault("argument must be iterable");
        return new IteratorValue(Reversed(g, ""), "list_reverseiterator");
    }

    public static Value Random(Given g)
    {
        List<Value> all = g.Self.ToList(g.Run);
        return all.Count > 0 ? all[System.Random.Shared.Next(all.Count)] : new UndefinedValue("No random item, sequence was empty.");
    }

    public static Value GroupBy(Given g)
    {
        bool isCaseSensitive = g.Flag(2);
        Func<Value, Value> path = Sorting.Path(g[0], g.Run, g.Some(1)), keyOf = Sorting.WithCase(path, isCaseSensitive);
        List<Value> groups = [], group = [];
        Value? last = null;
        foreach (Value element in Sorting.Sort(g.Self.ToList(g.Run), keyOf, isReversed: false, g.Run))
        {
            Value key = keyOf(element);
            if (last is null || !key.EqualTo(last, g.Run))
                groups.Add(new GroupValue(isCaseSensitive ? key : path(element), new(group = [])));
            group.Add(element);
            last = key;
        }
        return new ListValue(groups);
    }

    public static Value Join(Given g)
    {
        Func<Value, Value> path = Sorting.Path(g[1], g.Run);
        string between = g[0]?.Text(g.Run) ?? "";
        System.Text.StringBuilder joined = new();
        bool isFirst = true;
        for (IEnumerator<Value> elements = g.Self.RequiredElements(g.Run); elements.MoveNext(); isFirst = false)
        {
            string part = path(elements.Current).Text(g.Run);
            g.Run.Make(part.Length + (long)between.Length);
            joined.Append(isFirst ? "" : between).Append(part);
        }
        return TextValue.Of(joined.ToString());
    }

    public static IEnumerable<Value> Map(Given g)
    {
        if (!g.Self.IsTrue)
            yield break;
        Func<Value, Value> map;
        if (g.Rest.Length == 0 && g.Named.Any(static pair => pair.Key == "attribute"))
        {
            if (g.Named.FirstOrDefault(static pair => pair.Key is not ("attribute" or "default")) is { Key: string odd })
                throw new TemplateFault($"Unexpected keyword argument {UntrustedText.Quote(odd)}");
            Value? otherwise = g.Named.FirstOrDefault(static pair => pair.Key == "default").Value;
            map = Sorting.Path(g.Named.First(static pair => pair.Key == "attribute").Value, g.Run, otherwise is NoneValue ? null : otherwise);
        }
        else
        {
            if (g.Rest.Length == 0)
                throw new TemplateFault("map requires a filter argument");
            Function filter = Filters.Named(g.Rest[0].Text(g.Run));
            Arguments arguments = new(g.Rest[1..], g.Named);
            map = element => filter.Call(g.Run, element, arguments);
        }
        for (IEnumerator<Value> elements = g.Self.RequiredElements(g.Run); elements.MoveNext();)
        {
            g.Run.Step();
            yield return map(elements.Current);
        }
    }

    public static IEnumerable<Value> Select(Given g, bool isAttribute, bool keeps)
    {
        if (!g.Self.IsTrue)
            yield break;
        if (isAttribute && g.Rest.Length == 0)
            throw new TemplateFault("Missing parameter for attribute name");
        Func<Value, Value> path = isAttribute ? Sorting.Path(g.Rest[0], g.Run) : static element => element;
        int at = isAttribute ? 1 : 0;
        Func<Value, bool> holds = static element => element.IsTrue;
        if (g.Rest.Length > at)
        {
            string name = g.Rest[at].Text(g.Run);
            if (!Tests.All.TryGetValue(name, out Function? test))
                throw new TemplateFault($"No test named {UntrustedText.Quote(name)} found");
            Arguments arguments = new(g.Rest[(at + 1)..], g.Named);
            holds = element => test.Call(g.Run, element, arguments).IsTrue;
        }
        for (IEnumerator<Value> elements = g.Self.RequiredElements(g.Run); elements.MoveNext();)
        {
            g.Run.Step();
            if (holds(path(elements.Current)) == keeps)
                yield return elements.Current;
        }
    }

    public static Value Sort(Given g) =>
        ListValue.Of(Sorting.Sort(g.Self.ToList(g.Run), Sorting.Paths(g[2], g.Flag(1), g.Run), g.Flag(0), g.Run));

    public static Value Sum(Given g)
    {
        Func<Value, Value> path = Sorting.Path(g[0], g.Run);
        Value sum = g[1] ?? IntValue.Of(0);
        if (sum is TextValue)
            throw new TemplateFault("sum() can't sum strings [use ''.join(seq) instead]");
        for (IEnumerator<Value> elements = g.Self.RequiredElements(g.Run); elements.MoveNext(); g.Run.Step())
            sum = Operators.Add(sum, path(elements.Current), g.Run);
        return sum;
    }

    /// <summary>The least or the greatest.</summary>
    /// <param name="g">The value.</param>
    /// <param name="sign">1 for the greatest, -1 for the least.</param>
    public static Value Extreme(Given g, int sign)
    {
        Func<Value, Value> keyOf = Sorting.WithCase(Sorting.Path(g[1], g.Run), g.Flag(0));
        (Value Element, Value Key)? best = null;
        for (IEnumerator<Value> elements = g.Self.RequiredElements(g.Run); elements.MoveNext();)
        {
            Value key = keyOf(elements.Current);
            if (best is null || Operators.Order(key, best.Value.Key, sign > 0 ? ">" : "<", g.Run) * sign > 0)
                best = (elements.Current, key);
        }
        return best?.Element ?? new UndefinedValue("No aggregated item, sequence was empty.");
    }

    public static IEnumerable<Value> Unique(Given g)
    {
        Func<Value, Value> keyOf = Sorting.WithCase(Sorting.Path(g[1], g.Run), g.Flag(0));
        HashSet<Value> seen = new(g.Run.Keys);
        for (IEnumerator<Value> elements = g.Self.RequiredElements(g.Run); elements.MoveNext();)
        {
            g.Run.MakeElements(1);
            if (seen.Add(keyOf(elements.Current)))
                yield return elements.Current;
        }
    }

    private static IEnumerable<Value> Reversed(Given g, string problem)
    {
        if (g.Self is SequenceValue sequence)
        {
            for (int i = sequence.Length - 1; i >= 0; i--)
                yield return sequence[i];
            yield break;
        }
        if (g.Self is not (TextValue or DictValue or DictViewValue or UndefinedValue))
            throw new TemplateFault($"'{g.Self.TypeName}' {problem}");
        List<Value> all = g.Self.ToList(g.Run);
        for (int i = all.Count - 1; i >= 0; i--)
            yield return all[i];
    }
}
