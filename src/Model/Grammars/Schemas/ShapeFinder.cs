using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Texts;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>Finds the shapes of a need: its choices are made in every way that leaves something.</summary>
internal sealed class ShapeFinder(NeedTable table, Need need)
{
    private const int MostDrafts = 10_000, MostCounted = 2000;

    private static readonly JsonKind[] s_kinds = Enum.GetValues<JsonKind>();

    private int _drafts;

    public Shape[] Find()
    {
        JsonTypes types = JsonTypes.All;
        foreach (Literal literal in need.Literals)
            types &= literal.Holds ? literal.Node.Types : JsonTypes.All;
        return [.. s_kinds.Where(kind => (types & ShapeDraft.TypesOf(kind)) != 0).SelectMany(Find)];
    }

    private GrammarException Fault(string problem) => SchemaReader.Fault(need.Pointer, problem, "Say the same with fewer choices");

    /// <summary>Finds the shapes of a kind.</summary>
    public List<Shape> Find(JsonKind kind)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw Fault("is needed to tell what it is itself, or by too many others in a row");
        List<Shape> shapes = [];
        HashSet<string> seen = [];
        Stack<ShapeDraft> work = new();
        ShapeDraft first = new(table, kind);
        foreach (Literal literal in need.Literals)
            first.Pending.Enqueue(literal);
        if (first.TakeAll())
            work.Push(first);
        while (work.TryPop(out ShapeDraft? draft))
        {
            if (++_drafts > MostDrafts || !table.TrySpend(draft.Work))
                throw Fault("combines its choices in too many ways");
            if (draft.Values is not null || draft.Choices.Count == 0)
            {
                shapes.AddRange(Finish(draft));
                continue;
            }
            foreach (ShapeDraft next in Choose(draft))
            {
                if (seen.Add(next.Describe()))
                    work.Push(next);
            }
        }
        return shapes;
    }

    private static List<ShapeDraft> Choose(ShapeDraft draft)
    {
        ShapeChoice choice = draft.Choices[0];
        draft.Choices.RemoveAt(0);
        string before = draft.Describe();
        List<ShapeDraft> ways = [];
        foreach (Literal[] way in choice.Ways)
        {
            ShapeDraft next = draft.Clone();
            foreach (Literal literal in way)
                next.Pending.Enqueue(literal);
            if (!next.TakeAll())
                continue;
            // What asks for nothing more has the other ways in it.
            if (next.Describe() == before)
                return [next];
            ways.Add(next);
        }
        return ways;
    }

    private IEnumerable<Shape> Finish(ShapeDraft draft)
    {
        if (draft.Values is not null)
        {
            JsonValue[] values = [.. draft.Values.Where(value => value.Kind == draft.Kind && draft.Taken.Values.Concat(draft.Pending)
                .All(literal => table.Check.IsValid(literal, value)))];
            return values.Length == 0 ? [] : OfValues(table, draft.Kind, values);
        }
        JsonValue[] excluded = [.. draft.Excluded];
        Shape? shape = draft.Kind switch
        {
            JsonKind.Number => new NumberShape(draft.Numbers.Without(excluded.Select(static value => value.Number))),
            JsonKind.String => Strings(draft, excluded),
            JsonKind.Array => new ArrayShape(table, Arrays(draft), Rivals(draft, excluded)),
            JsonKind.Object => new ObjectShape(table, Objects(draft), Rivals(draft, excluded)),
            _ => excluded.Length == 0 ? new WordShape(draft.Kind, table.Tokens) : null,
        };
        return shape is null ? [] : [shape];
    }

    /// <summary>The shapes of some values of a kind.</summary>
    public static IEnumerable<Shape> OfValues(NeedTable table, JsonKind kind, JsonValue[] values) => kind switch
    {
        JsonKind.Number => [new NumberShape(new NumberSet().Of([.. values.Select(static value => value.Number)]))],
        JsonKind.String => [new StringShape([.. values.Select(static value => value.Text)], null, [], table.Tokens)],
        JsonKind.Array => values.Select(value => new ArrayShape(table, new()
        {
            Prefix = [.. value.Items.Select(item => table.OfValues([item]))], Rest = table.Never, Least = value.Items.Length, Most = value.Items.Length,
                Counts = [],
            IsUnique = false,
        }, [])),
        JsonKind.Object => values.Select(value => new ObjectShape(table, new()
        {
            Names = value.Names.Select((name, i) => (name, i)).ToDictionary(one => one.name, one => table.OfValues([value.Items[one.i]])),
            Required = value.Names.ToHashSet(), KeyRules = [(KeySet.All with { Names = value.Names.ToHashSet() }, SchemaNodes.False)], KeySchemas = [],
                Demands = [],
            Least = 0, Most = null, Pointer = "",
        }, [])),
        _ => [new WordShape(kind, table.Tokens)],
    };

    private StringShape Strings(ShapeDraft draft, JsonValue[] excluded)
    {
        TextDfa dfa = table.Patterns(draft.Patterns.OrderBy(static one => one.Key, StringComparer.Ordinal).Select(static one => one.Value), need.Pointer);
        if (dfa.IsEmpty)
            return new([], null, [], table.Tokens);
        TextLanguage language = dfa.IsEverything && draft.MinLength == 0 && draft.MaxLength is null ? TextLanguage.Everything
            : new(dfa, draft.MinLength, draft.MaxLength);
        if (!language.IsBounded)
            throw Fault("combines a pattern with lengths that together need too large an automaton");
        return new(null, language, [.. excluded.Select(static value => value.Text).Where(language.Contains)], table.Tokens);
    }

    private ArrayParts Arrays(ShapeDraft draft)
    {
        if (draft.Counts.Count > 0 && draft.Counts.Values.Sum(static count => (long)count.Least) + draft.Least > MostCounted)
            throw Fault($"asks for more than {MostCounted} elements where some are counted");
        int length = draft.Items.Count == 0 ? 0 : draft.Items.Keys.Max(static key => key.IsRest ? key.From : key.From + 1);
        length = Math.Max(length, draft.Counts.Values.Select(static count => count.From).DefaultIfEmpty(0).Max());
        (int From, Need Need)[] rests = [.. draft.Items.Where(static one => one.Key.IsRest).Select(static one => (one.Key.From, one.Value))
            .OrderBy(static one => one.From)];
        if (!table.TrySpend((long)length * (1 + rests.Length)))
            throw Fault("combines its choices in too many ways");
        return new()
        {
            Prefix = [.. Enumerable.Range(0, length).Select(i => table.Of(rests.TakeWhile(one => one.From <= i).SelectMany(static one => one.Need.Literals)
                .Concat(draft.Items.TryGetValue((i, false), out Need? own) ? own.Literals : [])))],
            Rest = table.Of(rests.SelectMany(static one => one.Need.Literals)),
            Least = draft.Least,
            Most = draft.Most,
            Counts = [.. draft.Counts.Values.Where(static count => count.Least > 0 || count.Most is not null)],
            IsUnique = draft.IsUnique,
        };
    }

    private ObjectParts Objects(ShapeDraft draft) => new()
    {
        Names = draft.Names,
        Required = draft.Required,
        KeyRules = [.. draft.KeyRules.Values],
        KeySchemas = [.. draft.KeySchemas.Values],
        Demands = draft.Demands,
        Least = draft.Least,
        Most = draft.Most,
        Pointer = need.Pointer,
    };

    // Of the values that are forbidden only those matter that would be allowed otherwise. What a schema applies to the same value has been taken in, too.
    private JsonValue[] Rivals(ShapeDraft draft, JsonValue[] excluded) =>
        [.. excluded.Where(value => draft.Taken.Values.All(literal => literal.Node.Excluded.Contains(value) || !literal.Holds
            || table.Check.IsOwn(literal.Node, value)))];
}
