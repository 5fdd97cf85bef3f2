using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using MeKi.Model;
using MeKi.Model.Generation;
using MeKi.Model.Replies;
using MeKi.Store;
using MeKi.Tool.Rows;

namespace MeKi.Tool;

/// <summary><c>meki run PROMPT</c>: streams a continuation to standard output, and one line of facts to standard error.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        PromptOptions prompt = new();
        Option<string?> model = DemoModel.Option();
        SamplingFlags sampling = new(maxTokens: 200);
        GrammarFlags grammar = new();
        Option<bool> chat = new("--chat") { Description = "Take the prompt for what a user says, by the model's chat template, and print the answer." };
        Option<string[]> stop = new("--stop") { Description = "End at this text; may be given several times.", HelpName = "TEXT" };
        Option<bool> shift = new("--context-shift")
        {
            Description = "At the end of the context forget the older half of the tokens and go on; otherwise the text ends there.",
        };
        NumberOption<int> keep = new("--keep", [], "How many of the prompt's first tokens --context-shift never forgets; -1 for all.", -1, int.MaxValue, 0);
        Option<string?> promptCache = new("--prompt-cache")
        {
            Description = "A session file: what the prompt has in common with it is not computed again. Made if absent, and brought up to date at the end.",
            HelpName = "FILE",
        };
        Option<bool> copy = new("--no-mmap")
        {
            Description = "Read the weights into memory instead of mapping their file, which must not be cut short while it is mapped.",
        };
        NumberOption<int> threads = Numbers.Threads();
        NumberOption<double> memory = Numbers.MaxMemory();
        Option<bool> stats = new("--stats") { Description = "Print more facts: load time, kernels, threads, bytes of weights, rows for each token." };
        CacheOptions cache = new();
        RowOptions rows = new();
        AdapterFlags adapters = new();
        Command command = new("run", "Continue a text.");
        prompt.AddTo(command);
        Option[] options = [model, chat, stop, shift, keep, promptCache, copy, threads, memory, stats];
        sampling.AddTo(command);
        grammar.AddTo(command);
        Array.ForEach(options, command.Add);
        cache.AddTo(command);
        rows.AddTo(command);
        adapters.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            PromptCache? saved = parsed.GetValue(promptCache) is { } file ? new(file) : null;
            int[]? ids = prompt.Tokens(parsed);
            string text = ids is null ? await prompt.TextAsync(parsed, cancellation).ConfigureAwait(false) : "";
            LoadOptions load = adapters.Apply(parsed, cache.Apply(parsed, new()
            {
                Threads = parsed.GetValue(threads), Rows = rows.Of(parsed), CopyWeights = parsed.GetValue(copy), MaxMemory = memory.Bytes(parsed),
            }));
            GenerationOptions options = sampling.Of(parsed) with
            {
                Grammar = grammar.Of(parsed),
                StopStrings = parsed.GetValue(stop) ?? [],
                ContextShift = parsed.GetValue(shift),
                KeepTokens = keep.Of(parsed),
                ParseSpecialTokens = prompt.ParsesSpecialTokens(parsed),
            };
            if (ids is not null && parsed.GetValue(chat))
                throw new ArgumentException("--chat takes a text, not --tokens.");
            await RunAsync(ids, text, parsed.GetValue(model)
                ?? DemoModel.Find(), load, options, saved, parsed.GetValue(chat), parsed.GetValue(stats), cancellation)
                .ConfigureAwait(false);
        });
        return command;
    }

    private static async Task RunAsync(
        int[]? ids, string text, string path, LoadOptions load, GenerationOptions options, PromptCache? cache, bool chat, bool stats,
            CancellationToken cancellation)
    {
        using RowMeter meter = new();
        using MeKiModel model = await ModelLoading.LoadAsync(path, load, cancellation).ConfigureAwait(false);
        // What loading left behind goes back to the system: this process makes little garbage from here on, so that the collector would not come for it.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        ReplyParser? parser = null;
        if (chat)
        {
            ModelLoading.Warn(model.ChatTemplate.Warnings.Except(model.LoadReport.Warnings));
            string prompt = model.ChatTemplate.Render(new() { Messages = [(JsonNode)new JsonObject { ["role"] = "user", ["content"] = text }] });
            parser = new(ReplyFormat.FromTemplate(model.ChatTemplate.Source), prompt);
            (ids, text) = (model.Tokenizer?.Encode(prompt, addSpecial: false), "");
        }
        using MeKiSession session = cache?.Load(model) ?? model.CreateSession();
        using PromptBar bar = new();
        TextGeneration generation = ids is null
            ? session.GenerateAsync(text, options, bar, cancellation)
            : session.GenerateAsync(ids, options, bar, cancellation);
        TextOutput output = new(cancellation);
        // Not before it is computed: the bar would draw over it.
        string before = text;
        try
        {
            await foreach (string piece in generation.ConfigureAwait(false))
            {
                await output.WriteAsync(before + (parser is null ? piece : Said(parser.Append(piece)))).ConfigureAwait(false);
                before = "";
            }
            before += parser is null ? "" : Said(parser.Complete());
            await output.WriteAsync(before + Environment.NewLine).ConfigureAwait(false);
        }
        catch
        {
            output.EndLine();
            throw;
        }
        finally
        {
            // A prompt that took minutes is kept, too, where its continuation was interrupted.
            GenerationStatistics? statistics = generation.Statistics;
            if (session.Position > 0)
                cache?.Save(session);
            if (stats)
                Console.Error.WriteLine(model.LoadReport);
            if (stats && statistics is not null && model.RowFilePath is not null)
                Console.Error.WriteLine(RowFacts(statistics, model.StoreCounters, meter));
            if (cache is not null && statistics is not null)
            {
                Console.Error.WriteLine(
                    $"prompt cache: {statistics.ReusedTokens} of {statistics.PromptTokens} tokens reused, {session.Position} saved to {cache.Path}");
            }
            if (statistics?.Reason == FinishReason.ContextFull)
            {
                string remedy = options.ContextShift ? "a smaller --keep" : "--context-shift";
                Console.Error.WriteLine($"the context of {session.ContextLength} tokens is full: the text ends here; {remedy} would go on");
            }
            if (statistics is not null)
                Console.Error.WriteLine(Facts(statistics, model.StoreCounters));
        }
    }

    // Of a reply, the answer; thoughts and calls stay out of pipes.
    private static string Said(IEnumerable<ReplyEvent> parts) => string.Concat(parts.OfType<ReplyText>().Select(part => part.Text));

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
        + $"{(run.DraftedTokens > 0 ? $" | {run.AcceptedTokens} of {run.DraftedTokens} guesses right" : "")}"
        + $" | resident {Environment.WorkingSet / 1e6:f0} MB"
        + $" | {rows.RowsRead} rows, {rows.BytesRead / 1e3:f1} kB read from storage | waited {rows.WaitTime.TotalMilliseconds:f2} ms for rows");
}
