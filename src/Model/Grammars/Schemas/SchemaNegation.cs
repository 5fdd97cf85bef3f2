using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>What a schema's negation asks: one of several lists of literals, each of which contradicts one keyword.</summary>
internal static class SchemaNegation
{
    /// <exception cref="GrammarException">A keyword has no negation that can be enforced.</exception>
    public static IReadOnlyList<Literal[]> Of(SchemaNode node) =>
        node.Negation ??= [.. General(node).Concat(OfObjects(node)).Concat(OfArrays(node)).Concat(OfScalars(node))];

    private static SchemaNode New(SchemaNode node) => new(SchemaNodes.NextId(), node.Pointer);

    private static GrammarException Unsupported(SchemaNode node, string keyword) => SchemaReader.Fault($"{node.Pointer}/{keyword}",
        $"the keyword {keyword} cannot be enforced where it must not hold", "It stands below not, oneOf or if: take it out there");

    private static IEnumerable<Literal[]> General(SchemaNode node)
    {
        JsonTypes others = JsonTypes.All & ~node.Types;
        if ((node.Types & JsonTypes.Number) == 0 && (node.Types & JsonTypes.Integer) != 0)
        {
            yield return [new(new(SchemaNodes.NextId(), node.Pointer) { Types = JsonTypes.Number | JsonTypes.Integer, NoMultipleOf = JsonNumber.Of(1) }, true)];
            others &= ~JsonTypes.Number;
        }
        if (others != JsonTypes.None)
            yield return [new(new(SchemaNodes.NextId(), node.Pointer) { Types = others }, true)];
        foreach (ValueList values in node.Values)
            yield return [new(new(SchemaNodes.NextId(), node.Pointer) { Excluded = values }, true)];
        foreach (Literal one in node.All)
            yield return [one.Not];
        if (node.AnyOf.Length > 0)
            yield return [.. node.AnyOf.Select(static one => one.Not)];
        if (node.OneOf.Length > 0)
            yield return [.. node.OneOf.Select(static one => one.Not)];
        for (int i = 0; i < node.OneOf.Length; i++)
        {
            for (int j = i + 1; j < node.OneOf.Length; j++)
                yield return [node.OneOf[i], node.OneOf[j]];
        }
        if (node.If is Literal condition)
        {
            if (node.Then is Literal then)
                yield return [condition, then.Not];
            if (node.Else is Literal otherwise)
                yield return [condition.Not, otherwise.Not];
        }
    }

    private static IEnumerable<Literal[]> OfObjects(SchemaNode node)
    {
        foreach ((string name, Literal schema) in node.Dependent)
            yield return [Object(required: [name]), schema.Not];
        foreach ((string name, Literal schema) in node.Properties)
            yield return [Object(required: [name], properties: new() { [name] = schema.Not })];
        foreach ((KeySet keys, Literal schema) in node.KeyRules)
            yield return [Demand(new(keys, null, schema.Not))];
        if (node.PropertyNames is Literal key)
            yield return [Demand(new(KeySet.All, key.Not, null))];
        foreach (string name in node.Required)
            yield return [Object(properties: new() { [name] = SchemaNodes.False })];
        if (node.MinProperties > 0)
            yield return [Object(most: node.MinProperties - 1)];
        if (node.MaxProperties is int most)
            yield return [Object(least: most + 1)];

        Literal Object(HashSet<string>? required = null, Dictionary<string, Literal>? properties = null, int least = 0, int? most = null) =>
            new(new(SchemaNodes.NextId(), node.Pointer)
            {
                Types = JsonTypes.Object, Required = required ?? [], Properties = properties ?? [], MinProperties = least, MaxProperties = most,
            }, true);

        Literal Demand(PropertyDemand demand) => new(new(SchemaNodes.NextId(), node.Pointer) { Types = JsonTypes.Object, Demand = demand }, true);
    }

    private static IEnumerable<Literal[]> OfArrays(SchemaNode node)
    {
        for (int i = 0; i < node.Prefix.Length; i++)
        {
            SchemaNode at = Array(least: i + 1);
            at.Prefix = [.. Enumerable.Repeat(SchemaNodes.True, i), node.Prefix[i].Not];
            yield return [new(at, true)];
        }
        if (node.Items is Literal items)
            yield return [new(new(SchemaNodes.NextId(), node.Pointer) { Types = JsonTypes.Array, Contains = items.Not, ContainsFrom = node.Prefix.Length },
                true)];
        if (node.Contains is Literal contained)
        {
            if (node.MinContains > 0)
                yield return [Contains(0, node.MinContains - 1)];
            if (node.MaxContains is int mostContained)
                yield return [Contains(mostContained + 1, null)];

            Literal Contains(int least, int? most) => new(new(SchemaNodes.NextId(), node.Pointer)
            {
                Types = JsonTypes.Array, Contains = contained, ContainsFrom = node.ContainsFrom, MinContains = least, MaxContains = most,
            }, true);
        }
        if (node.MinItems > 0)
            yield return [new(Array(most: node.MinItems - 1), true)];
        if (node.MaxItems is int mostItems)
            yield return [new(Array(least: mostItems + 1), true)];
        if (node.IsUnique)
            throw Unsupported(node, "uniqueItems");

        SchemaNode Array(int least = 0, int? most = null) =>
            new(SchemaNodes.NextId(), node.Pointer) { Types = JsonTypes.Array, MinItems = least, MaxItems = most };
    }

    private static IEnumerable<Literal[]> OfScalars(SchemaNode node)
    {
        if (node.MinLength > 0)
            yield return Text(static one => { }, most: node.MinLength - 1);
        if (node.MaxLength is int most)
            yield return Text(one => one.MinLength = most + 1);
        if (node.Pattern is SchemaPattern pattern)
            yield return [new(new(SchemaNodes.NextId(), node.Pointer) { Types = JsonTypes.String, NoPattern = pattern }, true)];
        // A format is an annotation to some: that a value does not have it makes it invalid to none.
        if (node.Minimum is JsonNumber minimum)
            yield return Number(one => one.ExclusiveMaximum = minimum);
        if (node.ExclusiveMinimum is JsonNumber above)
            yield return Number(one => one.Maximum = above);
        if (node.Maximum is JsonNumber maximum)
            yield return Number(one => one.ExclusiveMinimum = maximum);
        if (node.ExclusiveMaximum is JsonNumber below)
            yield return Number(one => one.Minimum = below);
        if (node.MultipleOf is JsonNumber step)
            yield return [new(new(SchemaNodes.NextId(), node.Pointer) { Types = JsonTypes.Number | JsonTypes.Integer, NoMultipleOf = step }, true)];

        Literal[] Text(Action<SchemaNode> set, int? most = null)
        {
            SchemaNode one = New(node);
            (one.Types, one.MaxLength) = (JsonTypes.String, most);
            set(one);
            return [new(one, true)];
        }

        Literal[] Number(Action<SchemaNode> set)
        {
            SchemaNode one = New(node);
            one.Types = JsonTypes.Number | JsonTypes.Integer;
            set(one);
            return [new(one, true)];
        }
    }
}
