using System.CommandLine;
using System.Globalization;
using MeKi.Model;
using MeKi.Model.Adapters;
using MeKi.Model.Adapters.Merging;

namespace MeKi.Tool.Adapters;

/// <summary><c>meki adapter merge</c>: one adapter of several, or several that share factors.</summary>
internal static class AdapterMergeCommand
{
    private const string Average = "average", Ties = "ties", Hydra = "hydraopt";

    public static Command Create()
    {
        Argument<string[]> adapters = TaskAdapters.Argument();
        Option<string?> model = DemoModel.Option();
        Option<string> output = AdapterCommand.Output(), type = AdapterCommand.Type(), examples = TaskAdapters.Examples();
        Option<string> method = new("--method")
        {
            Description = "average: the weighted mean of the products; ties: TIES of them; hydraopt: the adapters stay several and share factors in one file.",
            HelpName = "METHOD",
            DefaultValueFactory = _ => Average,
        };
        method.AcceptOnlyFromAmong(Average, Ties, Hydra);
        Option<double[]> weights = new("--weights")
        {
            Description = "A weight for each adapter. Default: equal ones, whose sum is 1.",
            HelpName = "W,W",
            CustomParser = argument => [.. argument.Tokens.SelectMany(token => token.Value.Split(','))
                .Select(part => Numbers.Parse(argument, part, "--weights", -1e3, 1e3) ?? 0)],
        };
        NumberOption<int> rank = new("--rank", ["-r"], "The rank of a merged adapter. Default: the largest of the adapters'.", 1, 1 << 12);
        NumberOption<double> density = new("--density", [], "ties: the share of values that stay.", 1e-6, 1, 0.2);
        NumberOption<double> storage = new("--storage", [], "hydraopt: the share of the adapters' values that may be stored.", 0.01, 1, 0.52);
        NumberOption<int> tokens = TaskAdapters.Tokens(), threads = Numbers.Threads();
        NumberOption<double> memory = Numbers.MaxMemory();
        Command command = new("merge", "Merge adapters: average, TIES, or HydraOpt, where they share factors.")
        {
            adapters, model, method, weights, rank, density, storage, examples, tokens, output, type, threads, memory,
        };
        command.SetAction((parsed, cancellation) => Task.Run(() =>
        {
            string path = parsed.GetValue(model) ?? DemoModel.Find(), to = parsed.GetRequiredValue(output), how = parsed.GetRequiredValue(method);
            ModelConfig config = ModelFiles.ReadConfig(path);
            using TaskAdapters opened = TaskAdapters.Open(parsed.GetRequiredValue(adapters), config);
            List<LoraAdapter> all = opened.Adapters;
            LoraWriter writer = new(config, AdapterCommand.Format(parsed.GetRequiredValue(type)));
            using StageProgress progress = new();
            if (how == Hydra)
            {
                if (!to.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
                    throw new ArgumentException("Adapters that share factors are one .gguf file: end the output's name so.");
                using MeKiModel loaded = ModelLoading.Load(path, new() { Threads = parsed.GetValue(threads), MaxMemory = memory.Bytes(parsed) });
                HydraOpt hydra = new(loaded, opened.Tasks(loaded, parsed.GetRequiredValue(examples), tokens.Of(parsed)));
                hydra.Prepare(progress, cancellation);
                HydraResult result = hydra.Share(storage.Of(parsed), progress, cancellation);
                Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"storage {result.Storage:f3}; A is shared in {result.Sides.Count(side => side.SharesA)} of {result.Sides.Count} matrices, else B"));
                writer.WriteShared(result.Adapters, to);
                return;
            }
            double[] given = parsed.GetValue(weights) is { Length: > 0 } some ? some : [.. all.Select(_ => 1.0 / all.Count)];
            if (given.Length != all.Count)
                throw new ArgumentException($"--weights has {given.Length} numbers for {all.Count} adapters.");
            int most = parsed.GetValue(rank) ?? AdapterMerge.Rank(all);
            string name = LoraFile.NameOf(to);
            LoraAdapter merged = how == Average ? AdapterMerge.Average(name, all, given, most, progress, cancellation)
                : AdapterMerge.Ties(name, all, given, density.Of(parsed), most, progress, cancellation);
            AdapterCommand.Write(writer, [merged], to, path);
        }, CancellationToken.None));
        return command;
    }
}
