using System.CommandLine;
using System.Globalization;
using MeKi.Model;
using MeKi.Model.Adapters;
using MeKi.Model.Synthesis;
using MeKi.Quant;

namespace MeKi.Tool.Adapters;

/// <summary><c>meki adapter</c>: makes adapters of adapters.</summary>
internal static class AdapterCommand
{
    private const string GgufExtension = ".gguf";

    public static Command Create() => new("adapter", "Convert and make low-rank adapters.")
    {
        Convert(), Synth(), AdapterMergeCommand.Create(), AdapterClusterCommand.Create(), AdapterReportCommand.Create(),
    };

    private static Command Convert()
    {
        Argument<string> adapter = new("adapter") { Description = "A PEFT folder, a GGUF adapter or a file of shared factors.", HelpName = "ADAPTER" };
        Option<string?> model = DemoModel.Option(), name = new("--name") { Description = "Which one of a file of shared factors.", HelpName = "NAME" };
        Option<string> output = Output(), type = Type();
        Command command = new("convert", "Write an adapter in another form: a PEFT folder as a .gguf file, or the other way.")
        {
            adapter, model, name, output, type,
        };
        command.SetAction((parsed, _) => Task.Run(() =>
        {
            string path = parsed.GetValue(model) ?? DemoModel.Find();
            ModelConfig config = ModelFiles.ReadConfig(path);
            using LoraFile file = LoraFile.Open(parsed.GetRequiredValue(adapter), config);
            IReadOnlyList<LoraAdapter> adapters = parsed.GetValue(name) is { } one ? [Named(file, one)] : file.Adapters;
            Write(new(config, Format(parsed.GetRequiredValue(type))), adapters, parsed.GetRequiredValue(output), path);
        }, CancellationToken.None));
        return command;
    }

    private static Command Synth()
    {
        Option<string?> model = DemoModel.Option();
        Option<string> output = Output(), type = Type();
        NumberOption<int> rank = new("--rank", ["-r"], "The rank for every matrix.", 1, 1 << 12, 8), seed =
            new("--seed", ["-s"], "Chooses the numbers.", int.MinValue, int.MaxValue, 0);
        Command command = new("synth", "Write an adapter of random numbers, for measurements.") { model, rank, seed, output, type };
        command.SetAction((parsed, _) => Task.Run(() =>
        {
            string path = parsed.GetValue(model) ?? DemoModel.Find(), to = parsed.GetRequiredValue(output);
            ModelConfig config = ModelFiles.ReadConfig(path);
            LoraAdapter adapter = SyntheticAdapter.Create(config, rank.Of(parsed), seed.Of(parsed), LoraFile.NameOf(to));
            Write(new(config, Format(parsed.GetRequiredValue(type))), [adapter], to, path);
        }, CancellationToken.None));
        return command;
    }

    internal static Option<string> Output() => new("--output", "-o")
    {
        Description = "A name that ends in .gguf, or a folder, which becomes one that PEFT loads.",
        HelpName = "PATH",
        Required = true,
    };

    internal static Option<string> Type()
    {
        Option<string> type = new("--type")
        {
            Description = "Type of the factors: f32, f16, bf16 or q8_0. Rows that are no whole blocks of q8_0 become f16.",
            HelpName = "TYPE",
            DefaultValueFactory = _ => "f16",
        };
        type.AcceptOnlyFromAmong("f32", "f16", "bf16", "q8_0");
        return type;
    }

    internal static BlockFormat Format(string type) => BlockFormat.All.First(format => format.Name == type);

    private static LoraAdapter Named(LoraFile file, string name) => file.Adapters.FirstOrDefault(each => each.Name == name)
        ?? throw new ModelFileException(file.Path, "", $"has no adapter {UntrustedText.Quote(name)}",
            $"There are {string.Join(", ", file.Adapters.Take(12).Select(each => UntrustedText.Quote(each.Name)))}");

    internal static void Write(LoraWriter writer, IReadOnlyList<LoraAdapter> adapters, string to, string model)
    {
        if (to.EndsWith(GgufExtension, StringComparison.OrdinalIgnoreCase) && !Directory.Exists(to))
        {
            if (adapters.Count > 1)
                writer.WriteShared(adapters, to);
            else
                writer.WriteGguf(adapters[0], to);
        }
        else if (adapters.Count > 1)
        {
            throw new ArgumentException($"A PEFT folder has one adapter, not {adapters.Count}: choose one with --name.");
        }
        else
        {
            writer.WritePeft(adapters[0], to, LoraFile.NameOf(model));
        }
        long bytes = Directory.Exists(to) ? Directory.GetFiles(to).Sum(file => new FileInfo(file).Length) : new FileInfo(to).Length;
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{to}  {bytes:n0} bytes, {adapters.Sum(adapter => adapter.Pairs.Count)} matrices"));
    }
}
