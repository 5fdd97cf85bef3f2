using System.Diagnostics.Metrics;
using MeKi.Model;
using MeKi.Model.Chat;
using MeKi.Model.Tokenization;
using MeKi.Server.Errors;
using MeKi.Server.Requests;
using MeKi.Server.Telemetry;

namespace MeKi.Server;

/// <summary>A model with what its endpoints share. Of requests that have ended it keeps no more than compiled grammars.</summary>
internal sealed class ServedModel
{
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    public ServedModel(MeKiModel model, MeKiServerOptions options, IServiceProvider services)
    {
        (Model, Options) = (model, options);
        Tokenizer = model.Tokenizer ?? throw new InvalidOperationException("The model has no tokenizer: it cannot be served.");
        Names = options.ModelNames.Count > 0 ? options.ModelNames : [NameOf(model.LoadReport.Path)];
        Logger = services.GetRequiredService<ILoggerFactory>().CreateLogger(ServerMetrics.MeterName);
        Metrics = new(services.GetRequiredService<IMeterFactory>().Create(ServerMetrics.MeterName), model, Name);
        Lifetime = services.GetRequiredService<IHostApplicationLifetime>();
        Keys = new(options.ApiKeys);
        Adapters = new(model);
    }

    public MeKiModel Model { get; }

    public Tokenizer Tokenizer { get; }

    public MeKiServerOptions Options { get; }

    public ServerMetrics Metrics { get; }

    public ILogger Logger { get; }

    public GrammarCache Grammars { get; } = new();

    public ApiKeys Keys { get; }

    public ServedAdapters Adapters { get; }

    /// <summary>The name in answers.</summary>
    public string Name => Names[0];

    public IReadOnlyList<string> Names { get; }

    /// <summary>When the server began, in seconds since 1970.</summary>
    public long Created { get; } = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>Tells apart what may answer differently.</summary>
    public string Fingerprint { get; } = $"meki-{typeof(ServedModel).Assembly.GetName().Version?.ToString(3)}";

    public bool IsStopping => Lifetime.ApplicationStopping.IsCancellationRequested;

    private IHostApplicationLifetime Lifetime { get; }

    /// <summary>Refuses a request for another model. One that names none means this one.</summary>
    /// <exception cref="ApiException">There is no such model.</exception>
    public void CheckName(RequestFields fields)
    {
        if (fields.Text("model") is { } name)
            CheckName(name);
    }

    /// <inheritdoc cref="CheckName(RequestFields)"/>
    public void CheckName(string name)
    {
        if (!Names.Contains(name))
        {
            throw new ApiException(StatusCodes.Status404NotFound,
                $"The model '{UntrustedText.Line(name, 80)}' is not served here; '{Name}' is.", "model", "model_not_found");
        }
    }

    /// <summary>The most tokens that an answer may have.</summary>
    public int MostTokens(int? asked) => Math.Min(asked ?? int.MaxValue, Math.Min(Options.MaxTokens ?? int.MaxValue, Model.Config.ContextLength));

    /// <summary>Begins a reply.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="parameter">The field that its conversation is of.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ApiException">The prompt is longer than this server takes.</exception>
    public ChatReply Reply(ChatRequest request, string parameter, CancellationToken cancellationToken)
    {
        try
        {
            ChatReply reply = Model.ReplyAsync(request, cancellationToken: cancellationToken);
            CheckPrompt(reply.PromptTokens.Count, parameter);
            return reply;
        }
        catch (ContextOverflowException full)
        {
            throw Failures.TooLong(full.Tokens, full.ContextLength, parameter);
        }
    }

    /// <summary>Refuses a prompt that there is no room for.</summary>
    /// <exception cref="ApiException">The prompt is longer than this server takes.</exception>
    public void CheckPrompt(int tokens, string parameter) => CheckText(tokens, parameter, Model.Loaded.Engine.Capacity);

    /// <summary>Refuses a text that is to become a vector.</summary>
    /// <exception cref="ApiException">The text is longer than this server takes.</exception>
    public void CheckText(int tokens, string parameter) => CheckText(tokens, parameter, Model.Config.ContextLength);

    private void CheckText(int tokens, string parameter, int room)
    {
        int most = Math.Min(Options.MaxPromptTokens ?? int.MaxValue, room);
        if (tokens > most)
            throw Failures.TooLong(tokens, most, parameter);
    }

    /// <summary>A token id of a request.</summary>
    public int CheckToken(int id, string path) => (uint)id < (uint)Tokenizer.VocabularySize ? id
        : throw ApiException.Invalid(path, $"'{path}' is no token: ids run from 0 to {Tokenizer.VocabularySize - 1}.");

    private static string NameOf(string path)
    {
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        string name = Path.GetFileName(path);
        // A folder's model has one name everywhere.
        if (name == ModelFiles.ModelName && Path.GetFileName(Path.GetDirectoryName(path)) is { Length: > 0 } folder)
            return folder;
        return name.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? name[..^".gguf".Length] : name;
    }
}
