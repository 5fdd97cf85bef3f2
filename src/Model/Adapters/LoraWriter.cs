using System.Buffers.Binary;
using System.Text.Json;
using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Quant;

namespace MeKi.Model.Adapters;

/// <summary>
/// Writes adapters: as a PEFT folder, as a GGUF adapter, or several that share factors as one GGUF file. A file is there as a whole or not at all.
/// </summary>
/// <param name="config">The model that they are for.</param>
/// <param name="format">How factors are stored. Rows that are no whole blocks of it, B's of most ranks, become F16.</param>
internal sealed class LoraWriter(ModelConfig config, BlockFormat format)
{
    /// <summary>Writes a folder that PEFT loads, made if absent.</summary>
    /// <param name="adapter">The adapter.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="baseModel">What the configuration calls the model.</param>
    /// <exception cref="ModelFileException">It cannot be written, or PEFT has no such format.</exception>
    public void WritePeft(LoraAdapter adapter, string folder, string baseModel)
    {
        string type = format.Type switch
        {
            GgmlType.F32 => "F32",
            GgmlType.F16 => "F16",
            GgmlType.BF16 => "BF16",
            _ => throw new ModelFileException(folder, "", $"PEFT has no {format.Name}", "Choose f32, f16 or bf16, or write a .gguf file"),
        };
        RowOrder order = RowOrders.Between(config.PairsAreNeighbours, toNeighbours: false);
        List<(string Module, LoraPair Pair)> modules = [.. Join(adapter, LoraSite.Modules(config), order, folder)];
        List<(string Name, LoraFactor Factor)> tensors = [.. modules.SelectMany(module => new[]
        {
            ($"{PeftFolder.Prefix}{module.Module}.lora_A.weight", module.Pair.A.As(format)),
            ($"{PeftFolder.Prefix}{module.Module}.lora_B.weight", module.Pair.B.As(format)),
        })];
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw PendingFile.Describe(folder, 0, failure);
        }
        byte[] header = Header(tensors, type);
        long bytes = sizeof(ulong) + header.Length + tensors.Sum(tensor => Bytes(tensor.Factor));
        PendingFile.Write(Path.Combine(folder, PeftFolder.WeightsName), bytes, stream =>
        {
            Span<byte> length = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach ((_, LoraFactor factor) in tensors)
                Copy(factor, stream);
        });
        byte[] settings = Settings(modules, baseModel);
        PendingFile.Write(Path.Combine(folder, PeftConfig.FileName), settings.Length, stream => stream.Write(settings));
    }

    /// <summary>Writes an adapter that llama.cpp loads.</summary>
    /// <param name="adapter">The adapter.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="ModelFileException">It cannot be written, or the format has no place for one of its matrices.</exception>
    public void WriteGguf(LoraAdapter adapter, string path)
    {
        RowOrder order = RowOrders.Between(config.PairsAreNeighbours, toNeighbours: true);
        List<(string Name, LoraPair Pair)> sites = [.. Join(adapter, LoraSite.OfGguf(config).Values, order, path)];
        // One alpha for all: scales that it does not give go into B.
        float alpha = sites.Select(site => site.Pair.Scale * site.Pair.Rank).GroupBy(each => each).MaxBy(group => group.Count())!.Key;
        if (alpha == 0)
            alpha = 1;
        GgufMetadata metadata = Metadata(path, GgufAdapters.Lora, adapter.Name);
        metadata[GgufAdapters.AlphaKey] = alpha;
        List<GgufTensorSource> tensors = [];
        foreach ((string name, LoraPair pair) in sites)
        {
            tensors.Add(Tensor(name + GgufAdapters.Weight + GgufAdapters.EndingA, pair.A));
            tensors.Add(Tensor(name + GgufAdapters.Weight + GgufAdapters.EndingB, Scaled(pair.B, pair.Scale / (alpha / pair.Rank))));
        }
        Publish(metadata, tensors, path);
    }

    /// <summary>Writes adapters and the factors that they share, each once, as one file that this engine runs.</summary>
    /// <param name="adapters">The adapters, of different names. A factor is shared where they refer to the same object.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="ModelFileException">It cannot be written, or the format has no place for one of its matrices.</exception>
    public void WriteShared(IReadOnlyList<LoraAdapter> adapters, string path)
    {
        RowOrder order = RowOrders.Between(config.PairsAreNeighbours, toNeighbours: true);
        List<(string Name, LoraPart Part)> sites = [.. LoraSite.OfGguf(config).Values
            .SelectMany(site => site.Parts.Select(part => (GgufAdapters.SiteName(site, part), part)))
            .Where(site => adapters.Any(adapter => adapter.Pairs.ContainsKey(site.part.Target)))];
        CheckPlaces(adapters, sites.Select(site => site.Part.Target), path);
        List<int> factors = [];
        List<float> scales = [];
        List<GgufTensorSource> tensors = [];
        Dictionary<(int Site, LoraFactor Factor), int> known = [];
        int[] countA = new int[sites.Count], countB = new int[sites.Count];
        foreach (LoraAdapter adapter in adapters)
        {
            for (int s = 0; s < sites.Count; s++)
            {
                if (!adapter.Pairs.TryGetValue(sites[s].Part.Target, out LoraPair? pair))
                {
                    factors.AddRange([-1, -1]);
                    scales.Add(0);
                    continue;
                }
                factors.Add(Known(s, pair.A, GgufAdapters.EndingA, countA, factor => factor));
                factors.Add(Known(s, pair.B, GgufAdapters.EndingB, countB, factor => order.Of(factor, sites[s].Part, config)));
                scales.Add(pair.Scale);
            }
        }
        GgufMetadata metadata = Metadata(path, GgufAdapters.Shared, Path.GetFileNameWithoutExtension(path));
        metadata[GgufAdapters.NamesKey] = adapters.Select(adapter => adapter.Name).ToArray();
        metadata[GgufAdapters.SitesKey] = sites.Select(site => site.Name).ToArray();
        metadata[GgufAdapters.FactorsKey] = factors.ToArray();
        metadata[GgufAdapters.ScalesKey] = scales.ToArray();
        Publish(metadata, tensors, path);

        int Known(int site, LoraFactor factor, string ending, int[] counts, Func<LoraFactor, LoraFactor> ordered)
        {
            if (!known.TryGetValue((site, factor), out int index))
            {
                known.Add((site, factor), index = counts[site]++);
                tensors.Add(Tensor(GgufAdapters.FactorName(sites[site].Name, ending, index), ordered(factor)));
            }
            return index;
        }
    }

    /// <summary>The factors of each tensor of a file: matrices that lie stacked there have one A and one B together.</summary>
    private IEnumerable<(string Name, LoraPair Pair)> Join(LoraAdapter adapter, IEnumerable<LoraSite> sites, RowOrder order, string path)
    {
        List<LoraSite> places = [.. sites.Where(site => site.Parts.Any(part => adapter.Pairs.ContainsKey(part.Target)))];
        CheckPlaces([adapter], places.SelectMany(site => site.Parts).Select(part => part.Target), path);
        foreach (LoraSite site in places)
        {
            (LoraPart Part, LoraPair Pair)[] pairs = [.. site.Parts.Where(part => adapter.Pairs.ContainsKey(part.Target)).Select(part =>
            {
                LoraPair pair = adapter.Pairs[part.Target];
                return (part, pair with { B = order.Of(pair.B, part, config) });
            })];
            yield return (site.Name, site.Parts is [{ Part: null }] ? pairs[0].Pair : Stacked(site, pairs));
        }
    }

    private static void CheckPlaces(IEnumerable<LoraAdapter> adapters, IEnumerable<LoraTarget> targets, string path)
    {
        HashSet<LoraTarget> known = [.. targets];
        foreach (LoraTarget target in adapters.SelectMany(adapter => adapter.Pairs.Keys).Where(target => !known.Contains(target)))
        {
            throw new ModelFileException(path, "", $"the format has no name for the adapted matrix {target.Role} of layer {target.Layer}",
                "Choose another format");
        }
    }

    // Of parts with an A of their own, A is all of them one below the other and B has each at its rows and ranks.
    private static LoraPair Stacked(LoraSite site, (LoraPart Part, LoraPair Pair)[] pairs)
    {
        LoraFactor[] inputs = [.. pairs.Select(each => each.Pair.A).Distinct()];
        int rank = inputs.Sum(input => input.Rows);
        float[] b = new float[checked(site.Rows * rank)];
        foreach ((LoraPart part, LoraPair pair) in pairs)
        {
            int first = inputs.TakeWhile(input => input != pair.A).Sum(input => input.Rows);
            for (int row = 0; row < part.Rows; row++)
            {
                int at = part.Part is { } stack ? row / stack.Rows * stack.Period + stack.First + row % stack.Rows : row;
                Span<float> values = b.AsSpan(at * rank + first, pair.Rank);
                pair.B.DecodeRow(row, values);
                // The whole has one scale; that of its first part.
                if (pair.Scale != pairs[0].Pair.Scale)
                    System.Numerics.Tensors.TensorPrimitives.Multiply(values, pair.Scale / pairs[0].Pair.Scale, values);
            }
        }
        LoraFactor a = inputs.Length == 1 ? inputs[0] : new(rank, site.Columns, inputs.SelectMany(input => input.ToFloats()).ToArray());
        return new(a, new(site.Rows, rank, b), pairs[0].Pair.Scale);
    }

    private static LoraFactor Scaled(LoraFactor factor, float scale)
    {
        // Half a unit in the last place of alpha / rank is no scale of its own.
        if (Math.Abs(scale - 1) < 1e-6f)
            return factor;
        float[] values = factor.ToFloats();
        System.Numerics.Tensors.TensorPrimitives.Multiply(values, scale, values);
        return new(factor.Rows, factor.Columns, values);
    }

    private GgufMetadata Metadata(string path, string type, string name)
    {
        GgufMetadata metadata = new(path);
        metadata["general.architecture"] = config.Family;
        metadata["general.type"] = "adapter";
        metadata["general.name"] = name;
        metadata["adapter.type"] = type;
        return metadata;
    }

    private GgufTensorSource Tensor(string name, LoraFactor factor)
    {
        BlockFormat own = factor.Columns % format.BlockSize == 0 ? format : BlockFormat.Of(GgmlType.F16);
        return new(name, own.Type, [factor.Columns, factor.Rows], (stream, _) => Copy(factor.As(own), stream));
    }

    private static void Publish(GgufMetadata metadata, List<GgufTensorSource> tensors, string path)
    {
        GgufWriter writer = new(metadata, tensors);
        PendingFile.Write(path, writer.TotalBytes, stream => writer.WriteTo(stream, CancellationToken.None));
    }

    private static byte[] Header(List<(string Name, LoraFactor Factor)> tensors, string type)
    {
        using MemoryStream text = new();
        using (Utf8JsonWriter json = new(text))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            json.WriteString("format", "pt");
            json.WriteEndObject();
            long at = 0;
            foreach ((string name, LoraFactor factor) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", type);
                WriteNumbers(json, "shape", factor.Rows, factor.Columns);
                WriteNumbers(json, "data_offsets", at, at += Bytes(factor));
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // Tensors begin at a multiple of eight.
        while (text.Length % 8 != 0)
            text.WriteByte((byte)' ');
        return text.ToArray();
    }

    private static byte[] Settings(List<(string Module, LoraPair Pair)> modules, string baseModel)
    {
        int rank = Usual(modules.Select(module => module.Pair.Rank));
        // Divided again by the rank it must give the scale that was read.
        float alpha = Usual(modules.Select(module => module.Pair.Scale * module.Pair.Rank));
        using MemoryStream text = new();
        using (Utf8JsonWriter json = new(text, new() { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("peft_type", "LORA");
            json.WriteString("task_type", "CAUSAL_LM");
            json.WriteString("base_model_name_or_path", baseModel);
            json.WriteNumber("r", rank);
            json.WriteNumber("lora_alpha", alpha);
            json.WriteNumber("lora_dropout", 0);
            json.WriteString("bias", "none");
            json.WriteBoolean("fan_in_fan_out", false);
            json.WriteBoolean("use_rslora", false);
            json.WriteBoolean("use_dora", false);
            json.WriteBoolean("inference_mode", true);
            json.WriteStartArray("target_modules");
            foreach (string module in modules.Select(module => module.Module[(module.Module.LastIndexOf('.') + 1)..]).Distinct().Order(StringComparer.Ordinal))
                json.WriteStringValue(module);
            json.WriteEndArray();
            json.WriteStartObject("rank_pattern");
            foreach ((string module, LoraPair pair) in modules.Where(module => module.Pair.Rank != rank))
                json.WriteNumber(module, pair.Rank);
            json.WriteEndObject();
            json.WriteStartObject("alpha_pattern");
            foreach ((string module, LoraPair pair) in modules.Where(module => module.Pair.Scale * module.Pair.Rank != alpha))
                json.WriteNumber(module, pair.Scale * pair.Rank);
            json.WriteEndObject();
            json.WriteNull("modules_to_save");
            json.WriteEndObject();
        }
        return text.ToArray();
    }

    private static T Usual<T>(IEnumerable<T> values) => values.GroupBy(each => each).MaxBy(group => group.Count())!.Key;

    private static void WriteNumbers(Utf8JsonWriter json, string name, long first, long second)
    {
        json.WriteStartArray(name);
        json.WriteNumberValue(first);
        json.WriteNumberValue(second);
        json.WriteEndArray();
    }

    private static long Bytes(LoraFactor factor) => factor.Rows * factor.Format.RowBytes(factor.Columns);

    private static void Copy(LoraFactor factor, Stream stream)
    {
        for (int row = 0; row < factor.Rows; row++)
            stream.Write(factor.Row(row));
        GC.KeepAlive(factor);
    }
}
