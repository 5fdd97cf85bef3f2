// A conversation in the console, with a function that the model may call: dotnet run --project samples/Chat -- MODEL
using MeKi.Extensions.AI;
using MeKi.Model;
using Microsoft.Extensions.AI;

using MeKiModel model = await MeKiModel.LoadAsync(args is [string path, ..] ? path : "models/tiny-meki");
using IChatClient client = new ChatClientBuilder(new MeKiChatClient(model)).UseFunctionInvocation().Build();
ChatOptions options = new()
{
    MaxOutputTokens = 1000,
    // Models whose template has no place for tools are told of none.
    Tools = model.ChatTemplate.Source.Contains("tools", StringComparison.Ordinal)
        ? [AIFunctionFactory.Create(() => DateTimeOffset.Now.ToString("R"), "get_time", "Tells the date and the time.")] : [],
};
List<ChatMessage> messages = [];
while (Ask() is { Length: > 0 } said)
{
    messages.Add(new(ChatRole.User, said));
    using CancellationTokenSource stop = new();
    ConsoleCancelEventHandler interrupt = (_, pressed) =>
    {
        pressed.Cancel = true;
        stop.Cancel();
    };
    Console.CancelKeyPress += interrupt;
    List<ChatResponseUpdate> updates = [];
    try
    {
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(messages, options, stop.Token))
        {
            Console.Write(update.Text);
            updates.Add(update);
        }
        UsageDetails? usage = updates.ToChatResponse().Usage;
        Console.WriteLine($"\n[{usage?.InputTokenCount} tokens read, {usage?.CachedInputTokenCount} of them known, {usage?.OutputTokenCount} written]");
    }
    catch (OperationCanceledException)
    {
        Console.WriteLine();
    }
    Console.CancelKeyPress -= interrupt;
    // What there is of the answer stays, and need not be computed again.
    messages.AddMessages(updates);
}

static string? Ask()
{
    Console.Write("> ");
    return Console.ReadLine();
}
