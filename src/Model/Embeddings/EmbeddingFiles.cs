using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using MeKi.Model.Gguf;

namespace MeKi.Model.Embeddings;

/// <summary>What a model's files say of embeddings: <c>ARCHITECTURE.pooling_type</c> in GGUF, the modules of sentence-transformers beside a
/// checkpoint.</summary>
internal static class EmbeddingFiles
{
    private const string BothWays = "asks for attention in both directions", Causal = "Embeddings of causal models are supported";
    private const string Modules = "modules.json", Settings = "config.json";

    // The values of GGUF's key; 0 is none, 4 a classifier.
    private static readonly Pooling?[] s_types = [null, Pooling.Mean, Pooling.Cls, Pooling.Last];

    /// <summary>The pooling that the model was trained with; null where the files do not say.</summary>
    /// <exception cref="ModelFileException">The files ask for what is not supported.</exception>
    public static Pooling? PoolingOf(WeightSource source) => source switch
    {
        GgufModel gguf => OfGguf(gguf.Metadata),
        _ => OfFolder(source.Path),
    };

    /// <summary>Reads the keys of a GGUF file.</summary>
    public static Pooling? OfGguf(GgufMetadata metadata)
    {
        if (!metadata.Contains("general.architecture"))
            return null;
        string architecture = metadata.Get<string>("general.architecture"), key = $"{architecture}.pooling_type", causal = $"{architecture}.attention.causal";
        if (!metadata.GetOr(causal, true))
            throw new ModelFileException(metadata.Path, $"metadata key {UntrustedText.Quote(causal)}", BothWays, Causal);
        return metadata.TryGetInt(key) switch
        {
            null => null,
            int type when (uint)type < (uint)s_types.Length => s_types[type],
            int type => throw new ModelFileException(metadata.Path, $"metadata key {UntrustedText.Quote(key)}", $"the pooling {type} is not supported",
                "Supported are 1 (mean), 2 (first token) and 3 (last token)"),
        };
    }

    /// <summary>Reads what sentence-transformers keeps beside a checkpoint.</summary>
    public static Pooling? OfFolder(string folder)
    {
        string config = Path.Combine(folder, Settings);
        if (File.Exists(config))
        {
            JsonPlace.Read(config, root =>
            {
                foreach (JsonPlace part in (JsonPlace[])[root, .. root.TryField("text_config") is { } text ? [text] : Array.Empty<JsonPlace>()])
                {
                    if (part.TryFlag("is_causal") == false || part.Flag("use_bidirectional_attention"))
                        throw part.Fault(BothWays, Causal);
                }
                return true;
            });
        }
        string pooling = "1_Pooling";
        string modules = Path.Combine(folder, Modules);
        if (File.Exists(modules))
        {
            JsonPlace.Read(modules, root =>
            {
                foreach (JsonPlace module in root.Items())
                {
                    string type = (module.TryText("type") ?? "").Split('.')[^1];
                    if (type == "Pooling")
                        pooling = module.TryText("path") ?? pooling;
                    else if (type is not ("Transformer" or "Normalize"))
                        throw module.Fault($"the module {UntrustedText.Quote(type)} is not supported", "Transformer, Pooling and Normalize are");
                }
                return true;
            });
        }
        string settings = Path.Combine(folder, Path.GetFileName(pooling), Settings);
        return !File.Exists(settings) ? null : JsonPlace.Read<Pooling?>(settings, root =>
            Has(root, "lasttoken") ? Pooling.Last : Has(root, "mean_tokens") ? Pooling.Mean : Has(root, "cls_token") ? Pooling.Cls
            : throw root.Fault("asks for a pooling that is not supported", "Mean, first token and last token are"));
    }

    private static bool Has(JsonPlace root, string mode) => root.Flag($"pooling_mode_{mode}");
}
