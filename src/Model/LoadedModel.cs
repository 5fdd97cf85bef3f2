using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Processors;
using MeKi.Model.Adapters;
using MeKi.Model.Architectures;
using MeKi.Model.Batching;
using MeKi.Model.Chat;
using MeKi.Model.Checkpoints;
using MeKi.Model.Embeddings;
using MeKi.Model.Layers;
using MeKi.Model.Sampling;
using MeKi.Model.Templates;
using MeKi.Model.Tokenization;
using MeKi.Store;
using Microsoft.Extensions.Logging;

namespace MeKi.Model;

/// <summary>What a model's sessions share: files, weights, rows, threads. Safe for any number of threads.</summary>
internal sealed class LoadedModel : IDisposable
{
    private readonly TrainingFormLayer[]? _trainingForm;
    private readonly Lazy<GenerationEngine> _engine;

    private LoadedModel(WeightSource source, RecordStore? rows, TextFiles text, LoadOptions options, Action<int, int> loaded)
    {
        // A name that no kernels have is refused before the work of loading.
        Kernels = KernelSelection.Name;
        Config = (options.WithoutMeKi ? source.Config.WithoutBranch() : source.Config) with { SuppressedTokens = text.Tokenizer?.SuppressedIds ?? [] };
        Kv = new(Config, options.KeyFormat, options.ValueFormat);
        (Source, Rows, Tokenizer, Sampling, Logger) = (source, rows, text.Tokenizer, text.Sampling, options.Logger);
        _engine = new(() => new(this, options.MaxKvBytes));
        Embedder = new(this);
        Tokenizer?.CheckFits(Config, source.Path);
        source.Warnings.AddRange(Tokenizer?.Warnings ?? []);
        // That there is none matters only to whoever chats.
        ChatTemplate = new(text.Templates.Read);
        if (text.Templates.HasTemplate)
            source.Warnings.AddRange(ChatTemplate.Value.Warnings);
        Pool = new(options.Threads ?? ProcessorTopology.PerformanceCores());
        try
        {
            Weights = ModelWeights.Load(source, Config, Pool, loaded);
            _trainingForm = TrainingFormLayer.Load(source, Config, Pool);
            Adapters = new(options.AdapterFolder ?? AdaptersOf(source.Path), options.AdapterBytes, Weights, Config, Pool);
            DefaultAdapters = options.Adapters;
            // What is wrong with them is said now.
            Adapters.Acquire(DefaultAdapters)?.Dispose();
            if (options.CopyWeights && _trainingForm is null && Weights.Matrices.All(matrix => matrix.OwnedBytes > 0))
                source.FreeCopies();
        }
        catch
        {
            Pool.Dispose();
            throw;
        }
    }

    public ModelConfig Config { get; }

    public Tokenizer? Tokenizer { get; }

    public Lazy<ChatTemplate> ChatTemplate { get; }

    /// <summary>What chats leave behind for those after them.</summary>
    public ChatMemory Chats { get; } = new();

    /// <summary>What makes vectors of texts.</summary>
    public Embedder Embedder { get; }

    /// <summary>What the files say of sampling.</summary>
    public SamplingOptions Sampling { get; }

    public WeightSource Source { get; }

    public ModelWeights Weights { get; }

    /// <summary>Its adapters on storage.</summary>
    public AdapterLibrary Adapters { get; }

    /// <summary>What embeddings are computed with, and sessions that are not told otherwise.</summary>
    public IReadOnlyList<AdapterChoice> DefaultAdapters { get; set; }

    /// <summary>Rows on storage, in a row file or in a table of the model's own; null for a model that reads none.</summary>
    public RecordStore? Rows { get; }

    public ComputePool Pool { get; }

    /// <summary>How sessions keep keys and values.</summary>
    public CacheLayout Kv { get; }

    /// <summary>What generates.</summary>
    public GenerationEngine Engine => _engine.Value;

    /// <summary>The instruction set whose kernels compute.</summary>
    public string Kernels { get; }

    /// <summary>Who is told of what is odd, besides loading.</summary>
    public ILogger? Logger { get; }

    /// <summary>The tokenizer of a model that is given text.</summary>
    /// <exception cref="InvalidOperationException">The model has none.</exception>
    public Tokenizer RequiredTokenizer => Tokenizer ?? throw new InvalidOperationException($"{Source.Path} has no tokenizer.");

    /// <summary>Every matrix, those of a checkpoint's training form included.</summary>
    public IEnumerable<PanelMatrix> Matrices =>
        Weights.Matrices.Concat(_trainingForm?.SelectMany(layer => layer.Projection?.Panels?.Matrices ?? []) ?? []);

    /// <summary>Opens a model's files and loads them.</summary>
    /// <param name="path">As for <see cref="MeKiModel.Load"/>.</param>
    /// <param name="options">Sound ones.</param>
    /// <param name="loaded">Told how many layers are loaded, and of how many.</param>
    public static LoadedModel Open(string path, LoadOptions options, Action<int, int> loaded)
    {
        string gguf = Directory.Exists(path) ? Path.Combine(path, ModelFiles.ModelName) : path;
        if (File.Exists(gguf))
            return OpenGguf(gguf, options, loaded);
        if (File.Exists(Path.Combine(path, "config.json")))
            return OpenCheckpoint(path, options, loaded);
        string problem = Directory.Exists(path) ? $"the folder has neither {ModelFiles.ModelName} nor config.json" : "there is no such file or folder";
        throw new ModelFileException(path, "", problem, "Name a folder that 'meki convert' wrote, a .gguf file or a Hugging Face checkpoint");
    }

    /// <summary>What computes for one session.</summary>
    /// <param name="pool">The threads to run on; the model's by default.</param>
    public Pass CreatePass(ComputePool? pool = null)
    {
        pool ??= Pool;
        TokenRows? rows = Rows switch
        {
            RowStore stored => new StoredTokenRows(stored, pool),
            RowTableStore table => new TableTokenRows(Config, RowProjection.Of(Weights), table, pool),
            _ => _trainingForm is null ? null : new ComputedTokenRows(Config, Source.Matrix(Config.SpecOf(Role.Embedding), 0), _trainingForm, pool),
        };
        return new(Config, Weights, rows, pool);
    }

    /// <summary>What the file of a session says. The files must be held open.</summary>
    /// <param name="length">Tokens.</param>
    /// <param name="adapters">What it is computed with besides the model; null for nothing.</param>
    public SessionHeader DescribeSession(int length, AdapterSet? adapters = null) => new()
    {
        Identity = SessionIdentity.Of(Config, Weights, _trainingForm, Rows),
        VocabularySize = Config.VocabularySize,
        TokenizerSize = Tokenizer?.VocabularySize ?? 0,
        Kv = Kv,
        Length = length,
        Adapters = adapters?.Identity ?? [],
    };

    /// <summary>Holds the files open until the result is disposed.</summary>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public Hold HoldOpen()
    {
        ObjectDisposedException.ThrowIf(!Source.TryAddReference(), typeof(MeKiModel));
        return new(Source);
    }

    /// <exception cref="ArgumentOutOfRangeException">A token id is outside the vocabulary.</exception>
    public void CheckTokens(ReadOnlySpan<int> tokens, string name)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            if ((uint)tokens[i] >= (uint)Config.VocabularySize)
                throw new ArgumentOutOfRangeException(name, tokens[i], $"Token {i} has an id outside the vocabulary of {Config.VocabularySize}.");
        }
    }

    /// <summary>Ends the threads and closes the files.</summary>
    public void Dispose()
    {
        if (_engine.IsValueCreated)
            Engine.Dispose();
        Pool.Dispose();
        Rows?.Dispose();
        Source.Dispose();
    }

    private static string AdaptersOf(string model) =>
        Path.Combine(Directory.Exists(model) ? model : Path.GetDirectoryName(Path.GetFullPath(model))!, AdapterLibrary.FolderName);

    private static LoadedModel OpenGguf(string path, LoadOptions options, Action<int, int> loaded)
    {
        options = Fit(() => GgufModel.Open(path), options);
        GgufModel source = GgufModel.Open(path, options.CopyWeights);
        RecordStore? rows = null;
        try
        {
            if (!options.CopyWeights)
                source.ReadAhead();
            Tokenizer? tokenizer = source.Metadata.Contains("tokenizer.ggml.model") ? GgufTokenizer.Load(source.Metadata) : null;
            TextFiles text = new(tokenizer, ChatTemplateFiles.OfGguf(source.Metadata), SamplingDefaults.Of(source.Metadata, source.Warnings));
            source.Metadata.Drop("tokenizer.");
            rows = source.Config.HasTable ? source.OpenTable(options.Rows)
                : source.Identity is not null && !options.WithoutMeKi ? ModelFiles.OpenRows(source, options.Rows)
                : null;
            return new(source, rows, text, options, loaded);
        }
        catch
        {
            rows?.Dispose();
            source.Dispose();
            throw;
        }
    }

    // Looked at mapped: a file that is to be copied is not read before its size is known to be allowed.
    private static LoadOptions Fit(Func<WeightSource> open, LoadOptions options)
    {
        if (options.MaxMemory is not { } most)
            return options;
        using WeightSource source = open();
        return MemoryNeed.Fit(source, options, most);
    }

    private static LoadedModel OpenCheckpoint(string path, LoadOptions options, Action<int, int> loaded)
    {
        options = Fit(() => HuggingFaceCheckpoint.Open(path), options);
        HuggingFaceCheckpoint source = HuggingFaceCheckpoint.Open(path, options.CopyWeights);
        RecordStore? rows = null;
        try
        {
            rows = source.Config.HasTable ? source.OpenTable(options.Rows) : null;
            string tokenizer = TokenizerFolder.PathIn(path);
            TextFiles text = new(File.Exists(tokenizer) ? TokenizerFolder.Load(tokenizer) : null,
                ChatTemplateFiles.OfFolder(path), SamplingDefaults.OfFolder(path, source.Warnings));
            return new(source, rows, text, options, loaded);
        }
        catch
        {
            rows?.Dispose();
            source.Dispose();
            throw;
        }
    }

    /// <summary>What a model's files have besides numbers.</summary>
    private sealed record TextFiles(Tokenizer? Tokenizer, ChatTemplateFiles Templates, SamplingOptions Sampling);

    /// <summary>Open files.</summary>
    public readonly struct Hold(WeightSource source) : IDisposable
    {
        public void Dispose() => source.ReleaseReference();
    }
}
