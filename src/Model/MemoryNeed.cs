using System.Globalization;
using MeKi.Kernels.Kv;
using MeKi.Model.Architectures;
using MeKi.Model.Batching;
using MeKi.Model.Checkpoints;
using MeKi.Model.Layers;
using MeKi.Store;

namespace MeKi.Model;

/// <summary>
/// What a model takes of memory, known before any of it is taken: the most while it loads, and one sequence's batch behind that. The runtime, some 40 MB, and
/// adapters are not in it.
/// </summary>
internal sealed record MemoryNeed
{
    // The tokenizer's and the template's objects for each byte of the files they come from.
    private const int TextFactor = 5;

    /// <summary>Weights that are used where they lie in their mapped file.</summary>
    public required long Mapped { get; init; }

    /// <summary>Weights packed into memory of the process, or decoded.</summary>
    public required long Packed { get; init; }

    /// <summary>What loading takes for a while: the tensor that is being packed, or files that are read instead of mapped.</summary>
    public required long Loading { get; init; }

    /// <summary>Keys and values: as many as <see cref="LoadOptions.MaxKvBytes"/> allows, else those of <see cref="LeastPositions"/> positions.</summary>
    public required long Kv { get; init; }

    /// <summary>The row store.</summary>
    public required long Rows { get; init; }

    /// <summary>A batch's activations, logits, the tokenizer.</summary>
    public required long Scratch { get; init; }

    /// <summary>Positions that there is always room for: those of a page.</summary>
    public static int LeastPositions => KvPage.Positions;

    /// <summary>All of it.</summary>
    public long Total => Mapped + Packed + Loading + Kv + Rows + Scratch;

    /// <summary>Sums what a model takes. Nothing of it is read or allocated; the source is mapped.</summary>
    /// <exception cref="ModelFileException">A tensor is missing, or has another shape or an undecodable type.</exception>
    public static MemoryNeed Of(WeightSource source, LoadOptions options)
    {
        ModelConfig config = options.WithoutMeKi ? source.Config.WithoutBranch() : source.Config;
        Weights weights = new();
        foreach (int? layer in Enumerable.Range(0, config.Layers).Select(layer => (int?)layer).Prepend(null))
        {
            foreach (TensorSpec spec in LayerWeights.SpecsOf(config, layer))
                weights.Add(source, spec, layer ?? 0, config);
        }
        bool isComputed = TrainingFormLayer.IsIn(source, config);
        if (isComputed)
        {
            Role[] projection = [Role.ProjectionGate, Role.ProjectionUp, Role.ProjectionDown];
            foreach (TensorSpec spec in config.Architecture.Tensors.Where(spec => projection.Contains(spec.Role)))
            {
                for (int layer = 0; layer < config.Layers; layer++)
                {
                    if (source.Has(spec, layer))
                        weights.Add(source, spec, layer, config);
                }
            }
        }
        long mapped = weights.Mapped, packed = weights.Packed, loading = weights.Loading;
        if (options.CopyWeights)
            (mapped, packed, loading) = mapped == 0 && !isComputed ? (0, packed, source.FileBytes) : (0, packed + source.FileBytes, 0);
        CacheLayout kv = new(config, options.KeyFormat, options.ValueFormat);
        return new()
        {
            Mapped = mapped,
            Packed = packed,
            Loading = loading,
            Kv = options.MaxKvBytes ?? kv.BytesOf(Math.Min(LeastPositions, config.ContextLength)),
            Rows = isComputed ? 0 : RowBytes(source, config, options.Rows),
            Scratch = ActivationBytes(config) + TextFactor * source.TextBytes,
        };
    }

    /// <summary>Refuses a model that takes more than is allowed, and leaves what it does not take to keys and values.</summary>
    /// <exception cref="InsufficientMemoryException">It does; the message has the sum.</exception>
    public static LoadOptions Fit(WeightSource source, LoadOptions options, long most)
    {
        MemoryNeed need = Of(source, options);
        if (need.Total <= most)
        {
            CacheLayout kv = new(source.Config, options.KeyFormat, options.ValueFormat);
            return options with { MaxKvBytes = options.MaxKvBytes ?? Math.Min(most - need.Total + need.Kv, KvMemory.DefaultLimit(kv, source.Config)) };
        }
        throw new InsufficientMemoryException(string.Create(CultureInfo.InvariantCulture,
            $"{UntrustedText.Line(source.Path, 500)}: the model takes {need}, and {most:n0} are allowed (MaxMemory, --max-memory). "
            + $"Allow more, or take a smaller type of weights, keys and values, or a smaller row cache."));
    }

    /// <summary>The sum as a line of text.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Total:n0} bytes of memory: weights {Mapped:n0} mapped and {Packed:n0} packed, {Loading:n0} while loading, keys and values {Kv:n0}, rows {Rows:n0}, "
        + $"scratch {Scratch:n0}");

    private static long RowBytes(WeightSource source, ModelConfig config, RowStoreOptions options)
    {
        if (!config.HasTable && !config.HasMeKi)
            return 0;
        // The threads' buffers, and a number for each token: RecordStore. Rows of the type that takes most, where a file has not been looked at.
        long stored = (long)config.VocabularySize * config.Layers * config.MemoryDimension * sizeof(float);
        return Math.Min(options.CacheBytes, stored) + 5 * (128L << 10) + (long)sizeof(int) * config.VocabularySize;
    }

    // As floats, and once more in 8-bit blocks where they enter a product: those of Pass and of what it holds.
    private static long ActivationBytes(ModelConfig config)
    {
        long widest = 0;
        foreach (LayerGeometry layer in config.Geometry)
            widest = Math.Max(widest, 3L * layer.QueryWidth + 2L * layer.KeyWidth + 3L * layer.FeedForward);
        long token = (5L + config.Architecture.SideStreams) * config.HiddenSize + widest + 4L * config.MemoryDimension;
        return Math.Min(Pass.MaxBatch, config.ContextLength) * token * 5 + 2L * sizeof(float) * config.VocabularySize;
    }

    /// <summary>Matrices in the order in which they are loaded.</summary>
    private sealed class Weights
    {
        private long _peak;

        public long Mapped { get; private set; }

        public long Packed { get; private set; }

        /// <summary>What the peak lies above the end.</summary>
        public long Loading => Math.Max(0, _peak - Packed);

        public void Add(WeightSource source, TensorSpec spec, int layer, ModelConfig config)
        {
            if (spec.IsVector || spec.IsSmall)
            {
                Packed += (long)sizeof(float) * (spec.IsVector ? 1 : spec.Rows(config, layer)) * spec.Columns(config, layer);
                return;
            }
            (long inPlace, long packed, long read) = source.BytesOf(spec, layer);
            (Mapped, Packed) = (Mapped + inPlace, Packed + packed);
            _peak = Math.Max(_peak, Packed + read);
        }
    }
}
