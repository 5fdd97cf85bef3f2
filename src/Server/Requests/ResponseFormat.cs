using System.Text.Json;
using MeKi.Server.Errors;
using Microsoft.Extensions.AI;

namespace MeKi.Server.Requests;

/// <summary>What form an answer has: <c>response_format</c> of chats and completions, <c>text.format</c> of responses.</summary>
internal static class ResponseFormat
{
    /// <summary>What the answer must be; null for any text.</summary>
    public static ChatResponseFormatJson? Read(RequestFields? given)
    {
        if (given is not { } format)
            return null;
        string type = format.RequiredText("type");
        switch (type)
        {
            case "text":
                return null;
            // llama.cpp's clients say the schema here, too.
            case "json_object":
                return format.Find("schema") is { } own ? ChatResponseFormat.ForJsonSchema(Schema(own, format)) : ChatResponseFormat.Json;
            case "json_schema":
                // Beside the type in responses, within an object of its own in chats.
                RequestFields named = format.Object("json_schema") ?? (format.Find("schema") is null ? throw format.Missing("json_schema") : format);
                return ChatResponseFormat.ForJsonSchema(
                    Schema(named.Find("schema") ?? throw named.Missing("schema"), named), named.Text("name"), named.Text("description"));
            default:
                throw ApiException.Invalid(
                    format.PathOf("type"), $"There is no response format '{UntrustedText.Line(type, 40)}': text, json_object, json_schema.");
        }
    }

    private static JsonElement Schema(JsonElement schema, RequestFields fields) =>
        schema.ValueKind is JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False ? schema.Clone()
            : throw RequestFields.Wrong(fields.PathOf("schema"), "a JSON schema", schema);
}
