using MeKi.Model.Checkpoints;
using MeKi.Model.Gguf;
using MeKi.Store;

namespace MeKi.Model;

/// <summary>The pair of files that a converted model is: <c>model.gguf</c> and, where it has rows, <c>model.rows</c> beside it.</summary>
internal static class ModelFiles
{
    /// <summary>The model file in a model's folder.</summary>
    public const string ModelName = "model.gguf";

    /// <summary>The row file in a model's folder.</summary>
    public const string RowName = "model.rows";

    /// <summary>Where the rows of a model file lie: beside it, those of a model in several files beside the first without its number.</summary>
    public static string RowsOf(string modelPath) => GgufSplit.CommonName(modelPath) + ".rows";

    /// <summary>What a model's files say of its shape; nothing else is read.</summary>
    /// <param name="path">As for <see cref="MeKiModel.Load"/>.</param>
    /// <exception cref="ModelFileException">There is no model, or one that does not run.</exception>
    public static ModelConfig ReadConfig(string path)
    {
        string gguf = Directory.Exists(path) ? Path.Combine(path, ModelName) : path;
        using WeightSource source = File.Exists(gguf) ? GgufModel.Open(gguf) : HuggingFaceCheckpoint.Open(path);
        return source.Config;
    }

    /// <summary>Opens the rows of a model that has an identity, and refuses those of another.</summary>
    /// <exception cref="RowFileException">The rows are missing, damaged or another model's.</exception>
    public static RowStore OpenRows(GgufModel model, RowStoreOptions? options = null)
    {
        string path = RowsOf(model.Path);
        RowStore store = RowStore.Open(path, options);
        (RowFileLayout layout, ModelConfig config) = (store.Layout, model.Config);
        string? difference =
            layout.Identity != model.Identity ? $"it was made from checkpoint {layout.Identity}, {model.Path} from {model.Identity}"
            : (layout.VocabularySize, layout.Layers, layout.Dimension) != (config.VocabularySize, config.Layers, config.MemoryDimension)
                ? $"its {layout.VocabularySize} records of {layout.Layers} rows of {layout.Dimension} do not fit {model.Path}: "
                    + $"{config.VocabularySize}, {config.Layers}, {config.MemoryDimension}"
            : null;
        if (difference is null)
            return store;
        store.Dispose();
        throw new RowFileException(path, "header", $"the rows belong to another model: {difference}", "Use the pair that one 'meki convert' wrote");
    }
}
