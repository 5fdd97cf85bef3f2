using MeKi.Fuzz.Mutation;
using MeKi.Model;
using MeKi.Model.Adapters;
using MeKi.Model.Synthesis;
using MeKi.Model.Tests.Files;
using MeKi.Quant;

namespace MeKi.Fuzz.Readers;

/// <summary>What readers of adapters share: a model, and a library that keeps none of them.</summary>
internal abstract class AdapterReader : Reader
{
    protected AdapterReader()
    {
        TinyModels.MeKi(Folder["model"]);
        Model = MeKiModel.Load(Folder["model"], new() { Threads = 1, AdapterFolder = Folder["library"], AdapterBytes = 0 });
        Directory.CreateDirectory(Folder["library"]);
    }

    protected TemporaryFolder Folder { get; } = new();

    protected MeKiModel Model { get; }

    protected override void Close()
    {
        Model.Dispose();
        Folder.Dispose();
    }

    protected void Use(string name)
    {
        using MeKiSession session = Model.CreateSession([new AdapterChoice(name, 0.5f)]);
        Walk.Tokens(Model, session);
    }
}

/// <summary>Adapters in GGUF, and those that share factors.</summary>
internal sealed class GgufAdapterReader : AdapterReader
{
    public override string Name => "gguf-adapter";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => GgufMutation.Mutate(input, other, random);

    public override void Read(byte[] input, Random random)
    {
        string path = Path.Combine(Folder["library"], "a.gguf");
        File.WriteAllBytes(path, input);
        foreach (string name in Model.Adapters.Names.Take(2).ToArray())
            Use(name);
    }

    protected override IEnumerable<byte[]> Sound()
    {
        LoraAdapter one = SyntheticAdapter.Create(Model.Config, 4, 1, "one"), two = SyntheticAdapter.Create(Model.Config, 2, 2, "two");
        foreach (GgmlType type in new[] { GgmlType.F32, GgmlType.F16, GgmlType.Q8_0 })
        {
            LoraWriter writer = new(Model.Config, BlockFormat.Of(type));
            writer.WriteGguf(one, Folder["sound.gguf"]);
            yield return File.ReadAllBytes(Folder["sound.gguf"]);
            writer.WriteShared([one, two], Folder["shared.gguf"]);
            yield return File.ReadAllBytes(Folder["shared.gguf"]);
        }
    }
}

/// <summary>A file of a PEFT folder.</summary>
/// <param name="isConfig">Whether its settings; else its weights.</param>
internal sealed class PeftReader(bool isConfig) : AdapterReader
{
    private static readonly JsonMutation s_json = new("r", "lora_alpha", "target_modules", "layers_to_transform", "rank_pattern", "alpha_pattern", "use_rslora",
        "use_dora", "bias", "peft_type", "modules_to_save", "fan_in_fan_out", "base_model_name_or_path", "layers_pattern", "inference_mode",
        "init_lora_weights",
        "trainable_token_indices", "exclude_modules", "megatron_config", "loftq_config");

    public override string Name => isConfig ? "adapter-config" : "adapter-safetensors";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) =>
        isConfig ? s_json.Mutate(input, other, random) : SafetensorsReader.MutateFile(input, other, random);

    public override void Read(byte[] input, Random random)
    {
        string folder = Path.Combine(Folder["library"], "peft");
        if (!Directory.Exists(folder))
            Write(4);
        File.WriteAllBytes(Path.Combine(folder, isConfig ? PeftConfig.FileName : PeftFolder.WeightsName), input);
        Use("peft");
    }

    protected override IEnumerable<byte[]> Sound()
    {
        foreach (int rank in new[] { 1, 4 })
        {
            string folder = Write(rank);
            yield return File.ReadAllBytes(Path.Combine(folder, isConfig ? PeftConfig.FileName : PeftFolder.WeightsName));
        }
        if (isConfig)
        {
            foreach (byte[] sound in SeedFiles.Of(Name))
                yield return sound;
        }
    }

    private string Write(int rank)
    {
        string folder = Path.Combine(Folder["library"], "peft");
        new LoraWriter(Model.Config, BlockFormat.Of(GgmlType.F32)).WritePeft(SyntheticAdapter.Create(Model.Config, rank, 1, "peft"), folder, "base");
        return folder;
    }
}
