using System.Text.Json.Nodes;

namespace MeKi.Tests.Grammars;

/// <summary>Random JSON schemas of all the keywords that are enforced.</summary>
internal sealed class RandomSchemas(int seed)
{
    private static readonly string[] s_names = ["a", "b", "ab", "name", "id", "kind", "foo", "x-1", "é"];

    private static readonly string[] s_patterns = ["^[a-z]+$", "^a", "b$", "[0-9]{2,3}", "^x-", "^(foo|bar)?$", "^[^x]*$", "^\\w{1,5}$", "é|a.c"];

    private static readonly string[] s_formats = ["date", "time", "date-time", "uuid", "ipv4", "ipv6", "email", "duration", "hostname", "uri"];

    private readonly Random _random = new(seed);

    public JsonNode Next(int depth = 3) => depth == 3 && _random.Next(8) == 0 ? Recursive() : Schema(depth);

    private bool One(int of) => _random.Next(of) == 0;

    private T Pick<T>(T[] from) => from[_random.Next(from.Length)];

    private static JsonObject Recursive() => new()
    {
        ["$defs"] = new JsonObject
        {
            ["tree"] = new JsonObject
            {
                ["type"] = "object",
                ["properties"] = new JsonObject { ["id"] = new JsonObject { ["type"] = "integer" }, ["kids"] = new JsonObject
                {
                    ["type"] = "array", ["items"] = new JsonObject { ["$ref"] = "#/$defs/tree" }, ["maxItems"] = 2,
                } },
                ["required"] = new JsonArray("id"),
                ["additionalProperties"] = false,
            },
        },
        ["$ref"] = "#/$defs/tree",
    };

    private JsonNode Schema(int depth)
    {
        if (depth == 0)
            return Scalar();
        return _random.Next(12) switch
        {
            0 or 1 or 2 or 3 => Object(depth),
            4 or 5 => Array(depth),
            6 => new JsonObject { [Pick(["anyOf", "oneOf", "allOf"])] = List(depth - 1, 2, 3) },
            7 => Condition(depth),
            8 => new JsonObject { ["type"] = new JsonArray("string", "null", "integer"), ["not"] = Schema(0) },
            _ => Scalar(),
        };
    }

    private JsonArray List(int depth, int least, int most) => [.. Enumerable.Range(0, _random.Next(least, most + 1)).Select(_ => Schema(depth))];

    private JsonObject Condition(int depth)
    {
        JsonObject schema = new() { ["if"] = Schema(depth - 1), ["then"] = Schema(depth - 1) };
        if (One(2))
            schema["else"] = Schema(depth - 1);
        return schema;
    }

    private JsonObject Object(int depth)
    {
        JsonObject schema = new() { ["type"] = "object" };
        string[] names = [.. s_names.OrderBy(_ => _random.Next()).Take(_random.Next(1, 5))];
        JsonObject properties = [];
        foreach (string name in names)
            properties[name] = Schema(depth - 1);
        schema["properties"] = properties;
        if (One(2))
            schema["required"] = new JsonArray([.. names.Take(_random.Next(names.Length + 1)).Select(static name => (JsonNode)name)]);
        if (One(2))
            schema["additionalProperties"] = One(2) ? false : Schema(depth - 1);
        if (One(5))
            schema["patternProperties"] = new JsonObject { [Pick(s_patterns)] = Schema(depth - 1) };
        if (One(6))
            schema["propertyNames"] = new JsonObject { ["maxLength"] = 4 };
        if (One(5))
            schema["minProperties"] = _random.Next(3);
        if (One(5))
            schema["maxProperties"] = _random.Next(1, 6);
        if (One(6))
            schema["dependentRequired"] = new JsonObject { [names[0]] = new JsonArray(names[^1]) };
        if (One(8))
            schema["dependentSchemas"] = new JsonObject { [names[0]] = new JsonObject { ["minProperties"] = 2 } };
        if (One(8))
            schema["not"] = new JsonObject { ["required"] = new JsonArray(names[0]) };
        return schema;
    }

    private JsonObject Array(int depth)
    {
        JsonObject schema = new() { ["type"] = "array" };
        if (One(3))
            schema["prefixItems"] = List(depth - 1, 1, 2);
        if (!One(4))
            schema["items"] = One(6) ? false : Schema(depth - 1);
        if (One(3))
            schema["minItems"] = _random.Next(3);
        if (One(3))
            schema["maxItems"] = _random.Next(1, 5);
        if (One(4))
            schema["uniqueItems"] = true;
        if (One(4))
        {
            schema["contains"] = Schema(0);
            if (One(2))
                schema["minContains"] = _random.Next(3);
            if (One(2))
                schema["maxContains"] = _random.Next(1, 4);
        }
        return schema;
    }

    private JsonNode Scalar()
    {
        switch (_random.Next(12))
        {
            case 0:
                return true;
            case 1:
                return new JsonObject { ["type"] = Pick(["null", "boolean", "number", "integer", "string", "object", "array"]) };
            case 2:
                return new JsonObject { ["enum"] = new JsonArray(1, "a", "abc", null, true, new JsonArray(1, "x"), new JsonObject { ["a"] = 1, ["b"] = "y" }) };
            case 3:
                return JsonNode.Parse($$"""{"const":{{Pick(["5", "\"foo\"", "null", "[true]", "2.5", "{\"id\":1}"])}}}""")!;
            case 4 or 5:
                JsonObject number = new() { ["type"] = One(2) ? "integer" : "number" };
                if (One(2))
                    number[Pick(["minimum", "exclusiveMinimum"])] = _random.Next(-50, 20);
                if (One(2))
                    number[Pick(["maximum", "exclusiveMaximum"])] = _random.Next(20, 2000);
                if (One(3))
                    number["multipleOf"] = Pick([2, 3, 0.5, 0.25, 7]);
                return number;
            case 6:
                return new JsonObject { ["type"] = "string", ["format"] = Pick(s_formats) };
            case 7:
                return new JsonObject { ["type"] = "string", ["pattern"] = Pick(s_patterns), ["minLength"] = _random.Next(3) };
            case 8:
                return new JsonObject { ["enum"] = new JsonArray("cat", "dog", "é\"\\\n") };
            default:
                JsonObject text = new() { ["type"] = "string" };
                if (One(2))
                    text["minLength"] = _random.Next(6);
                if (One(2))
                    text["maxLength"] = _random.Next(6, 12);
                return text;
        }
    }
}
