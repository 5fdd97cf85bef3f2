namespace MeKi.Model.Grammars.Schemas;

/// <summary>The keywords of JSON Schema by what is done with them.</summary>
internal static class SchemaKeywords
{
    /// <summary>Keywords whose value is a schema.</summary>
    public static HashSet<string> OfSchema { get; } =
    [
        "additionalProperties", "additionalItems", "items", "contains", "propertyNames", "not", "if", "then", "else", "unevaluatedItems",
            "unevaluatedProperties",
        "contentSchema",
    ];

    /// <summary>Keywords whose value is a list of schemas.</summary>
    public static HashSet<string> OfList { get; } = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];

    /// <summary>Keywords whose value has a schema for each of its properties.</summary>
    public static HashSet<string> OfMap { get; } = ["properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"];

    /// <summary>Keywords that say nothing of which values are valid.</summary>
    public static HashSet<string> Annotations { get; } =
    [
        "$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$comment", "$defs", "definitions", "$vocabulary", "title", "description", "default", "examples",
        "example", "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "contentSchema", "xml", "externalDocs",
    ];

    /// <summary>Keywords that no later draft has, and what took their place.</summary>
    public static Dictionary<string, string> OfDraft3 { get; } = new() { ["divisibleBy"] = "multipleOf", ["disallow"] = "not", ["extends"] = "allOf" };

    /// <summary>Keywords that are read.</summary>
    public static HashSet<string> Read { get; } =
    [
        "$ref", "$dynamicRef", "$recursiveRef", "$recursiveAnchor", "type", "enum", "const", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
        "dependentSchemas", "dependentRequired", "dependencies", "properties", "patternProperties", "additionalProperties", "propertyNames", "required",
        "minProperties", "maxProperties", "prefixItems", "items", "additionalItems", "contains", "minContains", "maxContains", "minItems", "maxItems",
        "uniqueItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
        "unevaluatedProperties", "unevaluatedItems",
    ];
}
