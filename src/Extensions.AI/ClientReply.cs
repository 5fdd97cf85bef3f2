using System.Text.Json.Nodes;
using MeKi.Model;
using MeKi.Model.Chat;
using MeKi.Model.Generation;
using MeKi.Model.Replies;
using MeKi.Store;
using Microsoft.Extensions.AI;

namespace MeKi.Extensions.AI;

/// <summary>A reply as responses and updates.</summary>
/// <param name="model">The model.</param>
/// <param name="modelId">What it is called.</param>
/// <param name="reply">The reply, not begun.</param>
/// <param name="thinks">Whether the caller is told what the model thought.</param>
internal sealed class ClientReply(MeKiModel model, string modelId, ChatReply reply, bool thinks)
{
    private readonly string _responseId = $"chatcmpl-{Guid.NewGuid():N}", _messageId = $"msg-{Guid.NewGuid():N}";
    private readonly DateTimeOffset _createdAt = DateTimeOffset.UtcNow;
    private readonly StoreCounters _before = model.StoreCounters;
    private int _told;

    public ChatReply Reply => reply;

    /// <summary>A part of the reply; null for one that is kept from the caller.</summary>
    public ChatResponseUpdate? Update(ReplyEvent part) => part switch
    {
        ReplyText text => Of(part, new TextContent(text.Text)),
        ReplyReasoning thought => thinks ? Of(part, new TextReasoningContent(thought.Text)) : null,
        ToolCall call => Of(part, new FunctionCallContent(call.Id!, call.Name, ChatJson.Arguments(call.Arguments))),
        _ => null,
    };

    /// <summary>How it ended.</summary>
    public ChatResponseUpdate LastUpdate()
    {
        ChatResponseUpdate update = Of(reply, new UsageContent(Usage()));
        update.FinishReason = FinishReason;
        return update;
    }

    /// <summary>All of it.</summary>
    public ChatResponse Whole()
    {
        if (!thinks)
        {
            foreach (TextReasoningContent thought in reply.Message.Contents.OfType<TextReasoningContent>().ToArray())
                reply.Message.Contents.Remove(thought);
        }
        (reply.Message.MessageId, reply.Message.CreatedAt) = (_messageId, _createdAt);
        return new(reply.Message)
        {
            ResponseId = _responseId,
            ModelId = modelId,
            CreatedAt = _createdAt,
            FinishReason = FinishReason,
            Usage = Usage(),
            RawRepresentation = reply,
            AdditionalProperties = LogProbabilities(),
        };
    }

    private ChatFinishReason FinishReason => reply.Statistics!.Reason switch
    {
        // A call that the end of the room cut is none.
        Model.Generation.FinishReason.Length or Model.Generation.FinishReason.ContextFull => ChatFinishReason.Length,
        _ => reply.Message.Contents.Any(content => content is FunctionCallContent) ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop,
    };

    private ChatResponseUpdate Of(object raw, AIContent content) => new(ChatRole.Assistant, [content])
    {
        ResponseId = _responseId,
        MessageId = _messageId,
        ModelId = modelId,
        CreatedAt = _createdAt,
        RawRepresentation = raw,
        AdditionalProperties = LogProbabilities(),
    };

    private UsageDetails Usage()
    {
        GenerationStatistics statistics = reply.Statistics!;
        UsageDetails usage = new()
        {
            InputTokenCount = statistics.PromptTokens,
            OutputTokenCount = statistics.GeneratedTokens,
            TotalTokenCount = statistics.PromptTokens + statistics.GeneratedTokens,
            CachedInputTokenCount = statistics.ReusedTokens,
            ReasoningTokenCount = reply.ReasoningTokens,
        };
        if (model.RowFilePath is not null)
        {
            StoreCounters read = model.StoreCounters.Since(_before);
            usage.AdditionalCounts = new() { ["storage_bytes_read"] = read.BytesRead, ["storage_rows_read"] = read.RowsRead };
        }
        return usage;
    }

    // Of the tokens since the last time, as OpenAI writes them.
    private AdditionalPropertiesDictionary? LogProbabilities()
    {
        if (_told == reply.Tokens.Count || reply.Tokens[_told].LogProbability is null)
            return null;
        JsonArray tokens = [];
        for (; _told < reply.Tokens.Count; _told++)
        {
            GeneratedToken token = reply.Tokens[_told];
            JsonObject json = Described(token.Id, token.LogProbability!.Value);
            json["top_logprobs"] = new JsonArray([.. token.Likeliest.Select(each => (JsonNode)Described(each.Id, each.LogProbability))]);
            tokens.Add((JsonNode)json);
        }
        return new() { ["logprobs"] = tokens };
    }

    private JsonObject Described(int id, double logProbability)
    {
        byte[] bytes = model.Tokenizer!.TokenBytes(id).ToArray();
        return new()
        {
            ["token"] = bytes.Length > 0 ? System.Text.Encoding.UTF8.GetString(bytes) : model.Tokenizer.TokenText(id),
            ["id"] = id,
            ["logprob"] = double.IsFinite(logProbability) ? logProbability : -9999,
            ["bytes"] = new JsonArray([.. bytes.Select(each => (JsonNode)(int)each)]),
        };
    }
}
