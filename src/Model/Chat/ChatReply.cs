using System.Security.Cryptography;
using System.Text;
using MeKi.Model.Generation;
using MeKi.Model.Replies;
using MeKi.Model.Tokenization;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Chat;

/// <summary>A model's reply while it streams: text, reasoning and tool calls. To be enumerated once.</summary>
public sealed class ChatReply : IAsyncEnumerable<ReplyEvent>
{
    // Some templates take no other names for calls.
    private const string NameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    private const int NameLength = 9;

    private readonly KnownText _prompt;
    private readonly TextGeneration _generation;
    private readonly ReplyParser _parser;
    private readonly Action<KnownText?, ChatMessage> _completed;
    private readonly List<GeneratedToken> _generated = [];
    private readonly bool _holdsBack;
    private bool _begun;

    private ChatReply(KnownText prompt, TextGeneration generation, ReplyParser parser, bool holdsBack, Action<KnownText?, ChatMessage> completed) =>
        (_prompt, _generation, _parser, _holdsBack, _completed) = (prompt, generation, parser, holdsBack, completed);

    /// <summary>The text that the model continues.</summary>
    public string Prompt => _prompt.Text;

    /// <summary>Its tokens.</summary>
    public IReadOnlyList<int> PromptTokens => _prompt.Tokens;

    /// <summary>The reply as a message; what there is of it, while and after it streams.</summary>
    public ChatMessage Message { get; } = new(ChatRole.Assistant, (IList<AIContent>)[]);

    /// <summary>The tokens generated so far, with their log-probabilities where these were asked for. What holds back a text that may become markup does not
    /// hold back its tokens.</summary>
    public IReadOnlyList<GeneratedToken> Tokens => _generated;

    /// <summary>How many of <see cref="Tokens"/> are reasoning and its markers.</summary>
    public int ReasoningTokens { get; private set; }

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

    /// <summary>Prepares a reply.</summary>
    /// <param name="model">The model.</param>
    /// <param name="session">What holds the conversation; null where nothing does.</param>
    /// <param name="known">The text that the session holds.</param>
    /// <param name="request">What is asked.</param>
    /// <param name="progress">Told how far the prompt is.</param>
    /// <param name="completed">Told of the end: prompt and reply, null where their tokens spell more than the text, and the message, possibly empty.</param>
    /// <param name="cancellationToken">Ends the reply.</param>
    internal static ChatReply Of(LoadedModel model, MeKiSession? session, KnownText known, ChatRequest request, IProgress<WorkProgress>? progress,
        Action<KnownText?, ChatMessage>? completed, CancellationToken cancellationToken)
    {
        Tokenizer tokenizer = model.RequiredTokenizer;
        ChatPrompt prompt = ChatPrompt.Of(model.ChatTemplate.Value, request);
        if (known.Text.Length == 0 || !known.Begins(prompt.Text))
            known = model.Chats.Find(prompt.Text);
        KnownText text = known.To(prompt.Text, tokenizer);
        GenerationOptions options = request.Options ?? new() { MaxTokens = model.Config.ContextLength };
        if (ReplyGrammar.Of(model, request, prompt) is { } grammar)
        {
            // What has a form is completed before the context ends.
            int room = Math.Max(model.Config.ContextLength - text.Tokens.Count + 1, 0);
            options = options with { Grammar = grammar, MaxTokens = options.ContextShift ? options.MaxTokens : Math.Min(options.MaxTokens, room) };
        }
        options = options with { ShownTokens = prompt.Format.ControlTokens(tokenizer) };
        TextGeneration generation = session is null
            ? TextGeneration.Of(model, null, [.. text.Tokens], options, progress, cancellationToken)
            : session.GenerateAsync([.. text.Tokens], options, progress, cancellationToken);
        ReplyParser parser = new(request.ToolMode is NoneChatToolMode ? prompt.Format.WithoutCalls() : prompt.Format, prompt.Text,
            request.Tools.OfType<AIFunctionDeclaration>().ToDictionary(function => function.Name, function => function.JsonSchema));
        return new(text, generation, parser, options.StopStrings.Count > 0, (reply, message) =>
        {
            if (reply is not null)
                model.Chats.Keep(reply);
            completed?.Invoke(reply, message);
        });
    }

    /// <summary>Likewise for a prompt that is tokens already, whatever the request's messages are.</summary>
    internal static ChatReply OfTokens(LoadedModel model, MeKiSession session, KnownText prompt, ChatRequest request, IProgress<WorkProgress>? progress,
        Action<KnownText?, ChatMessage> completed, CancellationToken cancellationToken)
    {
        ReplyFormat format = ReplyFormat.FromTemplate((request.Template ?? model.ChatTemplate.Value).Source);
        if (!request.Tools.Any())
            format = format.WithoutCalls();
        GenerationOptions options = (request.Options ?? new()) with { ShownTokens = format.ControlTokens(model.RequiredTokenizer) };
        ReplyParser parser = new(format, prompt.Text,
            request.Tools.OfType<AIFunctionDeclaration>().ToDictionary(function => function.Name, function => function.JsonSchema));
        return new(prompt, session.GenerateAsync([.. prompt.Tokens], options, progress, cancellationToken), parser, options.StopStrings.Count > 0, completed);
    }

    private async IAsyncEnumerator<ReplyEvent> RunAsync(CancellationToken cancellationToken)
    {
        StringBuilder text = new(_prompt.Text);
        try
        {
            await foreach (TextPiece piece in _generation.WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                text.Append(piece.Text);
                _generated.AddRange(piece.Tokens);
                bool thought = _parser.IsWithinReasoning;
                IReadOnlyList<ReplyEvent> parts = _parser.Append(piece.Text);
                if (thought || _parser.IsWithinReasoning)
                    ReasoningTokens += piece.Tokens.Count;
                foreach (ReplyEvent part in Noted(parts))
                    yield return part;
            }
            foreach (ReplyEvent part in Noted(_parser.Complete()))
                yield return part;
        }
        finally
        {
            _completed(IsCut ? null : new(text.ToString(), [.. _prompt.Tokens, .. _generated.Select(token => token.Id)]), Message);
        }
    }

    // A stop string, or the beginning of one where the reply was left, cuts the text within its tokens.
    private bool IsCut => Statistics?.Reason switch
    {
        null or FinishReason.StopString => true,
        FinishReason.Abandoned => _holdsBack,
        _ => false,
    };

    private ReplyEvent[] Noted(IReadOnlyList<ReplyEvent> parts)
    {
        ReplyEvent[] noted = [.. parts.Select(part =>
            part is ToolCall { Id: null or "" } call ? call with { Id = RandomNumberGenerator.GetString(NameCharacters, NameLength) } : part)];
        foreach (ReplyEvent part in noted)
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
                    Message.Contents.Add(new FunctionCallContent(call.Id!, call.Name, ChatJson.Arguments(call.Arguments)));
                    break;
            }
        }
        return noted;
    }
}
