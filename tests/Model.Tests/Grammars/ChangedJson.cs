using System.Text.Json.Nodes;

namespace MeKi.Tests.Grammars;

/// <summary>Makes other JSON of JSON: a value, a property, an element is changed, left out or added.</summary>
internal static class ChangedJson
{
    private static readonly string[] s_values =
    [
        "0", "5", "-7", "2.5", "21", "150", "3000", "\"\"", "\"a\"", "\"ab\"", "\"foo\"", "\"cat\"", "\"a12\"", "\"a long text\"",
        "null", "true", "false", "[]", "{}",
        "[1,\"x\"]", "[true]", "{\"a\":1,\"b\":\"y\"}", "{\"id\":1}", "[null,null]", "{\"name\":\"b\"}", "[\"cat\",5,5]",
    ];

    private static readonly string[] s_names = ["a", "b", "ab", "name", "id", "kind", "foo", "x-1", "é", "other", "a12", "x-"];

    public static string Of(JsonNode? json, Random random)
    {
        for (int changes = random.Next(1, 3); changes > 0; changes--)
            json = Change(json, random);
        return json?.ToJsonString() ?? "null";
    }

    private static JsonNode? Any(Random random) => JsonNode.Parse(s_values[random.Next(s_values.Length)]);

    private static JsonNode? Change(JsonNode? json, Random random)
    {
        if (json is JsonObject { Count: > 0 } filled && random.Next(3) > 0)
        {
            string name = filled.ElementAt(random.Next(filled.Count)).Key;
            filled[name] = Change(filled[name]?.DeepClone(), random);
            return filled;
        }
        if (json is JsonArray { Count: > 0 } list && random.Next(3) > 0)
        {
            int at = random.Next(list.Count);
            list[at] = Change(list[at]?.DeepClone(), random);
            return list;
        }
        switch (json)
        {
            case JsonObject properties when random.Next(3) > 0:
                if (properties.Count > 0 && random.Next(2) == 0)
                    properties.Remove(properties.ElementAt(random.Next(properties.Count)).Key);
                else
                    properties[s_names[random.Next(s_names.Length)]] = Any(random);
                return properties;
            case JsonArray items when random.Next(3) > 0:
                if (items.Count > 0 && random.Next(2) == 0)
                    items.RemoveAt(random.Next(items.Count));
                else
                    items.Insert(random.Next(items.Count + 1), Any(random));
                return items;
            default:
                return Any(random);
        }
    }
}
