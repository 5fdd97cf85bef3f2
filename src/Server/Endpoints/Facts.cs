using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using MeKi.Model;
using MeKi.Server.Errors;
using MeKi.Server.Requests;
using MeKi.Server.Responses;

namespace MeKi.Server.Endpoints;

/// <summary>What is answered at once: models, tokens, health.</summary>
internal sealed class Facts(ServedModel served)
{
    public Task ModelsAsync(Exchange exchange) =>
        exchange.WriteAsync(new("list", [.. served.Names.Select(Card)]), ServerJson.Default.ModelList);

    public Task ModelAsync(Exchange exchange)
    {
        string name = exchange.Context.GetRouteValue("model") as string ?? "";
        served.CheckName(name);
        return exchange.WriteAsync(Card(name), ServerJson.Default.ModelCard);
    }

    public async Task TokenizeAsync(Exchange exchange)
    {
        RequestFields fields = await exchange.ReadAsync().ConfigureAwait(false);
        string name = fields.NameOf("content", "prompt");
        int[] ids = served.Tokenizer.Encode(fields.RequiredText(name), fields.Flag(fields.NameOf("add_special", "add_special_tokens")) ?? false,
            fields.Flag("parse_special") ?? true);
        int context = served.Model.Config.ContextLength;
        if (fields.Flag("with_pieces") == true)
        {
            TokenPiece[] pieces = [.. ids.Select(Piece)];
            await exchange.WriteAsync(new(pieces, ids.Length, context), ServerJson.Default.PiecesResponse).ConfigureAwait(false);
            return;
        }
        await exchange.WriteAsync(new(ids, ids.Length, context), ServerJson.Default.TokenizeResponse).ConfigureAwait(false);
    }

    public async Task DetokenizeAsync(Exchange exchange)
    {
        RequestFields fields = await exchange.ReadAsync().ConfigureAwait(false);
        (JsonElement Value, string Path)[] tokens = fields.List("tokens", 1 << 22) ?? throw fields.Missing("tokens");
        int[] ids = [.. tokens.Select(each => served.CheckToken(RequestFields.Whole(each.Value, each.Path), each.Path))];
        await exchange.WriteAsync(new(served.Tokenizer.Decode(ids)), ServerJson.Default.DetokenizeResponse).ConfigureAwait(false);
    }

    /// <summary>For whoever distributes requests: a server that is stopping takes no more.</summary>
    public Task HealthAsync(HttpContext context)
    {
        if (served.IsStopping)
            return Exchange.RefuseAsync(context, Failures.Stopping());
        context.Response.ContentType = "application/json; charset=utf-8";
        return context.Response.WriteAsync("{\"status\":\"ok\"}", context.RequestAborted);
    }

    private TokenPiece Piece(int id)
    {
        ReadOnlySpan<byte> bytes = served.Tokenizer.TokenBytes(id);
        if (Utf8.IsValid(bytes))
            return new(id, JsonValue.Create(CompletionLog.TextOf(served.Tokenizer, id)));
        JsonArray numbers = [];
        foreach (byte each in bytes)
            numbers.Add((JsonNode)each);
        return new(id, numbers);
    }

    private ModelCard Card(string name)
    {
        MeKiModel model = served.Model;
        return new(name, "model", served.Created, "meki", new(model.Config.Family, served.Tokenizer.VocabularySize, model.Config.ContextLength,
            model.Config.HiddenSize, model.Config.Layers, model.LoadReport.MappedBytes + model.LoadReport.PackedBytes, model.LoadReport.StoredBytes,
            model.Kernels, model.Threads));
    }
}
