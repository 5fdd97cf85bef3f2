using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Chat;

/// <summary>A conversation in a file: its messages, the text of prompt and reply so far, and the tokens that were computed for it.</summary>
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class ChatFile : JsonSerializerContext
{
    private const long MostBytes = 256 << 20;
    private const string Remedy = "Name a file that a conversation was saved to";

    public static byte[] Write(IEnumerable<ChatMessage> messages, KnownText known)
    {
        JsonObject json = new() { ["messages"] = ChatJson.Of(messages), ["text"] = known.Text, ["tokens"] =
            new JsonArray([.. known.Tokens.Select(id => (JsonNode)id)]) };
        return JsonSerializer.SerializeToUtf8Bytes(json, Default.JsonObject);
    }

    /// <param name="path">The file.</param>
    /// <param name="vocabulary">Tokens that there are.</param>
    /// <exception cref="ModelFileException">The file cannot be read or is no conversation.</exception>
    public static (List<ChatMessage> Messages, KnownText Known) Read(string path, int vocabulary)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MostBytes })
                throw new ModelFileException(path, "", $"has more than {MostBytes >> 20} MB", Remedy);
            if (JsonNode.Parse(File.ReadAllBytes(path)) is not JsonObject json || json["messages"] is not JsonArray messages)
                throw new ModelFileException(path, "", "is no conversation: it has no messages", Remedy);
            List<int> tokens = [.. (json["tokens"] as JsonArray ?? []).Select(node => node!.GetValue<int>())];
            if (tokens.Any(token => (uint)token >= (uint)vocabulary))
                throw new ModelFileException(path, "tokens", "an id is outside the model's vocabulary", "Go on with the model it was saved with");
            return ([.. messages.Select(ChatJson.Read)], new(json["text"]?.GetValue<string>() ?? "", tokens));
        }
        catch (Exception failure) when (failure is JsonException or FormatException or InvalidOperationException
            or NullReferenceException or ArgumentException)
        {
            throw new ModelFileException(path, "", $"is no conversation: {failure.Message.TrimEnd('.')}", Remedy, failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ModelFileException(path, "", failure is FileNotFoundException ? "there is no such file"
                : $"cannot be read: {failure.Message.TrimEnd('.')}",
                Remedy, failure);
        }
    }
}
