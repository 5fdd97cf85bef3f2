using System.Text.Json;
using MeKi.Model.Grammars;
using MeKi.Model.Replies;
using Microsoft.Extensions.AI;

namespace MeKi.Masks;

/// <summary>Grammars as users write them.</summary>
internal static class Cases
{
    private const string Order = """
        { "type": "object", "required": ["id", "customer", "lines", "status"], "additionalProperties": false, "properties": {
          "id": { "type": "string", "format": "uuid" }, "created": { "type": "string", "format": "date-time" },
          "status": { "enum": ["new", "paid", "shipped", "returned"] },
          "customer": { "$ref": "#/$defs/person" }, "deliver": { "anyOf": [{ "$ref": "#/$defs/person" }, { "type": "null" }] },
          "lines": { "type": "array", "minItems": 1, "maxItems": 50, "items": { "type": "object", "required": ["sku", "count", "price"], "properties": {
            "sku": { "type": "string", "pattern": "^[A-Z]{3}-[0-9]{4,8}$" }, "count": { "type": "integer", "minimum": 1, "maximum": 999 },
            "price": { "type": "number", "minimum": 0, "multipleOf": 0.01 }, "note": { "type": "string", "maxLength": 200 },
            "tags": { "type": "array", "items": { "type": "string" }, "uniqueItems": true } } } } },
          "$defs": { "person": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string", "minLength": 1 },
            "email": { "type": "string", "format": "email" }, "age": { "type": ["integer", "null"], "minimum": 0 },
            "address": { "type": "object", "properties": { "street": { "type": "string" }, "city": { "type": "string" }, "zip": { "type": "string" } } } } } } }
        """;

    private const string JsonRules = """"
        root   ::= object
        value  ::= object | array | string | number | ("true" | "false" | "null") ws
        object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
        array  ::= "[" ws ( value ("," ws value)* )? "]" ws
        string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
        number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
        ws ::= | " " | "\n" [ \t]{0,20}
        """";

    public static IEnumerable<(string Name, Func<Grammar> Load)> All =>
    [
        ("JSON", () => Grammar.FromJsonSchema("true")),
        ("schema of an order", () => Grammar.FromJsonSchema(Order)),
        ("schema, 400 properties", () => Grammar.FromJsonSchema(Large)),
        ("GBNF of JSON", () => Grammar.FromGbnf(JsonRules)),
        ("regular expression", () => Grammar.FromRegex("(\\w+ ){3,40}on [0-9]{4}-[0-9]{2}-[0-9]{2}\\.")),
        ("calls, Qwen 3", () => Calls("<tool_call> <think>")),
        ("calls, Qwen 3.5", () => Calls("<function= <parameter= <think>")),
        ("calls, Gemma 4", () => Calls("<|tool_call> <|channel>")),
    ];

    private static string Large { get; } = JsonSerializer.Serialize(new Dictionary<string, object>
    {
        ["type"] = "object",
        ["properties"] = Enumerable.Range(0, 400).ToDictionary(i => $"property{i}", i => (object)new Dictionary<string, object>
        {
            ["type"] = i % 3 == 0 ? "string" : i % 3 == 1 ? "integer" : "boolean",
            ["description"] = "What it is about.",
        }),
        ["required"] = Enumerable.Range(0, 20).Select(i => $"property{i * 7}").ToArray(),
    });

    private static Grammar Calls(string template) => Grammar.ForToolCalls(ReplyFormat.FromTemplate(template),
        [.. Enumerable.Range(0, 8).Select(i => AIFunctionFactory.CreateDeclaration($"tool_{i}", null, JsonDocument.Parse(Order).RootElement))],
        ChatToolMode.RequireAny);
}
