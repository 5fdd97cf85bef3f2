using System.Diagnostics;
using MeKi.Kernels;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Processors;
using MeKi.Model.Architectures;
using MeKi.Model.Checkpoints;
using MeKi.Model.Conversion;
using MeKi.Model.Generation;
using MeKi.Model.Layers;
using MeKi.Model.Tokenization;
using MeKi.Store;
using Microsoft.Extensions.Logging;

namespace MeKi.Model;

/// <summary>
/// A loaded language model: weights mapped from their file, expert rows read from storage as tokens are met. Immutable and safe for any number of threads;
/// each <see cref="CreateSession"/> or <see cref="GenerateAsync(string, GenerationOptions?, CancellationToken)"/> is a sequence of its own.
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
    /// <summary>The model file in a model's folder.</summary>
    public const string ModelFileName = "model.gguf";

    /// <summary>The row file in a model's folder.</summary>
    public const string RowFileName = "model.rows";

    private readonly WeightSource _source;
    private readonly ModelWeights _weights;
    private readonly TrainingFormLayer[]? _trainingForm;
    private readonly RowStore? _store;
    private readonly ComputePool _pool;
    private readonly KvLayout _kvLayout;

    private MeKiModel(WeightSource source, ModelConfig config, RowStore? store, Tokenizer? tokenizer, LoadOptions options)
    {
        // A name that no kernels have is refused before the work of loading.
        Kernels = KernelSelection.Name;
        Config = options.WithoutMeKi ? config.WithoutBranch() : config;
        _kvLayout = new(config.KvHeads, config.HeadDimension, options.KeyFormat, options.ValueFormat);
        (_source, _store, Logger) = (source, store, options.Logger);
        tokenizer?.CheckFits(config, source.Path);
        Tokenizer = tokenizer;
        source.Warnings.AddRange(tokenizer?.Warnings ?? []);
        _pool = new(options.Threads ?? ProcessorTopology.PerformanceCores());
        try
        {
            _weights = ModelWeights.Load(source, Config, _pool);
            _trainingForm = TrainingFormLayer.Load(source, Config, _pool);
            if (options.CopyWeights && _trainingForm is null && _weights.Matrices.All(matrix => matrix.OwnedBytes > 0))
                source.FreeCopies();
        }
        catch
        {
            _pool.Dispose();
            throw;
        }
    }

    /// <summary>The model's shape.</summary>
    public ModelConfig Config { get; }

    /// <summary>The model's tokenizer; null where it came without one, and tokens are given by id, through a session.</summary>
    public Tokenizer? Tokenizer { get; }

    /// <summary>The tokenizer of a model that is given text.</summary>
    /// <exception cref="InvalidOperationException">The model has none.</exception>
    internal Tokenizer RequiredTokenizer => Tokenizer ?? throw new InvalidOperationException($"{_source.Path} has no tokenizer.");

    /// <summary>What the row store has read since the model was loaded; zero for a model without one.</summary>
    public StoreCounters StoreCounters => _store?.Counters ?? default;

    /// <summary>What loading made of the weights.</summary>
    public LoadReport LoadReport { get; private set; } = null!;

    /// <summary>Threads that compute.</summary>
    public int Threads => _pool.Threads;

    /// <summary>The instruction set whose kernels compute, as <see cref="KernelSelection"/> names it.</summary>
    public string Kernels { get; }

    /// <summary>The row file; null for a model that reads none.</summary>
    public string? RowFilePath => _store?.Path;

    /// <summary>
    /// Bytes of weights that the forward pass of one token reads: every tensor once, of the embedding one row (and all of it where it is the head).
    /// </summary>
    public long WeightBytesPerToken => _weights.BytesPerToken;

    /// <summary>Bytes of keys and values that a position adds to the KV cache, and that each later token reads.</summary>
    public long KvBytesPerPosition => Config.Layers * _kvLayout.BytesPerPosition;

    /// <summary>Who is told of what is odd, besides loading.</summary>
    internal ILogger? Logger { get; }

    /// <summary>Loads a model.</summary>
    /// <param name="path">
    /// A folder with <c>model.gguf</c> and <c>model.rows</c> (what <c>meki convert</c> writes), a <c>.gguf</c> file (its rows beside it as <c>.rows</c>), or a
    /// Hugging Face checkpoint folder, which runs in its training form, the expert vectors computed anew for each token.
    /// </param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentException">An option is outside its range; the message names it.</exception>
    /// <exception cref="InsufficientMemoryException">The system does not give so many threads.</exception>
    /// <exception cref="ModelFileException">A file is missing, damaged, unsupported or does not fit the others.</exception>
    /// <exception cref="RowFileException">The row file is missing or damaged.</exception>
    /// <exception cref="KernelSelectionException">The environment names kernels that this machine has not.</exception>
    public static MeKiModel Load(string path, LoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options = (options ?? new()).Checked();
        long start = Stopwatch.GetTimestamp();
        MeKiModel model = Open(path, options);
        IEnumerable<PanelMatrix> projections = model._trainingForm?.SelectMany(layer => layer.Projection?.Panels?.Matrices ?? []) ?? [];
        model.LoadReport = LoadReport.Of(
            model, model._source, model._weights.Matrices.Concat(projections), options.CopyWeights, Stopwatch.GetElapsedTime(start));
        if (options.Logger is not null)
            LoadLog.Write(options.Logger, model.LoadReport);
        return model;
    }

    /// <summary>Starts an empty sequence.</summary>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public MeKiSession CreateSession()
    {
        ObjectDisposedException.ThrowIf(!_source.TryAddReference(), this);
        try
        {
            return Continue(new(Config, _kvLayout), []);
        }
        finally
        {
            _source.ReleaseReference();
        }
    }

    /// <summary>Loads a session that <see cref="MeKiSession.Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SessionFileException">The file is missing, truncated, damaged or of another model, or its keys and values have other formats. The model
    /// stays usable.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public MeKiSession LoadSession(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ObjectDisposedException.ThrowIf(!_source.TryAddReference(), this);
        try
        {
            (KvCache cache, int[] tokens) = SessionFile.Read(path, DescribeSession(0), Config);
            return Continue(cache, tokens);
        }
        finally
        {
            _source.ReleaseReference();
        }
    }

    /// <summary>What the file of a session of this model says. The model's files must be held open.</summary>
    internal SessionHeader DescribeSession(int length) => new()
    {
        Identity = SessionIdentity.Of(Config, _weights, _trainingForm, _store?.Layout),
        VocabularySize = Config.VocabularySize,
        TokenizerSize = Tokenizer?.VocabularySize ?? 0,
        Layers = Config.Layers,
        Kv = _kvLayout,
        Length = length,
    };

    /// <summary>Starts a session whose cache holds some tokens already.</summary>
    internal MeKiSession Continue(KvCache cache, ReadOnlySpan<int> tokens)
    {
        TokenRows? rows = _store is not null ? new StoredTokenRows(_store, _pool)
            : _trainingForm is not null ? new ComputedTokenRows(Config, _source.Matrix(Config.SpecOf(Role.Embedding), 0), _trainingForm, _pool)
            : null;
        return new(this, new Pass(Config, _weights, rows, _pool), cache, tokens, _source);
    }

    /// <summary>
    /// Continues a prompt, piece by piece as tokens are made. Pieces are whole characters: a UTF-8 sequence is never split. What is known to be wrong at once
    /// is thrown by the call, everything else by the enumeration; each enumeration generates anew.
    /// </summary>
    /// <param name="prompt">The text to continue. Names of control tokens in it are plain text, unless <see cref="GenerationOptions.ParseSpecialTokens"/> says
    /// otherwise.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Ends the generation after the token in progress.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range; the message names it.</exception>
    /// <exception cref="ArgumentException">The prompt has no tokens, or a stop string is empty.</exception>
    /// <exception cref="ContextOverflowException">The prompt is longer than the model's context.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    /// <exception cref="InvalidLogitsException">While enumerating: the logits are not numbers that a token could be chosen from.</exception>
    /// <exception cref="RowFileException">While enumerating: rows could not be read.</exception>
    /// <exception cref="OperationCanceledException">While enumerating: the token asked to stop.</exception>
    public IAsyncEnumerable<string> GenerateAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        TextGeneration.Of(this, null, prompt, options, cancellationToken);

    /// <summary>Likewise for a prompt that is tokens already.</summary>
    /// <param name="prompt">Token ids, [n], at least one; copied. No token is added to them.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Ends the generation after the token in progress.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range, or a token id outside the vocabulary; the message says which.</exception>
    /// <exception cref="ArgumentException">The prompt is empty, or a stop string is.</exception>
    /// <exception cref="ContextOverflowException">The prompt is longer than the model's context.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer to make text with.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    /// <exception cref="InvalidLogitsException">While enumerating: the logits are not numbers that a token could be chosen from.</exception>
    /// <exception cref="RowFileException">While enumerating: rows could not be read.</exception>
    /// <exception cref="OperationCanceledException">While enumerating: the token asked to stop.</exception>
    public IAsyncEnumerable<string> GenerateAsync(ReadOnlySpan<int> prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        TextGeneration.Of(this, null, prompt, options, cancellationToken);

    /// <summary>Ends the threads and closes the files. A forward pass in progress on another thread ends first or fails cleanly.</summary>
    public void Dispose()
    {
        _pool.Dispose();
        _store?.Dispose();
        _source.Dispose();
    }

    internal void ThrowIfDisposed()
    {
        ObjectDisposedException.ThrowIf(!_source.TryAddReference(), this);
        _source.ReleaseReference();
    }

    /// <exception cref="ArgumentOutOfRangeException">A token id is outside the vocabulary.</exception>
    internal void CheckTokens(ReadOnlySpan<int> tokens, string name)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            if ((uint)tokens[i] >= (uint)Config.VocabularySize)
                throw new ArgumentOutOfRangeException(name, tokens[i], $"Token {i} has an id outside the vocabulary of {Config.VocabularySize}.");
        }
    }

    private static MeKiModel Open(string path, LoadOptions options)
    {
        string gguf = Directory.Exists(path) ? Path.Combine(path, ModelFileName) : path;
        if (File.Exists(gguf))
            return LoadConverted(gguf, options);
        if (File.Exists(Path.Combine(path, "config.json")))
            return LoadCheckpoint(path, options);
        throw new ModelFileException(path, "", Directory.Exists(path) ? $"the folder has neither {ModelFileName} nor config.json" : "there is no such file or folder",
            "Name a folder that 'meki convert' wrote, a .gguf file or a Hugging Face checkpoint");
    }

    private static MeKiModel LoadConverted(string path, LoadOptions options)
    {
        GgufModel source = GgufModel.Open(path, options.CopyWeights);
        RowStore? store = null;
        try
        {
            if (!options.CopyWeights)
                source.ReadAhead();
            Tokenizer? tokenizer = source.Metadata.Contains("tokenizer.ggml.model") ? GgufTokenizer.Load(source.Metadata) : null;
            source.Metadata.Drop("tokenizer.");
            if (source.Identity is { } identity && !options.WithoutMeKi)
                store = OpenRows(ModelFolder.RowsOf(path), source, identity, options.Rows);
            return new(source, source.Config, store, tokenizer, options);
        }
        catch
        {
            store?.Dispose();
            source.Dispose();
            throw;
        }
    }

    /// <summary>Opens the rows of a model and refuses those of another.</summary>
    internal static RowStore OpenRows(string path, GgufModel source, ModelIdentity identity, RowStoreOptions? options = null)
    {
        RowStore store = RowStore.Open(path, options);
        (RowFileLayout layout, ModelConfig config) = (store.Layout, source.Config);
        string? difference =
            layout.Identity != identity ? $"it was made from checkpoint {layout.Identity}, {source.Path} from {identity}"
            : (layout.VocabularySize, layout.Layers, layout.Dimension) != (config.VocabularySize, config.Layers, config.MemoryDimension)
                ? $"its {layout.VocabularySize} records of {layout.Layers} rows of {layout.Dimension} do not fit {source.Path}: {config.VocabularySize}, {config.Layers}, {config.MemoryDimension}"
            : null;
        if (difference is null)
            return store;
        store.Dispose();
        throw new RowFileException(path, "header", $"the rows belong to another model: {difference}", "Use the pair that one 'meki convert' wrote");
    }

    private static MeKiModel LoadCheckpoint(string path, LoadOptions options)
    {
        HuggingFaceCheckpoint source = HuggingFaceCheckpoint.Open(path, options.CopyWeights);
        try
        {
            string tokenizer = Path.Combine(path, TokenizerJson.FileName);
            return new(source, source.Config, null, File.Exists(tokenizer) ? TokenizerJson.Load(tokenizer) : null, options);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }
}
