using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeKi.Model.Embeddings;
using MeKi.Server.Errors;
using MeKi.Server.Requests;
using MeKi.Server.Responses;

namespace MeKi.Server.Endpoints;

/// <summary><c>/v1/embeddings</c>: vectors of texts.</summary>
internal sealed class EmbeddingVectors(ServedModel served)
{
    private const int MostTexts = 2048;

    public async Task AnswerAsync(Exchange exchange)
    {
        RequestFields fields = await exchange.ReadAsync().ConfigureAwait(false);
        served.CheckName(fields);
        string[] texts = Texts(fields);
        int? dimensions = fields.Whole("dimensions", 1, served.Model.Config.HiddenSize);
        string format = fields.Text("encoding_format") ?? "float";
        if (format is not ("float" or "base64"))
            throw ApiException.Invalid("encoding_format", "'encoding_format' must be float or base64.");
        IReadOnlyList<TextEmbedding> vectors = await served.Model.EmbedAsync(texts, dimensions, null, exchange.Cancellation).ConfigureAwait(false);
        int tokens = vectors.Sum(each => each.Tokens);
        exchange.Facts.Add(tokens, 0, 0);
        await exchange.WriteAsync(
            new("list", [.. vectors.Select((each, i) => new EmbeddingItem("embedding", i, Vector(each.Vector, format)))], served.Name, new(tokens, tokens)),
            ServerJson.Default.EmbeddingList).ConfigureAwait(false);
    }

    private string[] Texts(RequestFields fields)
    {
        JsonElement input = fields.Find("input") ?? throw fields.Missing("input");
        if (input.ValueKind == JsonValueKind.String)
            return [NotEmpty(RequestFields.Text(input, "input"), "input")];
        (JsonElement Value, string Path)[] list = fields.List("input", served.Model.Config.ContextLength + MostTexts)!;
        if (list.Length == 0)
            throw ApiException.Invalid("input", "'input' is empty.");
        if (list[0].Value.ValueKind == JsonValueKind.Number)
            return [Decoded(list)];
        if (list.Length > MostTexts)
            throw ApiException.Invalid("input", $"{list.Length} texts are more than {MostTexts}.");
        return [.. list.Select(each => NotEmpty(each.Value.ValueKind == JsonValueKind.Array
            ? Decoded([.. each.Value.EnumerateArray().Select(id => (id, each.Path))]) : RequestFields.Text(each.Value, each.Path), each.Path))];
    }

    // Clients that cut texts themselves send ids.
    private string Decoded((JsonElement Value, string Path)[] ids) =>
        served.Tokenizer.Decode([.. ids.Select(each => served.CheckToken(RequestFields.Whole(each.Value, each.Path), each.Path))]);

    private static string NotEmpty(string text, string path) =>
        text.Length > 0 ? text : throw ApiException.Invalid(path, $"'{path}' is empty.");

    private static JsonNode Vector(float[] vector, string format) => format == "base64"
        ? JsonValue.Create(Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan())))
        : new JsonArray([.. vector.Select(each => (JsonNode)JsonValue.Create(each))]);
}
