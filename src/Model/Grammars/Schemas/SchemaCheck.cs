using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>Whether a whole value is valid.</summary>
/// <param name="isOffered">Whether formats count, as they do for values that are generated.</param>
internal sealed class SchemaCheck(bool isOffered)
{
    /// <summary>Whether a value is what a literal says.</summary>
    public bool IsValid(Literal literal, JsonValue value) => IsValid(literal.Node, value) == literal.Holds;

    private static JsonTypes TypesOf(JsonValue value) => value.Kind switch
    {
        JsonKind.Null => JsonTypes.Null,
        JsonKind.False or JsonKind.True => JsonTypes.Boolean,
        JsonKind.Number => value.Number.Exponent >= 0 ? JsonTypes.Number | JsonTypes.Integer : JsonTypes.Number,
        JsonKind.String => JsonTypes.String,
        JsonKind.Array => JsonTypes.Array,
        _ => JsonTypes.Object,
    };

    private bool IsValid(SchemaNode node, JsonValue value)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if ((node.Types & TypesOf(value)) == 0 || node.Values.Any(list => !list.Contains(value)) || node.Excluded.Contains(value))
            return false;
        bool isValid = value.Kind switch
        {
            JsonKind.Number => IsNumberValid(node, value.Number),
            JsonKind.String => IsTextValid(node, value.Text),
            JsonKind.Array => IsArrayValid(node, value.Items),
            JsonKind.Object => IsObjectValid(node, value),
            _ => true,
        };
        if (!isValid || !node.All.TrueForAll(one => IsValid(one, value)) || (node.AnyOf.Length > 0 && !Array.Exists(node.AnyOf, one => IsValid(one, value)))
            || (node.OneOf.Length > 0 && node.OneOf.Count(one => IsValid(one, value)) != 1))
        {
            return false;
        }
        return node.If is not Literal condition || ((IsValid(condition, value) ? node.Then : node.Else) is not Literal then || IsValid(then, value));
    }

    private bool IsNumberValid(SchemaNode node, JsonNumber number) =>
        !(node.Minimum?.CompareTo(number) > 0) && !(node.Maximum?.CompareTo(number) < 0) && !(node.ExclusiveMinimum?.CompareTo(number) >= 0)
        && !(node.ExclusiveMaximum?.CompareTo(number) <= 0) && !(node.MultipleOf is JsonNumber step && !number.IsMultipleOf(step))
        && !(node.NoMultipleOf is JsonNumber other && number.IsMultipleOf(other))
        && !(isOffered && node.FormatRange is var (least, most) && (number.CompareTo(least) < 0 || number.CompareTo(most) > 0));

    private bool IsTextValid(SchemaNode node, string text)
    {
        if (node.MinLength > 0 || node.MaxLength is not null)
        {
            int length = text.EnumerateRunes().Count();
            if (length < node.MinLength || length > node.MaxLength)
                return false;
        }
        return node.Pattern?.Dfa(isOffered).Accepts(text) != false && node.NoPattern?.Dfa(isOffered).Accepts(text) != true
            && !(isOffered && node.Format?.Dfa(isOffered).Accepts(text) == false);
    }

    private bool IsArrayValid(SchemaNode node, JsonValue[] items)
    {
        if (items.Length < node.MinItems || items.Length > node.MaxItems || (node.IsUnique && items.Distinct().Count() < items.Length))
            return false;
        for (int i = 0; i < items.Length; i++)
        {
            if ((i < node.Prefix.Length ? node.Prefix[i] : node.Items) is Literal schema && !IsValid(schema, items[i]))
                return false;
        }
        if (node.Contains is not Literal contained)
            return true;
        int count = items.Skip(node.ContainsFrom).Count(item => IsValid(contained, item));
        return count >= node.MinContains && !(count > node.MaxContains);
    }

    private bool IsObjectValid(SchemaNode node, JsonValue value)
    {
        string[] names = value.Names;
        if (names.Length < node.MinProperties || names.Length > node.MaxProperties || node.Required.Any(name => value.Find(name) is null))
            return false;
        for (int i = 0; i < names.Length; i++)
        {
            JsonValue item = value.Items[i];
            if ((node.Properties.TryGetValue(names[i], out Literal schema) && !IsValid(schema, item))
                || node.KeyRules.Any(rule => rule.Keys.Contains(names[i]) && !IsValid(rule.Schema, item))
                || (node.PropertyNames is Literal key && !IsValid(key, JsonValue.Of(names[i]))))
            {
                return false;
            }
        }
        if (node.Demand is PropertyDemand demand && !Enumerable.Range(0, names.Length).Any(i => demand.Keys.Contains(names[i])
            && (demand.Key is not Literal key || IsValid(key, JsonValue.Of(names[i])))
                && (demand.Value is not Literal wanted || IsValid(wanted, value.Items[i]))))
        {
            return false;
        }
        return node.Dependent.TrueForAll(one => value.Find(one.Name) is null || IsValid(one.Schema, value));
    }
}
