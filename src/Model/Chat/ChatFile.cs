using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using MeKi.Store.Storage;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Chat;

/// <summary>A conversation in a file: its messages, the text of prompt and reply so far, and the tokens that were computed for it.</summary>
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class ChatFile : JsonSerializerContext
{
    // Some thousands of messages have some tens of thousands of values.
    private const int MostBytes = 64 << 20, MostValues = 200_000;
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
            byte[] bytes = RegularFile.ReadAllBytes(path, MostBytes);
            if (bytes.Length == 0)
                throw new ModelFileException(path, "", "is empty or no regular file", Remedy);
            return Read(path, bytes, vocabulary);
        }
        catch (Exception failure) when (failure is JsonException or FormatException or InvalidOperationException or NullReferenceException or ArgumentException)
        {
            throw new ModelFileException(path, "", $"is no conversation: {failure.Message.TrimEnd('.')}", Remedy, failure);
        }
        catch (UnusableFileException failure)
        {
            throw new ModelFileException(path, "", failure.IsMissing ? "there is no such file" : failure.Problem, Remedy, failure);
        }
    }

    private static (List<ChatMessage> Messages, KnownText Known) Read(string path, ReadOnlySpan<byte> text, int vocabulary)
    {
        JsonArray? messages = null;
        string known = "";
        List<int> tokens = [];
        Utf8JsonReader json = new(text);
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            throw new JsonException("it has no messages");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            string? name = json.GetString();
            json.Read();
            if (name == "messages")
            {
                CheckValues(json, path);
                messages = JsonNode.Parse(ref json) as JsonArray;
            }
            else if (name == "text")
                known = json.GetString() ?? "";
            else if (name == "tokens" && json.TokenType == JsonTokenType.StartArray)
            {
                // One by one: as nodes they would take a hundred times their room in the file.
                while (json.Read() && json.TokenType != JsonTokenType.EndArray)
                    tokens.Add((uint)json.GetInt32() < (uint)vocabulary ? json.GetInt32() : throw new ModelFileException(path, "tokens",
                        "an id is outside the model's vocabulary", "Go on with the model it was saved with"));
            }
            else
                json.Skip();
        }
        json.Read();
        return messages is null ? throw new ModelFileException(path, "", "is no conversation: it has no messages", Remedy)
            : ([.. messages.Select(ChatJson.Read)], new(known, tokens));
    }

    private static void CheckValues(Utf8JsonReader json, string path)
    {
        int depth = json.CurrentDepth, values = 0;
        while (json.Read() && json.CurrentDepth > depth)
        {
            if (++values > MostValues)
                throw new ModelFileException(path, "messages", $"more than {MostValues} values are none of a conversation", Remedy);
        }
    }
}
