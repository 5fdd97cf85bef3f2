using MeKi.Model.Files;
using MeKi.Quant;

namespace MeKi.Model.Adapters;

/// <summary>Reads an adapter as PEFT saves it: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
internal static class PeftFolder
{
    public const string WeightsName = "adapter_model.safetensors";
    public const string Prefix = "base_model.model.";

    private const string Stem = "adapter_model";
    private const string Pickled = "adapter_model.bin";

    /// <summary>Whether a folder has an adapter.</summary>
    public static bool IsAt(string path) => File.Exists(Path.Combine(path, PeftConfig.FileName)) || File.Exists(WeightsAt(path));

    /// <summary>The file that tells of a folder's weights: these, or the index of their shards.</summary>
    public static string WeightsAt(string path)
    {
        string weights = Path.Combine(path, WeightsName), index = SafetensorsFolder.IndexOf(path, Stem);
        return !File.Exists(weights) && File.Exists(index) ? index : weights;
    }

    /// <summary>Opens the weights.</summary>
    public static SafetensorsFolder Open(string path)
    {
        if (!File.Exists(WeightsAt(path)) && File.Exists(Path.Combine(path, Pickled)))
        {
            throw new ModelFileException(path, "", $"has its weights in {Pickled}, a format that can run programs",
                "Save it again with safe_serialization=True");
        }
        return SafetensorsFolder.Open(path, copy: false, null, Stem);
    }

    /// <summary>Reads an adapter.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="name">What to call it.</param>
    /// <param name="file">Its weights.</param>
    /// <param name="config">The model.</param>
    /// <exception cref="ModelFileException">It is damaged, of another model or of another kind.</exception>
    public static LoraAdapter Read(string path, string name, SafetensorsFolder file, ModelConfig config)
    {
        PeftConfig settings = PeftConfig.Read(Path.Combine(path, PeftConfig.FileName));
        Dictionary<string, LoraSite> sites = LoraSite.OfCheckpoints(config);
        Dictionary<string, (SafetensorsTensor? A, SafetensorsTensor? B)> modules = [];
        foreach (SafetensorsTensor tensor in file.Tensors.Values)
        {
            (string module, bool isB) = Parse(tensor);
            (SafetensorsTensor? a, SafetensorsTensor? b) = modules.GetValueOrDefault(module);
            if ((isB ? b : a) is { } other)
                throw Wrong(tensor, $"is a second one beside {UntrustedText.Quote(other.Name)}", "Save one adapter to a file");
            modules[module] = isB ? (a, tensor) : (tensor, b);
        }
        RowOrder order = RowOrders.Between(fromNeighbours: false, config.PairsAreNeighbours);
        Dictionary<LoraTarget, LoraPair> pairs = [];
        foreach ((string module, (SafetensorsTensor? a, SafetensorsTensor? b)) in modules)
        {
            if (a is null || b is null)
                throw Wrong((a ?? b)!, $"has no lora_{(a is null ? 'A' : 'B')} beside it", "The adapter is incomplete; save it again");
            LoraSite site = sites.GetValueOrDefault(module) ?? throw LoraFile.NoSuchMatrix(a.File.Path, a.Name, config);
            if (!settings.Targets(module))
                throw Wrong(a, $"is not among the modules that {PeftConfig.FileName} targets", $"Take the {PeftConfig.FileName} that it was saved with");
            int rank = settings.RankOf(module);
            if (a.Shape is [long own, _] && own != rank)
                throw Wrong(a, $"has rank {own} where {PeftConfig.FileName} says {rank}", $"Take the {PeftConfig.FileName} that it was saved with");
            LoraFile.CheckRank(rank, site, a.File.Path, a.Name);
            foreach ((LoraTarget target, LoraPair pair) in
                site.Split(Factor(a, rank, site.Columns), Factor(b, site.Rows, rank), settings.ScaleOf(module), order, config))
            {
                if (!pairs.TryAdd(target, pair))
                    throw Wrong(a, "names a matrix that another tensor of the adapter names, too", "Save the adapter again");
            }
        }
        return pairs.Count > 0 ? new(name, pairs) : throw new ModelFileException(path, "", "has no tensors", "Save the adapter again");
    }

    private static (string Module, bool IsB) Parse(SafetensorsTensor tensor)
    {
        string name = tensor.Name;
        foreach ((string mark, string what) in new[]
        {
            (".lora_embedding_A", "an adapter of the embedding"), (".lora_embedding_B", "an adapter of the embedding"),
            (".lora_magnitude_vector", "DoRA"), (".modules_to_save", "a module that was trained as a whole"), (".lora_B.bias", "a bias beside lora_B"),
        })
        {
            if (name.Contains(mark, StringComparison.Ordinal))
                throw Wrong(tensor, $"is {what}, which does not run", "Train without it, or merge the adapter into its base with PEFT");
        }
        int atA = name.LastIndexOf(".lora_A.", StringComparison.Ordinal), atB = name.LastIndexOf(".lora_B.", StringComparison.Ordinal);
        int at = Math.Max(atA, atB);
        if (at < 0 || !name.EndsWith(".weight", StringComparison.Ordinal))
            throw Wrong(tensor, "is no low-rank factor", "Merge the adapter into its base with PEFT");
        string module = name[..at];
        while (module.StartsWith(Prefix, StringComparison.Ordinal))
            module = module[Prefix.Length..];
        return (module, at == atB);
    }

    private static LoraFactor Factor(SafetensorsTensor tensor, int rows, int columns)
    {
        if (!(tensor.Shape is [long height, long width] && height == rows && width == columns))
            throw Wrong(tensor, $"has shape [{string.Join(", ", tensor.Shape)}] where the model makes it [{rows}, {columns}]",
                "It is an adapter of another model");
        GgmlType type = tensor.DType switch
        {
            SafetensorsDType.F32 => GgmlType.F32,
            SafetensorsDType.F16 => GgmlType.F16,
            SafetensorsDType.BF16 => GgmlType.BF16,
            _ => throw Wrong(tensor, $"has dtype {UntrustedText.Line(tensor.DTypeName, 20)}", "Save the adapter as F32, F16 or BF16"),
        };
        return new(BlockFormat.Of(type), rows, columns, tensor.File, tensor.Offset, tensor.Name);
    }

    private static ModelFileException Wrong(SafetensorsTensor tensor, string problem, string remedy) =>
        new(tensor.File.Path, UntrustedText.Tensor(tensor.Name), problem, remedy);
}
