// A model in an application of one's own: OpenAI's endpoints and the page under /ai, and a function of the application that asks the same model.
// dotnet run --project samples/AspNet -- MODEL
using MeKi.Extensions.AI;
using MeKi.Model;
using MeKi.Server;
using Microsoft.Extensions.AI;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Services.AddSingleton(_ => MeKiModel.Load(args is [string path, ..] ? path : "models/tiny-meki"));
builder.Services.AddMeKi(services => services.GetRequiredService<MeKiModel>()).UseLogging();

await using WebApplication app = builder.Build();
app.MapGroup("/ai").MapMeKi(app.Services.GetRequiredService<MeKiModel>());
app.MapGet("/summary", async context =>
{
    IChatClient client = context.RequestServices.GetRequiredService<IChatClient>();
    string text = context.Request.Query["text"].ToString();
    ChatResponse answer = await client.GetResponseAsync(
        [new(ChatRole.System, "Say in one sentence what the text says."), new(ChatRole.User, text)], new() { MaxOutputTokens = 100 }, context.RequestAborted);
    await context.Response.WriteAsync(answer.Text, context.RequestAborted);
});
app.MapGet("/", () => TypedResults.Redirect("/ai/"));
await app.RunAsync();
