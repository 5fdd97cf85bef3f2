using System.Text;
using MeKi.Model.Chat;
using MeKi.Model.Generation;
using MeKi.Model.Replies;
using MeKi.Model.Tokenization;
using MeKi.Server.Responses;

namespace MeKi.Server.Endpoints;

/// <summary>A reply as the items of a response, and as the events that tell of them.</summary>
/// <param name="tokenizer">The model's.</param>
/// <param name="reply">The reply.</param>
/// <param name="logs">Whether tokens are told with their log-probabilities.</param>
internal sealed class ResponseOutput(Tokenizer tokenizer, ChatReply reply, bool logs)
{
    private const string Message = "message", Reasoning = "reasoning", Call = "function_call", Done = "completed", InProgress = "in_progress";

    private readonly List<OutputItem> _items = [];
    private readonly StringBuilder _text = new();
    private readonly List<TokenLog> _logs = [];
    private OutputItem? _open;
    private int _told;

    /// <summary>The items that are whole.</summary>
    public IReadOnlyList<OutputItem> Items => _items;

    /// <summary>Adds a part of the reply.</summary>
    /// <returns>What a stream tells of it.</returns>
    public List<ResponseEvent> Add(ReplyEvent part)
    {
        List<ResponseEvent> events = [];
        switch (part)
        {
            case ReplyText { Text: var text }:
                AddText(events, Message, text);
                break;
            case ReplyReasoning { Text: var text }:
                AddText(events, Reasoning, text);
                break;
            case ToolCall call:
                events.AddRange(Close());
                AddCall(events, call);
                break;
        }
        return events;
    }

    /// <summary>Ends the item that is open.</summary>
    /// <returns>What a stream tells of it.</returns>
    public List<ResponseEvent> Close()
    {
        if (_open is not { } open)
            return [];
        _open = null;
        bool speaks = open.Type == Message;
        string text = _text.ToString();
        OutputPart part = Part(open.Type, text, speaks ? [.. _logs] : null);
        OutputItem item = open with { Status = IsCut ? "incomplete" : Done, Content = [part] };
        List<ResponseEvent> events =
        [
            Of(speaks ? "response.output_text.done" : "response.reasoning_text.done", item) with { Text = text, Logprobs = part.Logprobs },
            Of("response.content_part.done", item) with { Part = part },
            new("response.output_item.done", 0) { OutputIndex = _items.Count, Item = item },
        ];
        _items.Add(item);
        return events;
    }

    /// <summary>The response when the reply has ended.</summary>
    public ModelResponse Ended(ModelResponse frame)
    {
        GenerationStatistics run = reply.Statistics!;
        return frame with
        {
            Status = IsCut ? "incomplete" : Done,
            IncompleteDetails = IsCut ? new("max_output_tokens") : null,
            Output = [.. _items],
            Usage = new(run.PromptTokens, new(run.ReusedTokens), run.GeneratedTokens, new(reply.ReasoningTokens), run.PromptTokens + run.GeneratedTokens),
        };
    }

    private bool IsCut => reply.Statistics?.Reason is FinishReason.Length or FinishReason.ContextFull;

    private void AddText(List<ResponseEvent> events, string type, string text)
    {
        if (_open?.Type != type)
        {
            events.AddRange(Close());
            _open = new(type, $"{(type == Message ? "msg" : "rs")}_{Guid.NewGuid():N}", InProgress, type == Message ? "assistant" : null, [],
                type == Message ? null : []);
            _text.Clear();
            _logs.Clear();
            events.Add(new("response.output_item.added", 0) { OutputIndex = _items.Count, Item = _open });
            events.Add(Of("response.content_part.added", _open) with { Part = Part(type, "", type == Message ? [] : null) });
        }
        _text.Append(text);
        TokenLog[] tokens = Tokens();
        _logs.AddRange(tokens);
        events.Add(Of(type == Message ? "response.output_text.delta" : "response.reasoning_text.delta", _open) with
        {
            Delta = text,
            Logprobs = type == Message ? tokens : null,
        });
    }

    private void AddCall(List<ResponseEvent> events, ToolCall call)
    {
        Tokens();
        OutputItem item = new(Call, $"fc_{Guid.NewGuid():N}", Done, CallId: call.Id, Name: call.Name, Arguments: call.Arguments);
        events.Add(new("response.output_item.added", 0) { OutputIndex = _items.Count, Item = item with { Status = InProgress, Arguments = "" } });
        events.Add(new("response.function_call_arguments.delta", 0) { OutputIndex = _items.Count, ItemId = item.Id, Delta = call.Arguments });
        events.Add(new("response.function_call_arguments.done", 0)
        {
            OutputIndex = _items.Count,
            ItemId = item.Id,
            Name = call.Name,
            Arguments = call.Arguments,
        });
        events.Add(new("response.output_item.done", 0) { OutputIndex = _items.Count, Item = item });
        _items.Add(item);
    }

    private static OutputPart Part(string type, string text, IReadOnlyList<TokenLog>? tokens) =>
        type == Message ? new("output_text", text, [], tokens) : new("reasoning_text", text);

    private ResponseEvent Of(string type, OutputItem item) => new(type, 0) { OutputIndex = _items.Count, ItemId = item.Id, ContentIndex = 0 };

    // Those since the last time, where they are wanted.
    private TokenLog[] Tokens()
    {
        int from = _told;
        _told = reply.Tokens.Count;
        return logs ? TokenLogs.Of(tokenizer, reply.Tokens.Skip(from)) : [];
    }
}
