using System.Text;
using System.Text.Json.Nodes;

namespace MeKi.Server.Tests;

/// <summary>Requests and answers as JSON.</summary>
internal static class Asking
{
    public static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    /// <summary>The answer to a request, which has to be one.</summary>
    public static async Task<JsonNode> AskAsync(this HttpClient client, string path, string body)
    {
        using HttpResponseMessage response = await client.PostAsync(path, Json(body));
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }

    /// <summary>The events of a stream but for the last, which has to be OpenAI's.</summary>
    public static async Task<JsonNode[]> StreamAsync(this HttpClient client, string path, string body)
    {
        using HttpResponseMessage response = await client.PostAsync(path, Json(body));
        string[] events = (await response.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("data: [DONE]", events[^1]);
        return [.. events[..^1].Select(each => JsonNode.Parse(each["data: ".Length..])!)];
    }

    /// <summary>The status and the error of a request, which has to be refused.</summary>
    public static async Task<(int Status, string? Code, string? Parameter)> RefusedAsync(this HttpClient client, string path, HttpContent body)
    {
        using HttpResponseMessage response = await client.PostAsync(path, body);
        JsonNode error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        Assert.NotEqual("", (string?)error["message"]);
        return ((int)response.StatusCode, (string?)error["code"], (string?)error["param"]);
    }
}
