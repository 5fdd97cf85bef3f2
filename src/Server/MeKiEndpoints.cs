using MeKi.Model;
using MeKi.Server.Endpoints;
using MeKi.Server.Page;

namespace MeKi.Server;

/// <summary>A model's endpoints in an ASP.NET Core application.</summary>
public static class MeKiEndpoints
{
    /// <summary>
    /// Maps a model: OpenAI's <c>/v1/chat/completions</c>, <c>/v1/responses</c>, <c>/v1/completions</c>, <c>/v1/embeddings</c>,
    /// <c>/v1/models</c>, llama.cpp's <c>/tokenize</c>, <c>/detokenize</c>, <c>/lora-adapters</c> and <c>/health</c>, and a page to talk to
    /// the model at <c>/</c>. What it measures belongs to the meter <c>MeKi.Server</c>.
    /// </summary>
    /// <param name="endpoints">The application, or a group of it such as <c>app.MapGroup("/ai")</c>.</param>
    /// <param name="model">The model; disposed after the application.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <returns>The endpoints, to add conventions to: <c>RequireAuthorization()</c>, <c>RequireCors(…)</c>, <c>RequireRateLimiting(…)</c>.</returns>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    /// <example>
    /// <code>
    /// WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
    /// using var model = MeKiModel.Load("models/tiny-meki");
    /// WebApplication app = builder.Build();
    /// app.MapMeKi(model, new() { ApiKeys = ["secret"] });
    /// app.Run();
    /// </code>
    /// </example>
    public static IEndpointConventionBuilder MapMeKi(this IEndpointRouteBuilder endpoints, MeKiModel model, MeKiServerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(model);
        ServedModel served = new(model, options ?? new(), endpoints.ServiceProvider);
        RouteGroupBuilder group = endpoints.MapGroup("");
        Facts facts = new(served);
        Completions completions = new(served);
        Chats chats = new(served);
        ModelResponses responses = new(served);
        EmbeddingVectors embeddings = new(served);
        AdapterList adapters = new(served);
        group.MapMethods("/health", [HttpMethods.Get, HttpMethods.Head], facts.HealthAsync);
        Get("/v1/models", facts.ModelsAsync);
        Get("/v1/models/{**model}", facts.ModelAsync);
        Post("/v1/completions", "text_completion", completions.AnswerAsync);
        Post("/v1/chat/completions", "chat", chats.AnswerAsync);
        Post("/v1/embeddings", "embeddings", embeddings.AnswerAsync);
        Post("/v1/responses", "chat", responses.AnswerAsync);
        Get("/lora-adapters", adapters.ListAsync);
        Post("/lora-adapters", null, adapters.SetAsync);
        Post("/tokenize", null, facts.TokenizeAsync);
        Post("/detokenize", null, facts.DetokenizeAsync);
        if (served.Options.HasPage)
            PageFiles.Map(group);
        return group;

        void Get(string path, Func<Exchange, Task> answer) => group.MapGet(path, Exchange.Handler(served, null, answer));

        void Post(string path, string? operation, Func<Exchange, Task> answer) => group.MapPost(path, Exchange.Handler(served, operation, answer));
    }
}
