using MeKi.Model.Gguf;
using MeKi.Quant;

namespace MeKi.Model.Adapters;

/// <summary>
/// Reads adapters in GGUF (docs/formats.md): one as llama.cpp has it, or several that share factors, a form of this engine's own.
/// </summary>
internal static class GgufAdapters
{
    public const string AlphaKey = "adapter.lora.alpha", Lora = "lora", Shared = "meki.shared";
    public const string NamesKey = "meki.adapter.names", SitesKey = "meki.adapter.sites";
    public const string FactorsKey = "meki.adapter.factors", ScalesKey = "meki.adapter.scales";
    public const string EndingA = ".lora_a", EndingB = ".lora_b", Weight = ".weight";

    private const int MostAdapters = 1 << 12;

    /// <summary>Reads a file's adapters.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">What to call a single one.</param>
    /// <param name="config">The model.</param>
    /// <exception cref="ModelFileException">It is damaged, of another model or no adapter.</exception>
    public static IReadOnlyList<LoraAdapter> Read(GgufFile file, string name, ModelConfig config)
    {
        string path = file.File.Path;
        if (file.Metadata.GetOr("general.type", "") != "adapter")
            throw new ModelFileException(path, "", "is no adapter: general.type is not 'adapter'", "Name a GGUF adapter or a folder that PEFT saved");
        string type = file.Metadata.GetOr("adapter.type", "");
        string architecture = file.Metadata.GetOr("general.architecture", "");
        if (architecture != config.Family)
            throw new ModelFileException(path, "metadata key 'general.architecture'",
                $"the adapter is for {UntrustedText.Quote(architecture)}, the model is '{config.Family}'", "Take an adapter that was trained on this model");
        if (file.Metadata.Contains("adapter.alora.invocation_tokens"))
            throw new ModelFileException(path, "metadata key 'adapter.alora.invocation_tokens'", "activated LoRA does not run", "Take a plain adapter");
        return type switch
        {
            Lora => [ReadOne(file, name, config)],
            Shared => ReadShared(file, config),
            _ => throw new ModelFileException(path, "metadata key 'adapter.type'", $"is {UntrustedText.Quote(type)}", $"Adapters of the type '{Lora}' run"),
        };
    }

    /// <summary>What the file of shared factors calls a matrix: the tensor, with the first row where it is a part of one.</summary>
    public static string SiteName(LoraSite site, LoraPart part) =>
        part.Part is { } stack ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{site.Name}{Weight}:{stack.First}") : site.Name + Weight;

    /// <summary>What the file of shared factors calls one of a matrix's factors.</summary>
    public static string FactorName(string site, string ending, int index) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{site}{ending}.{index}");

    private static LoraAdapter ReadOne(GgufFile file, string name, ModelConfig config)
    {
        string path = file.File.Path;
        float alpha = file.Metadata.TryGetFloat(AlphaKey) ?? 0;
        if (!float.IsFinite(alpha))
            throw new ModelFileException(path, $"metadata key '{AlphaKey}'", "is not a number", "Convert the adapter again");
        Dictionary<string, LoraSite> sites = LoraSite.OfGguf(config);
        RowOrder order = RowOrders.Between(fromNeighbours: true, config.PairsAreNeighbours);
        Dictionary<LoraTarget, LoraPair> pairs = [];
        foreach (GgufTensor tensor in file.Tensors)
        {
            bool isB = tensor.Name.EndsWith(EndingB, StringComparison.Ordinal);
            if (!isB && !tensor.Name.EndsWith(EndingA, StringComparison.Ordinal))
                throw Wrong(tensor, "is no low-rank factor", "Convert the adapter again");
            string of = tensor.Name[..^EndingA.Length], other = of + (isB ? EndingA : EndingB);
            if (!file.TryGetTensor(other, out GgufTensor? b))
                throw Wrong(tensor, $"has no {(isB ? EndingA : EndingB)[1..]} beside it", "The adapter is incomplete; convert it again");
            if (isB)
                continue;
            LoraSite site = SiteOf(sites, of) ?? throw LoraFile.NoSuchMatrix(path, tensor.Name, config);
            int rank = RankOf(tensor, site, path);
            // As llama.cpp has it: without an alpha the product is taken as it is.
            float scale = alpha == 0 ? 1 : alpha / rank;
            foreach ((LoraTarget target, LoraPair pair) in
                site.Split(Factor(tensor, rank, site.Columns), Factor(b, site.Rows, rank), scale, order, config))
                pairs.Add(target, pair);
        }
        return pairs.Count > 0 ? new(name, pairs) : throw new ModelFileException(path, "", "has no tensors", "Convert the adapter again");
    }

    private static List<LoraAdapter> ReadShared(GgufFile file, ModelConfig config)
    {
        string path = file.File.Path;
        string[] names = file.Metadata.Get<string[]>(NamesKey), siteNames = file.Metadata.Get<string[]>(SitesKey);
        int[] factors = file.Metadata.Get<int[]>(FactorsKey);
        float[] scales = file.Metadata.Get<float[]>(ScalesKey);
        if (names.Length is 0 or > MostAdapters)
            throw Key(NamesKey, $"names {names.Length} adapters where 1 to {MostAdapters} are taken");
        if (names.Distinct().Count() != names.Length)
            throw Key(NamesKey, $"names {UntrustedText.Quote(names.GroupBy(each => each).First(each => each.Count() > 1).Key)} twice");
        if (siteNames.Distinct().Count() != siteNames.Length)
            throw Key(SitesKey, "names a matrix twice");
        long cells = (long)names.Length * siteNames.Length;
        if (factors.LongLength != 2 * cells || scales.LongLength != cells)
            throw Key(FactorsKey, $"does not tell of {names.Length} adapters and {siteNames.Length} matrices");
        Dictionary<string, (LoraSite Site, LoraPart Part)> sites = LoraSite.OfGguf(config).Values
            .SelectMany(site => site.Parts.Select(part => (site, part))).ToDictionary(each => SiteName(each.site, each.part));
        RowOrder order = RowOrders.Between(fromNeighbours: true, config.PairsAreNeighbours);
        Dictionary<string, LoraFactor> known = [];
        List<LoraAdapter> adapters = [];
        for (int adapter = 0; adapter < names.Length; adapter++)
        {
            Dictionary<LoraTarget, LoraPair> pairs = [];
            for (int s = 0; s < siteNames.Length; s++)
            {
                int cell = adapter * siteNames.Length + s;
                if ((factors[2 * cell], factors[2 * cell + 1]) == (-1, -1))
                    continue;
                (LoraSite site, LoraPart part) = sites.TryGetValue(siteNames[s], out var found) ? found
                    : throw LoraFile.NoSuchMatrix(path, siteNames[s], config);
                GgufTensor a = TensorOf(siteNames[s], EndingA, factors[2 * cell]), b = TensorOf(siteNames[s], EndingB, factors[2 * cell + 1]);
                int rank = RankOf(a, site, path);
                if (!float.IsFinite(scales[cell]))
                    throw Key(ScalesKey, $"has a value at {cell} that is not a number");
                LoraFactor one = Known(a, () => Factor(a, rank, site.Columns));
                LoraFactor two = Known(b, () => order.Of(Factor(b, part.Rows, rank), part, config));
                if (two.Columns != rank)
                    throw Wrong(b, $"has rank {two.Columns} where {UntrustedText.Quote(a.Name)} has {rank}", "The file is damaged");
                pairs.Add(part.Target, new(one, two, scales[cell]));
            }
            adapters.Add(new(names[adapter], pairs));
        }
        return adapters;

        GgufTensor TensorOf(string site, string ending, int index) => file.GetTensor(FactorName(site, ending, index));

        LoraFactor Known(GgufTensor tensor, Func<LoraFactor> make)
        {
            if (!known.TryGetValue(tensor.Name, out LoraFactor? factor))
                known.Add(tensor.Name, factor = make());
            return factor;
        }

        ModelFileException Key(string key, string problem) => new(path, $"metadata key '{key}'", problem, "The file is damaged");
    }

    private static LoraSite? SiteOf(Dictionary<string, LoraSite> sites, string tensor) =>
        tensor.EndsWith(Weight, StringComparison.Ordinal) ? sites.GetValueOrDefault(tensor[..^Weight.Length]) : null;

    private static int RankOf(GgufTensor a, LoraSite site, string path)
    {
        long rank = a.Sides switch
        {
            [_, long rows] => rows,
            [_] => 1,
            _ => 0,
        };
        LoraFile.CheckRank(rank, site, path, a.Name);
        return (int)rank;
    }

    private static LoraFactor Factor(GgufTensor tensor, int rows, int columns)
    {
        if (!tensor.Is(rows, columns) || tensor.Sides.Length > 2)
            throw Wrong(tensor, $"has dimensions [{string.Join(", ", tensor.Dimensions)}] where the model makes it [{columns}, {rows}]",
                "It is an adapter of another model");
        BlockFormat format = BlockFormat.Find(tensor.Type) ?? throw Wrong(tensor, $"type {tensor.Type} is not supported", "Convert it to F32, F16 or Q8_0");
        return new(format, rows, columns, tensor.File!, tensor.Offset, tensor.Name);
    }

    private static ModelFileException Wrong(GgufTensor tensor, string problem, string remedy) =>
        new(tensor.File!.Path, UntrustedText.Tensor(tensor.Name), problem, remedy);
}
