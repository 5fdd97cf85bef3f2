using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>What is asked of an object.</summary>
internal sealed class ObjectParts
{
    /// <summary>What is asked of named properties.</summary>
    public required IReadOnlyDictionary<string, Need> Names { get; init; }

    public required IReadOnlySet<string> Required { get; init; }

    public required IReadOnlyList<(KeySet Keys, Literal Schema)> KeyRules { get; init; }

    /// <summary>What is asked of keys.</summary>
    public required IReadOnlyList<Literal> KeySchemas { get; init; }

    public required IReadOnlyList<PropertyDemand> Demands { get; init; }

    public required int Least { get; init; }

    public required int? Most { get; init; }

    public required string Pointer { get; init; }
}

/// <summary>Objects.</summary>
internal sealed class ObjectShape : Shape
{
    /// <summary>The most demands that an object can have.</summary>
    private const int MostDemands = 6;

    private readonly NeedTable _table;
    private readonly ObjectParts _parts;
    private readonly Need?[] _needs;
    private readonly Dictionary<string, int> _indexes = new(StringComparer.Ordinal);
    private KeyClasses? _keys;
    private int[]? _keyTokens;

    public ObjectShape(NeedTable table, ObjectParts parts, IReadOnlyList<JsonValue> rivals)
        : base(JsonKind.Object)
    {
        (_table, _parts, Rivals) = (table, parts, rivals);
        if (parts.Demands.Count > MostDemands)
            throw SchemaReader.Fault(parts.Pointer, $"asks for more than {MostDemands} properties of which only their kind is told");
        IEnumerable<string> names = parts.Names.Keys.Concat(parts.Required).Concat(parts.KeyRules.SelectMany(static rule => rule.Keys.Names))
            .Concat(parts.Demands.SelectMany(static demand => demand.Keys.Names)).Concat(rivals.SelectMany(static rival => rival.Names));
        if (parts.KeySchemas.Count > 0)
            names = names.Concat(KeyClasses.Listed(table, parts));
        // A lone surrogate cannot be written.
        Names = [.. names.Where(IsText).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        for (int i = 0; i < Names.Length; i++)
            _indexes[Names[i]] = i;
        _needs = new Need?[Names.Length];
        RequiredIndexes = [.. parts.Required.Select(IndexOf).Order()];
        IsSimple = parts.Most is null && parts.Demands.Count == 0 && rivals.Count == 0 && parts.Least <= RequiredIndexes.Length;
    }

    /// <summary>All keys that something is said of by name, ascending.</summary>
    public string[] Names { get; }

    /// <summary>The places among <see cref="Names"/> of those that are required; -1 for one that cannot be written.</summary>
    public int[] RequiredIndexes { get; }

    public IReadOnlyList<JsonValue> Rivals { get; }

    public IReadOnlyList<PropertyDemand> Demands => _parts.Demands;

    public int Least => _parts.Least;

    public int? Most => _parts.Most;

    /// <summary>Whether every allowed property may always be added.</summary>
    public bool IsSimple { get; }

    /// <summary>The keys that nothing is said of by name.</summary>
    public KeyClasses Others => _keys ??= new(_table, _parts);

    /// <inheritdoc/>
    public override IEnumerable<Need> Vital
    {
        get
        {
            if (RequiredIndexes.Contains(-1))
                return [];
            IEnumerable<Need> needs = RequiredIndexes.Select(At);
            if (_parts.Demands.Count > 0 || _parts.Least > RequiredIndexes.Length)
                needs = Parts;
            return needs;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<Need> Parts
    {
        get
        {
            IEnumerable<Need> needs = Enumerable.Range(0, Names.Length).Select(At).Concat(Others.Needs);
            foreach (PropertyDemand demand in _parts.Demands)
            {
                if (demand.Value is Literal value)
                    needs = needs.Concat(Enumerable.Range(0, Names.Length).Select(At).Concat(Others.Needs).Select(need => _table.And(need, value)));
            }
            return needs;
        }
    }

    /// <summary>The place of a name, or -1.</summary>
    public int IndexOf(string name) => _indexes.GetValueOrDefault(name, -1);

    /// <summary>What is asked of the value of a name.</summary>
    public Need At(int index) => _needs[index] ??= Find(Names[index]);

    /// <summary>Tokens of a key, with its quotes, a colon and a comma.</summary>
    public int KeyTokens(int index)
    {
        if (_keyTokens is null)
        {
            _keyTokens = new int[Names.Length];
            Array.Fill(_keyTokens, -1);
        }
        return _keyTokens[index] >= 0 ? _keyTokens[index] : _keyTokens[index] = _table.Tokens(JsonValue.Spell(Names[index]) + ":") + 1;
    }

    /// <summary>What is asked of a value beside a demand that it fulfils.</summary>
    public Need Fulfilling(Need need, PropertyDemand demand) => demand.Value is Literal value ? _table.And(need, value) : need;

    /// <summary>The demands that a key can fulfil.</summary>
    public IEnumerable<int> DemandsOf(string key) => Enumerable.Range(0, Demands.Count).Where(i =>
        Demands[i].Keys.Contains(key) && (Demands[i].Key is not Literal asked || _table.Check.IsValid(asked, JsonValue.Of(key))));

    /// <inheritdoc cref="NeedTable.Assumes"/>
    public bool Assumes(bool? known) => _table.Assumes(known);

    /// <summary>What is asked of a property's value, to be one value.</summary>
    public Need Exactly(Need need, JsonValue value) => need.Contains(value) ? _table.OfValue(value) : _table.Never;

    /// <inheritdoc/>
    public override (int Cost, int Height) Measure()
    {
        ObjectProgress start = ObjectProgress.Begin(this);
        (int cost, int height) = start.Rest(SeenKeys.None);
        if (Rivals.Count > 0 && cost < Costs.Never && Vital.All(static need => need.IsSolved))
            cost = start.RestBesideRivals(SeenKeys.None);
        return (Costs.Add(cost, 1), height + 1);
    }

    /// <inheritdoc/>
    public override Shape? Without(IReadOnlyList<JsonValue> values)
    {
        JsonValue[] objects = [.. values.Where(static value => value.Kind == JsonKind.Object)];
        if (objects.Length == 0)
            return this;
        ObjectShape rest = new(_table, _parts, [.. Rivals.Union(objects)]);
        return rest.Measure().Cost < Costs.Never && _table.Assumes(rest.CanDiffer) ? rest : null;
    }

    /// <inheritdoc/>
    public override bool? CanDiffer => ObjectProgress.Begin(this).CanDiffer(SeenKeys.None);

    /// <inheritdoc/>
    public override long Count() => Math.Max(0, ObjectProgress.Begin(this).Count(SeenKeys.None) - Rivals.Count);

    /// <inheritdoc/>
    public override IReadOnlyList<JsonValue>? List() => ObjectProgress.Begin(this).List(SeenKeys.None);

    private static bool IsText(string name) =>
        !name.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') || !name.EnumerateRunes().Contains(System.Text.Rune.ReplacementChar);

    private Need Find(string name)
    {
        if (_parts.KeySchemas.Any(schema => !_table.Check.IsValid(schema, JsonValue.Of(name))))
            return _table.Never;
        List<Literal> literals = [.. _parts.KeyRules.Where(rule => rule.Keys.Contains(name)).Select(static rule => rule.Schema)];
        if (_parts.Names.TryGetValue(name, out Need? named))
        {
            if (literals.Count == 0)
                return named;
            literals.AddRange(named.Literals);
        }
        return _table.Of(literals);
    }
}
