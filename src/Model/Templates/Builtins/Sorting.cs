using System.Globalization;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>Python's <c>sorted</c>, and the keys by which Jinja's filters sort and choose.</summary>
internal static class Sorting
{
    /// <summary>Sorts; elements with equal keys keep their order, also reversed.</summary>
    public static Value[] Sort(IReadOnlyCollection<Value> elements, Func<Value, Value> keyOf, bool isReversed, Run run)
    {
        run.MakeElements(elements.Count * 4L);
        (Value Key, Value Element)[] sorted = [.. elements.Select(element => (keyOf(element), element))], spare = new (Value, Value)[sorted.Length];
        Merge(sorted, spare, isReversed, run);
        return Array.ConvertAll(sorted, static each => each.Element);
    }

    /// <summary>Looks up a path of keys, such as <c>function.name</c> or <c>0.id</c>.</summary>
    /// <param name="path">Text, a number or none for the element itself.</param>
    /// <param name="run">The rendering.</param>
    /// <param name="otherwise">What a missing element is; null for undefined.</param>
    public static Func<Value, Value> Path(Value? path, Run run, Value? otherwise = null)
    {
        Value[] keys = path switch
        {
            null or NoneValue => [],
            TextValue text => [.. text.Content.Split('.').Select(Key)],
            _ => [path],
        };
        return element =>
        {
            foreach (Value key in keys)
            {
                run.Step();
                element = Access.Item(element, key, run);
                if (otherwise is not null && element is UndefinedValue)
                    element = otherwise;
            }
            return element;
        };
    }

    /// <summary>Several paths with commas between: the key is a list.</summary>
    public static Func<Value, Value> Paths(Value? paths, bool isCaseSensitive, Run run)
    {
        Func<Value, Value>[] parts = paths is TextValue text
            ? [.. text.Content.Split(',').Select(part => WithCase(Path(TextValue.Of(part), run), isCaseSensitive))]
            : [WithCase(Path(paths, run), isCaseSensitive)];
        return element => ListValue.Of(parts.Select(part => part(element)));
    }

    /// <summary>A key that takes upper and lower case for the same, unless they matter.</summary>
    public static Func<Value, Value> WithCase(Func<Value, Value> keyOf, bool isCaseSensitive) =>
        isCaseSensitive ? keyOf : element => keyOf(element) is var key && key is TextValue text ? TextValue.Of(Casing.Lower(text.Content)) : key;

    // The base library's sorting keeps no order among equals, or hides what a comparison throws.
    private static void Merge(Span<(Value Key, Value)> all, Span<(Value Key, Value)> spare, bool isReversed, Run run)
    {
        if (all.Length < 2)
            return;
        int half = all.Length / 2, left = 0, right = half;
        Merge(all[..half], spare[..half], isReversed, run);
        Merge(all[half..], spare[half..], isReversed, run);
        all.CopyTo(spare);
        for (int i = 0; i < all.Length; i++)
        {
            bool isRight = left == half || (right < all.Length && Comes(spare[right].Key, spare[left].Key, isReversed, run));
            all[i] = spare[isRight ? right++ : left++];
        }
    }

    private static bool Comes(Value x, Value before, bool isReversed, Run run) =>
        isReversed ? Operators.Order(before, x, "<", run) < 0 : Operators.Order(x, before, "<", run) < 0;

    private static Value Key(string part) =>
        part.Length is > 0 and < 10 && !part.AsSpan().ContainsAnyExceptInRange('0', '9')
            ? IntValue.Of(int.Parse(part, CultureInfo.InvariantCulture)) : TextValue.Of(part);
}
