using System.Runtime.CompilerServices;
using MeKi.Model;
using MeKi.Model.Chat;
using MeKi.Model.Replies;
using MeKi.Model.Templates;
using Microsoft.Extensions.AI;

namespace MeKi.Extensions.AI;

/// <summary>
/// A model as <see cref="IChatClient"/>. Safe for any number of threads: calls run together, each with the answer that it has alone. It keeps no conversations:
/// a call brings all messages, and what was computed of them for an earlier call is not computed again.
/// </summary>
/// <remarks>
/// Every member of <see cref="ChatOptions"/> is honoured or refused by name (<see cref="NotSupportedException"/>); docs/embedding.md lists them, and the names
/// that <see cref="ChatOptions.AdditionalProperties"/> may have. <see cref="ChatOptions.RawRepresentationFactory"/> may give
/// <see cref="Model.Generation.GenerationOptions"/>.
/// </remarks>
/// <example>
/// <code>
/// using var model = MeKiModel.Load("models/tiny-meki");
/// IChatClient client = new MeKiChatClient(model);
/// Console.WriteLine(await client.GetResponseAsync("How high is the Zugspitze?"));
/// </code>
/// </example>
public sealed class MeKiChatClient : IChatClient
{
    private readonly MeKiModel _model;
    private readonly ChatTemplate? _template;
    private readonly ChatClientMetadata _metadata;

    /// <summary>Makes a client of a model.</summary>
    /// <param name="model">The model; it stays the caller's, who disposes it after the client.</param>
    /// <param name="modelId">What it is called in answers and metadata; null for the name of its file or folder.</param>
    /// <param name="template">What makes text of messages; null for the model's own.</param>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    public MeKiChatClient(MeKiModel model, string? modelId = null, ChatTemplate? template = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _ = model.Loaded.RequiredTokenizer;
        (_model, _template) = (model, template);
        _metadata = new(ModelName.Provider, defaultModelId: modelId ?? ModelName.Of(model));
    }

    private string ModelId => _metadata.DefaultModelId!;

    /// <inheritdoc/>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ClientReply reply = await BeginAsync(messages, options, cancellationToken).ConfigureAwait(false);
        await foreach (ReplyEvent part in reply.Reply.ConfigureAwait(false))
            _ = part;
        return reply.Whole();
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return StreamAsync(messages, options, cancellationToken);
    }

    /// <summary>The client, the model, its tokenizer, or <see cref="ChatClientMetadata"/>.</summary>
    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null) => ClientServices.Find(this, _metadata, _model, serviceType, serviceKey);

    /// <summary>Does nothing: the model is the caller's.</summary>
    public void Dispose()
    {
    }

    private async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ClientReply reply = await BeginAsync(messages, options, cancellationToken).ConfigureAwait(false);
        await foreach (ReplyEvent part in reply.Reply.ConfigureAwait(false))
        {
            if (reply.Update(part) is { } update)
                yield return update;
        }
        yield return reply.LastUpdate();
    }

    // Rendering a long conversation and reading a schema take their time: not the caller's thread.
    private async Task<ClientReply> BeginAsync(IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        List<ChatMessage> all = [.. messages];
        ModelName.Check("ChatOptions.ModelId", options?.ModelId, ModelId);
        ChatRequest request = RequestReader.Read(_model, _template, all, options, options?.RawRepresentationFactory?.Invoke(this));
        bool thinks = options?.Reasoning?.Output != ReasoningOutput.None;
        return await Task.Run(() => new ClientReply(_model, ModelId, _model.ReplyAsync(request, null, cancellationToken), thinks), cancellationToken)
            .ConfigureAwait(false);
    }
}
