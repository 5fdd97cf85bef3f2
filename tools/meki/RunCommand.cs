using System.CommandLine;
using System.Globalization;
using MeKi.Model;
using MeKi.Model.Generation;
using MeKi.Store;
using MeKi.Tool.Rows;

namespace MeKi.Tool;

/// <summary><c>meki run PROMPT</c>: streams a continuation to standard output, and one line of facts to standard error.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        GenerationOptions defaults = new();
        Argument<string> prompt = new("prompt") { Description = "The text to continue." };
        Option<string?> model = new("--model", "-m") { Description = "A folder that 'meki convert' wrote, a .gguf file or a Hugging Face checkpoint. Default: the demo model." };
        Option<int> tokens = new("--max-tokens", "-n") { Description = "The most tokens to generate.", DefaultValueFactory = _ => 200 };
        Option<float> temperature = new("--temp") { Description = "Temperature; 0 is greedy.", DefaultValueFactory = _ => defaults.Temperature };
        Option<int> topK = new("--top-k") { Description = "Keep the k likeliest tokens; 0 keeps all.", DefaultValueFactory = _ => defaults.TopK };
        Option<float> topP = new("--top-p") { Description = "Keep the likeliest tokens up to this sum of probabilities.", DefaultValueFactory = _ => defaults.TopP };
        Option<float> minP = new("--min-p") { Description = "Keep tokens this times as likely as the likeliest.", DefaultValueFactory = _ => defaults.MinP };
        Option<float> penalty = new("--repeat-penalty") { Description = "Make recent tokens less likely; 1 is off.", DefaultValueFactory = _ => defaults.RepetitionPenalty };
        Option<int?> seed = new("--seed", "-s") { Description = "Make sampling repeatable." };
        Option<string[]> stop = new("--stop") { Description = "End at this text; may be given several times." };
        Option<bool> shift = new("--context-shift") { Description = "At the end of the context forget the older half of the tokens and go on; otherwise the text ends there." };
        Option<int> keep = new("--keep") { Description = "How many of the prompt's first tokens --context-shift never forgets; -1 for all." };
        Option<string?> promptCache = new("--prompt-cache") { Description = "A session file: what the prompt has in common with it is not computed again. Made if absent, and brought up to date at the end." };
        Option<int?> threads = new("--threads", "-t") { Description = "Threads that compute. Default: one per performance core." };
        Option<bool> stats = new("--stats") { Description = "Print more facts: load time, kernels, threads, bytes of weights, rows for each token." };
        CacheOptions cache = new();
        RowOptions rows = new();
        Command command = new("run", "Continue a text.") { prompt, model, tokens, temperature, topK, topP, minP, penalty, seed, stop, shift, keep, promptCache, threads, stats };
        cache.AddTo(command);
        rows.AddTo(command);
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetRequiredValue(prompt), parsed.GetValue(model) ?? DemoModel.Find(), cache.Apply(parsed, new() { Threads = parsed.GetValue(threads), Rows = rows.Of(parsed) }),
            new()
            {
                MaxTokens = parsed.GetValue(tokens),
                Temperature = parsed.GetValue(temperature),
                TopK = parsed.GetValue(topK),
                TopP = parsed.GetValue(topP),
                MinP = parsed.GetValue(minP),
                RepetitionPenalty = parsed.GetValue(penalty),
                Seed = parsed.GetValue(seed),
                ParseSpecialTokens = true,
                StopStrings = parsed.GetValue(stop) ?? [],
                ContextShift = parsed.GetValue(shift),
                KeepTokens = parsed.GetValue(keep),
            }, parsed.GetValue(promptCache), parsed.GetValue(stats), cancellation));
        return command;
    }

    private static async Task RunAsync(string prompt, string path, LoadOptions load, GenerationOptions options, string? promptCache, bool stats, CancellationToken cancellation)
    {
        using RowMeter meter = new();
        using MeKiModel model = ModelLoading.Load(path, load);
        // What loading left behind goes back to the system: this process makes little garbage from here on, so that the collector would not come for it.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using MeKiSession session = promptCache is not null && File.Exists(promptCache) ? model.LoadSession(promptCache) : model.CreateSession();
        using PromptBar bar = new();
        GenerationStatistics? statistics = null;
        options = options with { PromptProgress = bar, Completed = done => statistics = done };
        // Not before it is computed: the bar would draw over it.
        string before = prompt;
        try
        {
            await foreach (string piece in session.GenerateAsync(prompt, options, cancellation).ConfigureAwait(false))
            {
                Console.Out.Write(before + piece);
                Console.Out.Flush();
                before = "";
            }
            Console.Out.Write(before);
        }
        finally
        {
            // A prompt that took minutes is kept, too, where its continuation was interrupted.
            if (promptCache is not null && session.Position > 0)
                session.Save(promptCache);
            Console.Out.WriteLine();
            if (stats)
                Console.Error.WriteLine(model.LoadReport);
            if (stats && statistics is not null && model.RowFilePath is not null)
                Console.Error.WriteLine(RowFacts(statistics, model.StoreCounters, meter));
            if (promptCache is not null && statistics is not null)
                Console.Error.WriteLine($"prompt cache: {statistics.ReusedTokens} of {statistics.PromptTokens} tokens reused, {session.Position} saved to {promptCache}");
            if (statistics is not null)
                Console.Error.WriteLine(Facts(statistics, model.StoreCounters));
        }
    }

    private static string RowFacts(GenerationStatistics run, StoreCounters rows, RowMeter meter)
    {
        double passes = Math.Max(1, run.PromptTokens + run.DecodePasses);
        return string.Create(CultureInfo.InvariantCulture,
            $"rows: {rows.RowsRead / passes:f1} and {rows.BytesRead / passes:f0} bytes for each token | {100 * meter.HitShare:f1} % in the cache"
            + $" | a read took {1e6 * meter.Reads.Quantile(0.5):f0} µs (p99 {1e6 * meter.Reads.Quantile(0.99):f0})"
            + $" | a token waited {1e6 * meter.Waits.Quantile(0.5):f1} µs (p99 {1e6 * meter.Waits.Quantile(0.99):f1})");
    }

    private static string Facts(GenerationStatistics run, StoreCounters rows) => string.Create(CultureInfo.InvariantCulture,
        $"{run.PromptTokens}+{run.GeneratedTokens} tokens | prefill {run.PrefillTokensPerSecond:f1} tokens/s | decode {run.DecodeTokensPerSecond:f1} tokens/s"
        + $" | resident {Environment.WorkingSet / 1e6:f0} MB | {rows.RowsRead} rows, {rows.BytesRead / 1e3:f1} kB read from storage | waited {rows.WaitTime.TotalMilliseconds:f2} ms for rows");
}
