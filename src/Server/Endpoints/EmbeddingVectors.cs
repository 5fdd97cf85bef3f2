using System.Text.Json;
using MeKi.Model;
using MeKi.Model.Embeddings;
using MeKi.Server.Errors;
using MeKi.Server.Requests;
using MeKi.Server.Responses;

namespace MeKi.Server.Endpoints;

/// <summary><c>/v1/embeddings</c>: vectors of texts.</summary>
internal sealed class EmbeddingVectors(ServedModel served)
{
    private const string Input = "input";
    private const int MostTexts = 2048;

    private readonly Embedder _embedder = served.Model.Loaded.Embedder;

    public async Task AnswerAsync(Exchange exchange)
    {
        RequestFields fields = await exchange.ReadAsync().ConfigureAwait(false);
        served.CheckName(fields);
        int? dimensions = fields.Whole("dimensions", 1, served.Model.Config.HiddenSize);
        string format = fields.Text("encoding_format") ?? "float";
        if (format is not ("float" or "base64"))
            throw ApiException.Invalid("encoding_format", "'encoding_format' must be float or base64.");
        int[][] texts = Texts(fields);
        TextEmbedding[] vectors = await _embedder.EmbedAsync(texts, dimensions ?? served.Model.Config.HiddenSize, null, exchange.Cancellation)
            .ConfigureAwait(false);
        int tokens = texts.Sum(each => each.Length);
        exchange.Facts.Add(tokens, 0, 0);
        await exchange.WriteAsync(
            new("list", [.. vectors.Select((each, i) => new EmbeddingItem("embedding", i, new(each.Vector, format == "base64")))], served.Name,
                new(tokens, tokens)),
            ServerJson.Default.EmbeddingList).ConfigureAwait(false);
    }

    private int[][] Texts(RequestFields fields)
    {
        JsonElement input = fields.Find(Input) ?? throw fields.Missing(Input);
        if (input.ValueKind == JsonValueKind.String)
            return [Tokens(input, Input)];
        (JsonElement Value, string Path)[] list = fields.List(Input, served.Model.Config.ContextLength + MostTexts)!;
        if (list.Length == 0)
            throw ApiException.Invalid(Input, "'input' is empty.");
        if (list[0].Value.ValueKind == JsonValueKind.Number)
            return [Ids(list, Input)];
        if (list.Length > MostTexts)
            throw ApiException.Invalid(Input, $"{list.Length} texts are more than {MostTexts}.");
        return [.. list.Select(each => each.Value.ValueKind == JsonValueKind.Array
            ? Ids(RequestFields.List(each.Value, each.Path, int.MaxValue), each.Path) : Tokens(each.Value, each.Path))];
    }

    private int[] Tokens(JsonElement value, string path)
    {
        string text = RequestFields.Text(value, path);
        if (text.Length == 0)
            throw ApiException.Invalid(path, $"'{path}' is empty.");
        try
        {
            int[] ids = _embedder.TokensOf(text);
            served.CheckText(ids.Length, path);
            return ids;
        }
        catch (ContextOverflowException full)
        {
            throw Failures.TooLong(full.Tokens, full.ContextLength, path);
        }
        catch (ArgumentException)
        {
            throw ApiException.Invalid(path, $"'{path}' has no tokens.");
        }
    }

    // Clients that cut texts themselves send ids: these are taken as they are.
    private int[] Ids((JsonElement Value, string Path)[] list, string path)
    {
        if (list.Length == 0)
            throw ApiException.Invalid(path, $"'{path}' is empty.");
        served.CheckText(list.Length, path);
        return [.. list.Select(each => served.CheckToken(RequestFields.Whole(each.Value, each.Path), each.Path))];
    }
}
