using System.Text.Json;
using MeKi.Server.Errors;
using Microsoft.Extensions.AI;

namespace MeKi.Server.Requests;

/// <summary><c>response_format</c>, in OpenAI's way.</summary>
internal static class ResponseFormat
{
    /// <summary>What the answer must be; null for any text.</summary>
    public static ChatResponseFormatJson? Read(RequestFields fields)
    {
        if (fields.Object("response_format") is not { } format)
            return null;
        string type = format.RequiredText("type");
        switch (type)
        {
            case "text":
                return null;
            case "json_object":
                return ChatResponseFormat.Json;
            case "json_schema":
                RequestFields named = format.Object("json_schema") ?? throw format.Missing("json_schema");
                JsonElement schema = named.Find("schema") ?? throw named.Missing("schema");
                return ChatResponseFormat.ForJsonSchema(schema.Clone(), named.Text("name"), named.Text("description"));
            default:
                throw ApiException.Invalid(
                    format.PathOf("type"), $"There is no response format '{UntrustedText.Line(type, 40)}': text, json_object, json_schema.");
        }
    }
}
