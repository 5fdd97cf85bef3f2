using System.Text;
using MeKi.Model.Generation;
using MeKi.Model.Replies;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Chat;

/// <summary>A model's reply while it streams: text, reasoning and tool calls. To be enumerated once.</summary>
public sealed class ConversationReply : IAsyncEnumerable<ReplyEvent>
{
    private readonly Conversation _conversation;
    private readonly string _prompt;
    private readonly int[] _tokens;
    private readonly TextGeneration _generation;
    private readonly ReplyParser _parser;
    private bool _begun;

    internal ConversationReply(Conversation conversation, string prompt, int[] tokens, TextGeneration generation, ReplyParser parser) =>
        (_conversation, _prompt, _tokens, _generation, _parser) = (conversation, prompt, tokens, generation, parser);

    /// <summary>The reply as a message; what there is of it, while and after it streams.</summary>
    public ChatMessage Message { get; } = new(ChatRole.Assistant, (IList<AIContent>)[]);

    /// <summary>Facts of the generation; null before it has ended.</summary>
    public GenerationStatistics? Statistics => _generation.Statistics;

    /// <summary>Generates.</summary>
    /// <param name="cancellationToken">Ends the reply after the token in progress.</param>
    /// <exception cref="InvalidOperationException">The reply was enumerated before.</exception>
    public IAsyncEnumerator<ReplyEvent> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        if (_begun)
            throw new InvalidOperationException("A reply is enumerated once. Ask for another.");
        _begun = true;
        return RunAsync(cancellationToken);
    }

    private async IAsyncEnumerator<ReplyEvent> RunAsync(CancellationToken cancellationToken)
    {
        StringBuilder text = new(_prompt);
        List<int> tokens = [.. _tokens];
        try
        {
            await foreach (TextPiece piece in _generation.WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                text.Append(piece.Text);
                tokens.AddRange(piece.Tokens.Select(token => token.Id));
                foreach (ReplyEvent part in Noted(_parser.Append(piece.Text)))
                    yield return part;
            }
            foreach (ReplyEvent part in Noted(_parser.Complete()))
                yield return part;
        }
        finally
        {
            // A stop string cuts the text within its tokens.
            _conversation.Complete(text.ToString(), Statistics?.Reason == FinishReason.StopString ? null : tokens, Message);
        }
    }

    private ReplyEvent[] Noted(IReadOnlyList<ReplyEvent> parts)
    {
        foreach (ReplyEvent part in parts)
        {
            switch (part, Message.Contents.LastOrDefault())
            {
                case (ReplyText { Text: var piece }, TextContent last):
                    last.Text += piece;
                    break;
                case (ReplyText { Text: var piece }, _):
                    Message.Contents.Add(new TextContent(piece));
                    break;
                case (ReplyReasoning { Text: var piece }, TextReasoningContent last):
                    last.Text += piece;
                    break;
                case (ReplyReasoning { Text: var piece }, _):
                    Message.Contents.Add(new TextReasoningContent(piece));
                    break;
                case (ToolCall call, _):
                    Message.Contents.Add(new FunctionCallContent(call.Id ?? $"call_{Message.Contents.Count}", call.Name, ChatJson.Arguments(call.Arguments)));
                    break;
            }
        }
        return [.. parts];
    }
}
