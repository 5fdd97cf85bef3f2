using System.Text;
using System.Text.Json.Nodes;
using MeKi.Model.Files;
using MeKi.Model.Generation;
using MeKi.Model.Replies;
using MeKi.Model.Templates;
using MeKi.Model.Tokenization;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Chat;

/// <summary>
/// A conversation with a model: renders the messages by the model's chat template, generates in a session of its own, takes the reply apart, and keeps both the
/// messages and what was computed. A turn computes only what is new, as long as the messages before it stay as they are.
/// </summary>
/// <example>
/// <code>
/// using Conversation conversation = new(model);
/// await foreach (ReplyEvent part in conversation.AskAsync("How high is the Zugspitze?"))
///     Console.Write((part as ReplyText)?.Text);
/// </code>
/// </example>
public sealed class Conversation : IDisposable
{
    private const string SessionExtension = ".session";

    private readonly Tokenizer _tokenizer;
    private MeKiSession _session;

    // Prompt and reply so far.
    private KnownText _known = KnownText.Empty;

    /// <summary>Begins a conversation.</summary>
    /// <param name="model">The model; disposed after the conversation.</param>
    /// <param name="template">Null for the model's own.</param>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public Conversation(MeKiModel model, ChatTemplate? template = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        Model = model;
        _tokenizer = model.Loaded.RequiredTokenizer;
        Template = template ?? model.ChatTemplate;
        _session = model.CreateSession();
    }

    /// <summary>The model.</summary>
    public MeKiModel Model { get; }

    /// <summary>What makes text of the messages.</summary>
    public ChatTemplate Template { get; }

    /// <summary>The messages so far: yours to add to, to change and to remove.</summary>
    public IList<ChatMessage> Messages { get; } = [];

    /// <summary>The functions that the model may call; a call comes as a <see cref="ToolCall"/>, and is yours to make and to answer.</summary>
    public IList<AITool> Tools { get; } = [];

    /// <summary>Variables of the template, such as <c>enable_thinking</c>.</summary>
    public JsonObject Variables { get; } = [];

    /// <summary>The tokens of the last prompt and its reply, without the one that ended the reply. Empty before the first reply, and where a stop string cut
    /// the
    /// text within a token.</summary>
    public IReadOnlyList<int> Tokens => _known.Tokens;

    /// <summary>Tokens of the conversation in the KV cache.</summary>
    public int Position => _session.Position;

    /// <summary>Adds a message of the user and gives the model's reply, which becomes a message once its enumeration has ended, however it ends.</summary>
    /// <param name="text">What the user says.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Told how far the prompt is.</param>
    /// <param name="cancellationToken">Ends the reply after the token in progress.</param>
    /// <exception cref="ChatTemplateException">The template refuses the messages.</exception>
    /// <exception cref="ContextOverflowException">The conversation is longer than the model's context.</exception>
    /// <exception cref="InvalidOperationException">A reply is in progress.</exception>
    public ChatReply AskAsync(
        string text, GenerationOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        Messages.Add(new(ChatRole.User, text));
        try
        {
            return ReplyAsync(options, progress, cancellationToken);
        }
        catch
        {
            Messages.RemoveAt(Messages.Count - 1);
            throw;
        }
    }

    /// <summary>Gives the model's reply to the messages as they are.</summary>
    /// <inheritdoc cref="AskAsync" path="/param"/>
    /// <inheritdoc cref="AskAsync" path="/exception"/>
    public ChatReply ReplyAsync(
        GenerationOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        ChatReply.Of(Model.Loaded, _session, _known, Request() with { Options = options ?? new() }, progress, Complete, cancellationToken);

    /// <summary>
    /// Gives the model's reply to a prompt that is tokens already, whatever the messages are: it is taken apart and becomes a message as any other. What prompt
    /// and conversation begin with in common is not computed again, so <see cref="Tokens"/> and what is new make the next prompt.
    /// </summary>
    /// <param name="prompt">Token ids, at least one, those that begin and end turns among them; copied.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Told how far the prompt is.</param>
    /// <param name="cancellationToken">Ends the reply after the token in progress.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token id is outside the vocabulary.</exception>
    /// <exception cref="ArgumentException">The prompt has no tokens.</exception>
    /// <exception cref="ContextOverflowException">The prompt is longer than the model's context.</exception>
    /// <exception cref="InvalidOperationException">A reply is in progress.</exception>
    public ChatReply ReplyAsync(
        ReadOnlySpan<int> prompt, GenerationOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        ChatReply.OfTokens(Model.Loaded, _session, new(Spell(prompt), prompt.ToArray()), Request() with { Options = options ?? new() }, progress, Complete,
            cancellationToken);

    /// <summary>The prompt that the next reply continues.</summary>
    /// <exception cref="ChatTemplateException">The template refuses the messages.</exception>
    public string Render() => ChatPrompt.Of(Template, Request()).Text;

    /// <summary>Forgets all messages.</summary>
    public void Clear()
    {
        Messages.Clear();
        _known = KnownText.Empty;
        _session.Truncate(0);
    }

    /// <summary>Writes the conversation to a file, and what is computed of it to a session file beside it. Each file is there as a whole or not at
    /// all.</summary>
    /// <param name="path">The file; the other has <c>.session</c> behind its name. Both are replaced.</param>
    /// <exception cref="ModelFileException">A file cannot be written.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        _session.Save(path + SessionExtension);
        byte[] bytes = ChatFile.Write(Messages, _known);
        PendingFile.Write(path, bytes.Length, stream => stream.Write(bytes));
    }

    /// <summary>Goes on with a conversation that <see cref="Save"/> wrote, in place of this one.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Why the session file beside it does not serve, in which case the next turn computes all anew; null where it does.</returns>
    /// <exception cref="ModelFileException">The file cannot be read or is no conversation.</exception>
    public string? Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        (List<ChatMessage> messages, KnownText known) = ChatFile.Read(path, _tokenizer.VocabularySize);
        string? problem = null;
        MeKiSession session;
        try
        {
            session = Model.LoadSession(path + SessionExtension, _session.Adapters);
        }
        catch (SessionFileException failure)
        {
            problem = failure.Message;
            session = Model.CreateSession(_session.Adapters);
        }
        _session.Dispose();
        (_session, _known) = (session, known);
        Messages.Clear();
        messages.ForEach(Messages.Add);
        return problem;
    }

    /// <summary>Lets go of the session.</summary>
    public void Dispose() => _session.Dispose();

    private void Complete(KnownText? known, ChatMessage reply)
    {
        _known = known ?? KnownText.Empty;
        if (reply.Contents.Count > 0)
            Messages.Add(reply);
    }

    private ChatRequest Request() => new() { Messages = Messages, Tools = Tools, Variables = Variables, Template = Template };

    // With the names of control tokens, which a parser looks for.
    private string Spell(ReadOnlySpan<int> tokens)
    {
        TokenDecoder decoder = _tokenizer.CreateDecoder();
        StringBuilder text = new();
        foreach (int token in tokens)
            text.Append(decoder.Append(token)).Append(_tokenizer.KindOf(token) == TokenKind.Control ? _tokenizer.TokenText(token) : "");
        return text.Append(decoder.Finish()).ToString();
    }
}
