using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>Whether a whole value is valid.</summary>
/// <param name="isOffered">Whether it is generated: then a value that does not have a schema's format is neither valid nor invalid, as a format is an
/// annotation to some and an assertion to others.</param>
internal sealed class SchemaCheck(bool isOffered)
{
    /// <summary>Whether a value is what a literal says.</summary>
    public bool IsValid(Literal literal, JsonValue value) => Is(literal, value, isSure: true);

    /// <summary>Whether a value is what a schema asks itself; what it asks by schemas for the same value is apart.</summary>
    public bool IsOwn(SchemaNode node, JsonValue value) => IsOwn(node, value, isSure: true);

    private static JsonTypes TypesOf(JsonValue value) => value.Kind switch
    {
        JsonKind.Null => JsonTypes.Null,
        JsonKind.False or JsonKind.True => JsonTypes.Boolean,
        JsonKind.Number => value.Number.Exponent >= 0 ? JsonTypes.Number | JsonTypes.Integer : JsonTypes.Number,
        JsonKind.String => JsonTypes.String,
        JsonKind.Array => JsonTypes.Array,
        _ => JsonTypes.Object,
    };

    // Whether a literal holds for certain, or perhaps.
    private bool Is(Literal literal, JsonValue value, bool isSure) => IsValid(literal.Node, value, literal.Holds == isSure) == literal.Holds;

    private bool IsValid(SchemaNode node, JsonValue value, bool isSure)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (!IsOwn(node, value, isSure) || !node.All.TrueForAll(one => Is(one, value, isSure))
            || (node.AnyOf.Length > 0 && !Array.Exists(node.AnyOf, one => Is(one, value, isSure)))
            || (node.OneOf.Length > 0 && !Enumerable.Range(0, node.OneOf.Length).Any(i => IsOnly(node.OneOf, i, value, isSure))))
        {
            return false;
        }
        return node.If is not Literal condition || (Is(condition, value, isSure) && (node.Then is not Literal then || Is(then, value, isSure)))
            || (Is(condition.Not, value, isSure) && (node.Else is not Literal otherwise || Is(otherwise, value, isSure)));
    }

    private bool IsOwn(SchemaNode node, JsonValue value, bool isSure)
    {
        if ((node.Types & TypesOf(value)) == 0 || node.Values.Any(list => !list.Contains(value)) || node.Excluded.Contains(value))
            return false;
        return value.Kind switch
        {
            JsonKind.Number => IsNumberValid(node, value.Number, isSure),
            JsonKind.String => IsTextValid(node, value.Text, isSure),
            JsonKind.Array => IsArrayValid(node, value.Items, isSure),
            JsonKind.Object => IsObjectValid(node, value, isSure),
            _ => true,
        };
    }

    private bool IsOnly(Literal[] literals, int index, JsonValue value, bool isSure)
    {
        for (int i = 0; i < literals.Length; i++)
        {
            if (!Is(i == index ? literals[i] : literals[i].Not, value, isSure))
                return false;
        }
        return true;
    }

    private bool IsNumberValid(SchemaNode node, JsonNumber number, bool isSure) =>
        !(node.Minimum?.CompareTo(number) > 0) && !(node.Maximum?.CompareTo(number) < 0) && !(node.ExclusiveMinimum?.CompareTo(number) >= 0)
        && !(node.ExclusiveMaximum?.CompareTo(number) <= 0) && !(node.MultipleOf is JsonNumber step && !number.IsMultipleOf(step))
        && !(node.NoMultipleOf is JsonNumber other && number.IsMultipleOf(other))
        && !(isOffered && isSure && node.FormatRange is var (least, most) && (number.CompareTo(least) < 0 || number.CompareTo(most) > 0));

    private bool IsTextValid(SchemaNode node, string text, bool isSure)
    {
        if (node.MinLength > 0 || node.MaxLength is not null)
        {
            int length = text.EnumerateRunes().Count();
            if (length < node.MinLength || length > node.MaxLength)
                return false;
        }
        return node.Pattern?.Dfa.Accepts(text) != false && node.NoPattern?.Dfa.Accepts(text) != true
            && !(isOffered && isSure && node.Format?.Dfa.Accepts(text) == false);
    }

    private bool IsArrayValid(SchemaNode node, JsonValue[] items, bool isSure)
    {
        if (items.Length < node.MinItems || items.Length > node.MaxItems || (node.IsUnique && items.Distinct().Count() < items.Length))
            return false;
        for (int i = 0; i < items.Length; i++)
        {
            if ((i < node.Prefix.Length ? node.Prefix[i] : node.Items) is Literal schema && !Is(schema, items[i], isSure))
                return false;
        }
        if (node.Contains is not Literal contained)
            return true;
        int count = items.Skip(node.ContainsFrom).Count(item => Is(contained, item, isSure));
        return count >= node.MinContains && !(items.Skip(node.ContainsFrom).Count(item => !Is(contained.Not, item, isSure)) > node.MaxContains);
    }

    private bool IsObjectValid(SchemaNode node, JsonValue value, bool isSure)
    {
        string[] names = value.Names;
        if (names.Length < node.MinProperties || names.Length > node.MaxProperties || node.Required.Any(name => value.Find(name) is null))
            return false;
        for (int i = 0; i < names.Length; i++)
        {
            JsonValue item = value.Items[i];
            if ((node.Properties.TryGetValue(names[i], out Literal schema) && !Is(schema, item, isSure))
                || node.KeyRules.Any(rule => rule.Keys.Contains(names[i]) && !Is(rule.Schema, item, isSure))
                || (node.PropertyNames is Literal key && !Is(key, JsonValue.Of(names[i]), isSure)))
            {
                return false;
            }
        }
        if (node.Demand is PropertyDemand demand && !Enumerable.Range(0, names.Length).Any(i => demand.Keys.Contains(names[i])
            && (demand.Key is not Literal key || Is(key, JsonValue.Of(names[i]), isSure))
            && (demand.Value is not Literal wanted || Is(wanted, value.Items[i], isSure))))
        {
            return false;
        }
        return node.Dependent.TrueForAll(one => value.Find(one.Name) is null || Is(one.Schema, value, isSure));
    }
}
