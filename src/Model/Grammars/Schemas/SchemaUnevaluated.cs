using System.Runtime.CompilerServices;
using System.Text.Json;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>
/// <c>unevaluatedProperties</c> and <c>unevaluatedItems</c> where it is plain from the schema what is evaluated: beside keywords of the same schema, and of
/// schemas that hold in any case.
/// </summary>
internal sealed class SchemaUnevaluated(SchemaReader reader, SchemaIndex index)
{
    /// <summary>Reads the keyword.</summary>
    /// <exception cref="GrammarException">What is evaluated depends on the value.</exception>
    public void Read(SchemaNode node, SchemaKeyword keyword)
    {
        Literal schema = reader.Schema(keyword);
        HashSet<string> names = [];
        List<SchemaPattern> patterns = [];
        int prefix = 0;
        bool isProperties = keyword.Name == "unevaluatedProperties";
        if (!(isProperties ? Collect(keyword.Place, keyword, names, patterns, []) : CollectItems(keyword.Place, keyword, ref prefix, [])))
            return;
        if (isProperties)
            node.KeyRules.Add((new(names, patterns, IsRest: true), schema));
        else
        {
            SchemaNode rest = new(SchemaNodes.NextId(), keyword.Pointer) { Types = JsonTypes.All, Prefix = [.. Enumerable.Repeat(SchemaNodes.True, prefix)],
                Items = schema };
            node.All.Add(new(rest, true));
        }
    }

    // Whether anything is left that is not evaluated.
    private bool Collect(SchemaPlace place, SchemaKeyword keyword, HashSet<string> names, List<SchemaPattern> patterns, HashSet<string> seen)
    {
        if (place.Element.ValueKind != JsonValueKind.Object)
            return true;
        bool isLeft = true, isAll;
        foreach ((_, SchemaPlace inner) in Parts(place, keyword, seen, ["unevaluatedProperties", "additionalProperties"], out isAll))
            isLeft &= Collect(inner, keyword, names, patterns, seen);
        if (place.Element.TryGetProperty("properties", out var properties))
            names.UnionWith(properties.EnumerateObject().Select(static property => property.Name));
        if (place.Element.TryGetProperty("patternProperties", out var keys))
            patterns.AddRange(keys.EnumerateObject().Select(property => reader.Pattern(property.Name, place.Pointer + "/patternProperties")));
        return isLeft && !isAll;
    }

    private bool CollectItems(SchemaPlace place, SchemaKeyword keyword, ref int prefix, HashSet<string> seen)
    {
        if (place.Element.ValueKind != JsonValueKind.Object)
            return true;
        bool isLeft = true, isAll;
        if (place.Element.TryGetProperty("contains", out _))
            throw Depends(keyword);
        foreach ((_, SchemaPlace inner) in Parts(place, keyword, seen, ["unevaluatedItems", "items", "additionalItems"], out isAll))
            isLeft &= CollectItems(inner, keyword, ref prefix, seen);
        // Draft 2019-09 calls a list of schemas items.
        foreach (string list in (ReadOnlySpan<string>)["prefixItems", "items"])
        {
            if (place.Element.TryGetProperty(list, out var items) && items.ValueKind == JsonValueKind.Array)
                prefix = Math.Max(prefix, items.GetArrayLength());
        }
        return isLeft && !isAll;
    }

    private List<(string Name, SchemaPlace Place)> Parts(SchemaPlace place, SchemaKeyword keyword, HashSet<string> seen, string[] ends, out bool isAll)
    {
        // References lead on without nesting.
        RuntimeHelpers.EnsureSufficientExecutionStack();
        isAll = false;
        List<(string, SchemaPlace)> parts = [];
        if (place.Element.ValueKind != JsonValueKind.Object || !seen.Add(place.Pointer))
            return parts;
        foreach (var property in place.Element.EnumerateObject())
        {
            bool isOwn = place.Pointer == keyword.Place.Pointer && property.Name == keyword.Name;
            if (!isOwn && ends.Contains(property.Name))
                isAll |= IsAll(place, property);
            else if (property.Name is "anyOf" or "oneOf" or "if" or "dependentSchemas" or "dependencies" or "$dynamicRef" or "$recursiveRef")
                throw Depends(keyword);
            else if (property.Name == "$ref" && property.Value.GetString() is string reference)
                parts.Add((property.Name, index.Find(reference, place)
                    ?? throw SchemaReader.Fault(place.Pointer + "/$ref", "refers to what is not in the schema")));
            else if (property.Name == "allOf")
            {
                int i = 0;
                foreach (var inner in property.Value.EnumerateArray())
                    parts.Add((property.Name, index.At(inner, $"{place.Pointer}/allOf/{i++}", place.Base)));
            }
        }
        return parts;
    }

    // A list of schemas is for as many elements, and additionalItems means something only beside one.
    private static bool IsAll(SchemaPlace place, JsonProperty end) => end.Name switch
    {
        "items" => end.Value.ValueKind != JsonValueKind.Array,
        "additionalItems" => place.Element.TryGetProperty("items", out var items) && items.ValueKind == JsonValueKind.Array,
        _ => true,
    };

    private static GrammarException Depends(SchemaKeyword keyword) =>
        keyword.Unsupported("What is evaluated depends on the value: list the properties, and use additionalProperties or items");
}
