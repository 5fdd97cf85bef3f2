using System.Diagnostics;
using MeKi.Kernels.Operations;
using MeKi.Model.Adapters;
using MeKi.Model.Batching;
using MeKi.Model.Chat;
using MeKi.Model.Embeddings;
using MeKi.Model.Generation;
using MeKi.Model.Templates;
using MeKi.Model.Tokenization;
using MeKi.Store;

namespace MeKi.Model;

/// <summary>
/// A loaded language model: weights mapped from their file, rows read from storage as tokens are met. Immutable and safe for any number of threads; each
/// <see cref="CreateSession()"/> or generation is a sequence of its own.
/// </summary>
/// <remarks>A mapped model file that another process cuts short ends this process when the lost bytes are read; no check can prevent that.
/// <see cref="LoadOptions.CopyWeights"/> does.</remarks>
/// <example>
/// <code>
/// using var model = MeKiModel.Load("models/tiny-meki");
/// await foreach (string piece in model.GenerateAsync("ROMEO:"))
///     Console.Write(piece);
/// </code>
/// </example>
public sealed class MeKiModel : IDisposable
{
    private readonly LoadedModel _loaded;

    private MeKiModel(LoadedModel loaded, LoadReport report) => (_loaded, LoadReport) = (loaded, report);

    /// <summary>The model's shape.</summary>
    public ModelConfig Config => _loaded.Config;

    /// <summary>The model's tokenizer; null where it came without one, and tokens are given by id, through a session.</summary>
    public Tokenizer? Tokenizer => _loaded.Tokenizer;

    /// <summary>What makes text of a conversation: the model's own template; ChatML where it came without one, which
    /// <see cref="Templates.ChatTemplate.Warnings"/> tells.</summary>
    public ChatTemplate ChatTemplate => _loaded.ChatTemplate.Value;

    /// <summary>What the row store has read since the model was loaded; zero for a model without one.</summary>
    public StoreCounters StoreCounters => _loaded.Rows?.Counters ?? default;

    /// <summary>What the model's generations do now and have done, those in sessions included.</summary>
    public EngineCounters EngineCounters => _loaded.Engine.Counters;

    /// <summary>What loading made of the weights.</summary>
    public LoadReport LoadReport { get; }

    /// <summary>Threads that compute.</summary>
    public int Threads => LoadReport.Threads;

    /// <summary>The instruction set whose kernels compute, as <see cref="KernelSelection"/> names it.</summary>
    public string Kernels => LoadReport.Kernels;

    /// <summary>The file that rows are read from: the row file, or the model file where that has a table of rows; null for a model that reads none.</summary>
    public string? RowFilePath => _loaded.Rows?.Path;

    /// <summary>
    /// Bytes of weights that the forward pass of one token reads: every tensor once, of the embedding one row (and all of it where it is the head).
    /// </summary>
    public long WeightBytesPerToken => _loaded.Weights.BytesPerToken;

    /// <summary>Bytes of keys and values that a position adds to the KV cache, and that each later token reads.</summary>
    public long KvBytesPerPosition => _loaded.Kv.BytesPerPosition;

    /// <summary>What sessions share.</summary>
    internal LoadedModel Loaded => _loaded;

    /// <summary>Loads a model.</summary>
    /// <param name="path">
    /// A folder with <c>model.gguf</c> and <c>model.rows</c> (what <c>meki convert</c> writes), a <c>.gguf</c> file (its rows beside it as <c>.rows</c>), or a
    /// Hugging Face checkpoint folder, which runs in its training form, the expert vectors computed anew for each token.
    /// </param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Told how many layers are loaded, from the calling thread.</param>
    /// <param name="cancellationToken">Ends the loading after the layer in progress.</param>
    /// <exception cref="InsufficientMemoryException">The model takes more than <see cref="LoadOptions.MaxMemory"/>, or the system does not give so many
    /// threads.</exception>
    /// <exception cref="ModelFileException">A file is missing, damaged, unsupported or does not fit the others.</exception>
    /// <exception cref="RowFileException">The row file is missing or damaged.</exception>
    /// <exception cref="KernelSelectionException">The environment names kernels that this machine has not.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> asked to stop.</exception>
    public static MeKiModel Load(
        string path, LoadOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new();
        cancellationToken.ThrowIfCancellationRequested();
        long start = Stopwatch.GetTimestamp();
        LoadedModel loaded = LoadedModel.Open(path, options, (done, total) =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new("load", done, total, "layers"));
        });
        LoadReport report = LoadReport.Of(loaded, options.CopyWeights, Stopwatch.GetElapsedTime(start));
        if (options.Logger is not null)
            LoadLog.Write(options.Logger, report);
        return new(loaded, report);
    }

    /// <summary>Loads a model on another thread; otherwise as <see cref="Load"/>, whose exceptions the task ends with.</summary>
    /// <param name="path">As for <see cref="Load"/>.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Told how many layers are loaded, from the loading thread.</param>
    /// <param name="cancellationToken">Ends the loading after the layer in progress.</param>
    public static Task<MeKiModel> LoadAsync(
        string path, LoadOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Task.Run(() => Load(path, options, progress, cancellationToken), cancellationToken);
    }

    /// <summary>The model's adapters on storage.</summary>
    public AdapterLibrary Adapters => _loaded.Adapters;

    /// <summary>
    /// The adapters that embeddings are computed with, and sessions unless they are told otherwise: at first <see cref="LoadOptions.Adapters"/>. A change
    /// holds for what starts after it. May be changed from any thread.
    /// </summary>
    /// <exception cref="ArgumentException">One is named twice, or a scale is not finite.</exception>
    /// <exception cref="ModelFileException">One cannot be read, is damaged or of another model, or there is none of the name. Nothing has changed.</exception>
    public IReadOnlyList<AdapterChoice> DefaultAdapters
    {
        get => _loaded.DefaultAdapters;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            AdapterChoice[] adapters = [.. value];
            using LoadedModel.Hold hold = _loaded.HoldOpen();
            _loaded.Adapters.Acquire(adapters)?.Dispose();
            _loaded.DefaultAdapters = adapters;
        }
    }

    /// <summary>Starts an empty sequence, with <see cref="DefaultAdapters"/>.</summary>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public MeKiSession CreateSession() => MeKiSession.Create(_loaded);

    /// <summary>Starts an empty sequence that is computed with adapters.</summary>
    /// <param name="adapters">The adapters; empty for none.</param>
    /// <exception cref="ArgumentException">An adapter is named twice, or a scale is not finite.</exception>
    /// <exception cref="ModelFileException">An adapter cannot be read, is damaged or of another model, or there is none of the name.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public MeKiSession CreateSession(IReadOnlyList<AdapterChoice> adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        return MeKiSession.Create(_loaded, adapters);
    }

    /// <summary>Loads a session that <see cref="MeKiSession.Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="adapters">The adapters it was computed with; null for <see cref="DefaultAdapters"/>.</param>
    /// <exception cref="ModelFileException">An adapter cannot be used.</exception>
    /// <exception cref="SessionFileException">The file is missing, truncated, damaged, of another model or of other adapters, or its keys and values have other
    /// formats. The model stays usable.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public MeKiSession LoadSession(string path, IReadOnlyList<AdapterChoice>? adapters = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return MeKiSession.Load(_loaded, path, adapters);
    }

    /// <summary>
    /// Gives the model's reply to a conversation, as it is made: text, reasoning, tool calls. What is known to be wrong at once is thrown by the call,
    /// everything
    /// else by the enumeration.
    /// </summary>
    /// <param name="request">The conversation, and how to answer.</param>
    /// <param name="progress">Told how far the prompt is.</param>
    /// <param name="cancellationToken">Ends the reply after the token in progress.</param>
    /// <exception cref="ChatTemplateException">The template refuses the messages.</exception>
    /// <exception cref="ContextOverflowException">The conversation is longer than the model's context.</exception>
    /// <exception cref="Grammars.GrammarException">A schema cannot be enforced.</exception>
    /// <exception cref="NotSupportedException">A message or a tool is of a kind that the model does not know.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public ChatReply ReplyAsync(ChatRequest request, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return ChatReply.Of(_loaded, null, KnownText.Empty, request, progress, null, cancellationToken);
    }

    /// <summary>
    /// Makes vectors of texts, as models for embeddings are trained to: texts that mean alike have a large product. Several texts pass through the model
    /// together, and each has the bits that it has alone. Attention is causal, as everywhere here. They are computed with <see cref="DefaultAdapters"/>.
    /// </summary>
    /// <param name="texts">The texts, none of them without tokens. Names of control tokens in them are plain text.</param>
    /// <param name="dimensions">How many of the vectors' numbers are kept, from 1 to <see cref="ModelConfig.HiddenSize"/>; null for all. Of models that were
    /// trained for it (Matryoshka) the first ones are a vector of their own.</param>
    /// <param name="pooling">How the tokens' vectors become one; null for what the model's files say, and the last token's where they do not.</param>
    /// <param name="cancellationToken">Ends the work after the batch of tokens in progress.</param>
    /// <returns>A vector of length 1 for each text.</returns>
    /// <exception cref="ArgumentException">A text is null or has no tokens.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The model has no such number of dimensions.</exception>
    /// <exception cref="ContextOverflowException">A text is longer than the model's context.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    /// <exception cref="ModelFileException">The model's files ask for what is not supported: another pooling, a projection behind it, attention in both
    /// directions. Or an adapter cannot be read.</exception>
    /// <exception cref="RowFileException">Rows could not be read.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public async Task<IReadOnlyList<TextEmbedding>> EmbedAsync(
        IEnumerable<string> texts, int? dimensions = null, Pooling? pooling = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        int size = dimensions ?? Config.HiddenSize;
        if (size < 1 || size > Config.HiddenSize)
            throw new ArgumentOutOfRangeException(nameof(dimensions), dimensions, $"The model's embeddings have from 1 to {Config.HiddenSize} dimensions.");
        string[] all = [.. texts];
        if (Array.IndexOf(all, null) is >= 0 and var absent)
            throw new ArgumentException($"Text {absent} is null.", nameof(texts));
        int[][] tokens = await Task.Run(() => Array.ConvertAll(all, _loaded.Embedder.TokensOf), cancellationToken).ConfigureAwait(false);
        return await _loaded.Embedder.EmbedAsync(tokens, size, pooling, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Continues a prompt, piece by piece as tokens are made. Pieces are whole characters: a UTF-8 sequence is never split. What is known to be wrong at once
    /// is thrown by the call, everything else by the enumeration; each enumeration generates anew.
    /// </summary>
    /// <param name="prompt">The text to continue. Names of control tokens in it are plain text, unless <see cref="GenerationOptions.ParseSpecialTokens"/> says
    /// otherwise.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Told how far the prompt is: at its begin and after every <see cref="MeKiSession.BatchTokens"/> tokens, from another
    /// thread.</param>
    /// <param name="cancellationToken">Ends the generation after the token in progress, or a prompt after <see cref="MeKiSession.BatchTokens"/>
    /// tokens.</param>
    /// <exception cref="ArgumentException">The prompt has no tokens.</exception>
    /// <exception cref="ContextOverflowException">The prompt is longer than the model's context.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    /// <exception cref="InvalidLogitsException">While enumerating: the logits are not numbers that a token could be chosen from.</exception>
    /// <exception cref="RowFileException">While enumerating: rows could not be read.</exception>
    /// <exception cref="OperationCanceledException">While enumerating: the token asked to stop.</exception>
    public TextGeneration GenerateAsync(
        string prompt, GenerationOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        TextGeneration.Of(_loaded, null, prompt, options, progress, cancellationToken);

    /// <summary>Likewise for a prompt that is tokens already.</summary>
    /// <param name="prompt">Token ids, [n], at least one; copied. No token is added to them.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">As for a text.</param>
    /// <param name="cancellationToken">As for a text.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token id is outside the vocabulary; the message says which.</exception>
    /// <exception cref="ArgumentException">The prompt is empty.</exception>
    /// <exception cref="ContextOverflowException">The prompt is longer than the model's context.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer to make text with.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    /// <exception cref="InvalidLogitsException">While enumerating: the logits are not numbers that a token could be chosen from.</exception>
    /// <exception cref="RowFileException">While enumerating: rows could not be read.</exception>
    /// <exception cref="OperationCanceledException">While enumerating: the token asked to stop.</exception>
    public TextGeneration GenerateAsync(
        ReadOnlySpan<int> prompt, GenerationOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        TextGeneration.Of(_loaded, null, prompt, options, progress, cancellationToken);

    /// <summary>Ends the threads and closes the files. A forward pass in progress on another thread ends first or fails cleanly.</summary>
    public void Dispose() => _loaded.Dispose();
}
