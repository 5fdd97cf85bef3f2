using System.Globalization;
using System.Text;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>One of several lists of schemas must hold: a choice that is still open.</summary>
internal sealed record ShapeChoice(string Key, IReadOnlyList<Literal[]> Ways);

/// <summary>Elements that must, or may, be of a schema so many times.</summary>
internal sealed record ItemCount(Literal Schema, int From, int Least, int? Most);

/// <summary>A shape in the making: what is known to be asked of values of one kind.</summary>
internal sealed class ShapeDraft(NeedTable table, JsonKind kind)
{
    private Dictionary<string, Need> _names = new(StringComparer.Ordinal);
    private HashSet<string> _required = new(StringComparer.Ordinal);

    public JsonKind Kind => kind;

    /// <summary>Schemas that have been taken in.</summary>
    public Dictionary<int, Literal> Taken { get; private init; } = [];

    /// <summary>Schemas that have not.</summary>
    public Queue<Literal> Pending { get; private init; } = [];

    public List<ShapeChoice> Choices { get; private init; } = [];

    /// <summary>The only values; null where they are not listed.</summary>
    public IReadOnlyList<JsonValue>? Values { get; private set; }

    public HashSet<JsonValue> Excluded { get; private init; } = [];

    public NumberSet Numbers { get; private set; } = new();

    public int MinLength { get; private set; }

    public int? MaxLength { get; private set; }

    public Dictionary<string, (SchemaPattern Pattern, bool Holds)> Patterns { get; private init; } = [];

    public IReadOnlyDictionary<string, Need> Names => _names;

    public IReadOnlySet<string> Required => _required;

    public Dictionary<string, (KeySet Keys, Literal Schema)> KeyRules { get; private init; } = [];

    public Dictionary<int, Literal> KeySchemas { get; private init; } = [];

    public List<PropertyDemand> Demands { get; private init; } = [];

    /// <summary>The fewest and the most properties or elements.</summary>
    public int Least { get; private set; }

    public int? Most { get; private set; }

    /// <summary>What is asked of single elements, and of those from an element on.</summary>
    public Dictionary<(int From, bool IsRest), Need> Items { get; private init; } = [];

    public Dictionary<(int Schema, int From), ItemCount> Counts { get; private init; } = [];

    public bool IsUnique { get; private set; }

    /// <summary>About what it takes to make its next choice in every way.</summary>
    public long Work => Choices.Count == 0 ? 1
        : (long)Choices[0].Ways.Count * (1 + Choices.Count + Taken.Count + _names.Count) + Choices[0].Ways.Sum(static way => (long)way.Length);

    public ShapeDraft Clone() => new(table, kind)
    {
        Taken = new(Taken), Pending = new(Pending), Choices = [.. Choices], Values = Values, Excluded = [.. Excluded], Numbers = Numbers,
        MinLength = MinLength, MaxLength = MaxLength, Patterns = new(Patterns), _names = new(_names, StringComparer.Ordinal),
        _required = new(_required, StringComparer.Ordinal), KeyRules = new(KeyRules), KeySchemas = new(KeySchemas), Demands = [.. Demands],
        Least = Least, Most = Most, Items = new(Items), Counts = new(Counts), IsUnique = IsUnique,
    };

    /// <summary>The types that values of a kind have.</summary>
    public static JsonTypes TypesOf(JsonKind kind) => kind switch
    {
        JsonKind.Null => JsonTypes.Null,
        JsonKind.False or JsonKind.True => JsonTypes.Boolean,
        JsonKind.Number => JsonTypes.Number | JsonTypes.Integer,
        JsonKind.String => JsonTypes.String,
        JsonKind.Array => JsonTypes.Array,
        _ => JsonTypes.Object,
    };

    /// <summary>Takes in all schemas that are pending.</summary>
    /// <returns>Whether there can still be such values.</returns>
    public bool TakeAll()
    {
        while (Pending.TryDequeue(out Literal literal))
        {
            if (Taken.ContainsKey(literal.Not.Key))
                return false;
            if (!Taken.TryAdd(literal.Key, literal))
                continue;
            if (!(literal.Holds ? Take(literal.Node) : Choose($"-{literal.Node.Id}", SchemaNegation.Of(literal.Node))))
                return false;
            // A list settles all: what else is asked makes it shorter.
            if (Values is not null)
                return true;
        }
        return true;
    }

    /// <summary>What tells it from other drafts of the same need.</summary>
    public string Describe()
    {
        StringBuilder text = new();
        text.AppendJoin(',', Choices.Select(static choice => choice.Key)).Append('|');
        if (Values is not null)
            return text.AppendJoin('\u0001', Values).ToString();
        text.AppendJoin('\u0001', Excluded.Select(static value => value.ToString()).Order(StringComparer.Ordinal)).Append('|').Append(Numbers.Describe());
        text.Append(CultureInfo.InvariantCulture, $"|{MinLength},{MaxLength},{Least},{Most},{IsUnique}|");
        text.AppendJoin('\u0001', Patterns.Keys.Order(StringComparer.Ordinal)).Append('|');
        foreach ((string name, Need need) in _names.OrderBy(static one => one.Key, StringComparer.Ordinal))
            text.Append(name).Append('\u0001').AppendJoin(',', need.Literals.Select(static literal => literal.Key)).Append('\u0001');
        text.Append('|').AppendJoin('\u0001', _required.Order(StringComparer.Ordinal)).Append('|');
        text.AppendJoin('\u0001', KeyRules.Keys.Order(StringComparer.Ordinal)).Append('|').AppendJoin(',', KeySchemas.Keys.Order()).Append('|');
        foreach (PropertyDemand demand in Demands)
            text.Append(demand.Keys.Describe()).Append(CultureInfo.InvariantCulture, $"{demand.Key?.Key},{demand.Value?.Key};");
        foreach (((int from, bool isRest), Need need) in Items.OrderBy(static one => one.Key))
            text.Append(CultureInfo.InvariantCulture, $"|{from}{isRest}").AppendJoin(',', need.Literals.Select(static literal => literal.Key));
        foreach (ItemCount count in Counts.Values)
            text.Append(CultureInfo.InvariantCulture, $"|{count.Schema.Key},{count.From},{count.Least},{count.Most}");
        return text.ToString();
    }

    private bool Take(SchemaNode node)
    {
        if (!TakeType(node.Types))
            return false;
        foreach (ValueList values in node.Values)
            Values = Values is null ? values.All : [.. Values.Where(values.Contains)];
        Excluded.UnionWith(node.Excluded.All.Where(value => value.Kind == kind));
        bool fits = kind switch
        {
            JsonKind.Number => TakeNumber(node),
            JsonKind.String => TakeText(node),
            JsonKind.Array => TakeArray(node),
            JsonKind.Object => TakeObject(node),
            _ => true,
        };
        foreach (Literal one in node.All)
            Pending.Enqueue(one);
        if (node.AnyOf.Length > 0)
            fits &= Choose($"any{node.Id}", [.. node.AnyOf.Select(static one => new[] { one })]);
        if (node.OneOf.Length > 0)
            fits &= Choose($"one{node.Id}",
                [.. node.OneOf.Select((one, i) => (Literal[])[one, .. node.OneOf.Where((_, j) => j != i).Select(static other => other.Not)])]);
        if (node.If is Literal condition && (node.Then ?? node.Else) is not null)
        {
            fits &= Choose($"if{node.Id}",
                [node.Then is Literal then ? [condition, then] : [condition], node.Else is Literal otherwise ? [condition.Not, otherwise] : [condition.Not]]);
        }
        return fits;
    }

    private bool Choose(string key, IReadOnlyList<Literal[]> ways)
    {
        if (ways.Count > 1)
            Choices.Add(new(key, ways));
        else
        {
            foreach (Literal one in ways.SelectMany(static way => way))
                Pending.Enqueue(one);
        }
        return ways.Count > 0;
    }

    private bool TakeType(JsonTypes types)
    {
        JsonTypes wanted = TypesOf(kind);
        if (kind == JsonKind.Number && (types & wanted) == JsonTypes.Integer)
            Numbers = Numbers.StepOf(JsonNumber.Of(1));
        return (types & wanted) != 0;
    }

    private bool TakeNumber(SchemaNode node)
    {
        if (node.Minimum is JsonNumber minimum)
            Numbers = Numbers.From(minimum, isAbove: false);
        if (node.ExclusiveMinimum is JsonNumber above)
            Numbers = Numbers.From(above, isAbove: true);
        if (node.Maximum is JsonNumber maximum)
            Numbers = Numbers.To(maximum, isBelow: false);
        if (node.ExclusiveMaximum is JsonNumber below)
            Numbers = Numbers.To(below, isBelow: true);
        if (node.MultipleOf is JsonNumber step)
            Numbers = Numbers.StepOf(step);
        if (node.NoMultipleOf is JsonNumber other)
            Numbers = Numbers.NoStepOf(other);
        if (table.IsOffered && node.FormatRange is var (least, most))
            Numbers = Numbers.From(least, isAbove: false).To(most, isBelow: false);
        return true;
    }

    private bool TakeText(SchemaNode node)
    {
        (MinLength, MaxLength) = (Math.Max(MinLength, node.MinLength), LeastOf(MaxLength, node.MaxLength));
        if (node.Pattern is SchemaPattern pattern)
            Patterns["+" + pattern.Key] = (pattern, true);
        if (node.NoPattern is SchemaPattern other)
            Patterns["-" + other.Key] = (other, false);
        if (table.IsOffered && node.Format is SchemaPattern format)
            Patterns["+" + format.Key] = (format, true);
        return !(MinLength > MaxLength);
    }

    private bool TakeArray(SchemaNode node)
    {
        (Least, Most, IsUnique) = (Math.Max(Least, node.MinItems), LeastOf(Most, node.MaxItems), IsUnique || node.IsUnique);
        for (int i = 0; i < node.Prefix.Length; i++)
            AddItem((i, false), node.Prefix[i]);
        if (node.Items is Literal rest)
            AddItem((node.Prefix.Length, true), rest);
        if (node.Contains is Literal contained)
        {
            (int, int) key = (contained.Key, node.ContainsFrom);
            Counts[key] = Counts.TryGetValue(key, out ItemCount? known)
                ? known with { Least = Math.Max(known.Least, node.MinContains), Most = LeastOf(known.Most, node.MaxContains) }
                : new(contained, node.ContainsFrom, node.MinContains, node.MaxContains);
            if (Counts[key].Least > Counts[key].Most)
                return false;
        }
        return !(Least > Most);

        void AddItem((int, bool) key, Literal schema) => Items[key] = Items.TryGetValue(key, out Need? need) ? table.And(need, schema) : table.Of(schema);
    }

    private bool TakeObject(SchemaNode node)
    {
        (Least, Most) = (Math.Max(Least, node.MinProperties), LeastOf(Most, node.MaxProperties));
        foreach ((string name, Literal schema) in node.Properties)
            _names[name] = _names.TryGetValue(name, out Need? need) ? table.And(need, schema) : table.Of(schema);
        _required.UnionWith(node.Required);
        foreach ((KeySet keys, Literal schema) in node.KeyRules)
            KeyRules.TryAdd(keys.Describe() + schema.Key.ToString(CultureInfo.InvariantCulture), (keys, schema));
        if (node.PropertyNames is Literal key)
            KeySchemas.TryAdd(key.Key, key);
        if (node.Demand is PropertyDemand demand)
            Demands.Add(demand);
        foreach ((string name, Literal schema) in node.Dependent)
        {
            SchemaNode without = new(SchemaNodes.NextId(), node.Pointer) { Properties = new() { [name] = SchemaNodes.False } };
            Choices.Add(new($"dependent{node.Id}/{name}", [[new(without, true)], [new(SchemaNodes.New(node.Pointer, [name]), true), schema]]));
        }
        return !(Least > Most) && !_required.Any(name => _names.TryGetValue(name, out Need? need) && ReferenceEquals(need, table.Never));
    }

    private static int? LeastOf(int? one, int? other) => one is null || other < one ? other : one;
}
