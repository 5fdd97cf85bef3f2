using System.Diagnostics;
using System.Globalization;
using MeKi.Model;
using MeKi.Model.Batching;
using MeKi.Model.Generation;

// Clients of one model in one process: how many tokens a second they get together, one client beside a session, and how long a short prompt waits for a long
// one.
if (args.Length == 0)
{
    Console.Error.WriteLine("meki-batching MODEL [THREADS [PROMPT [GENERATED [CLIENTS ...]]]]");
    return 2;
}
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
int threads = Number(1, 2), prompt = Number(2, 128), generated = Number(3, 128);
int[] counts = args.Length > 4 ? [.. args[4..].Select(int.Parse)] : [1, 8];
using MeKiModel model = MeKiModel.Load(args[0], new() { Threads = threads });
int seed = 0;
GenerationOptions options = new() { Temperature = 0.8f, MaxTokens = generated };
await Together(1, 16);
await Together(8, 16);
for (int round = 0; round < 2; round++)
{
    await Session();
    foreach (int clients in counts)
    {
        EngineCounters before = model.EngineCounters;
        long start = Stopwatch.GetTimestamp();
        GenerationStatistics[] done = await Together(clients, generated);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        EngineCounters after = model.EngineCounters;
        Console.WriteLine($"{clients,2} clients: {clients * generated / seconds:f2} tokens/s together, "
            + $"decode {done.Average(each => each.DecodeTokensPerSecond):f2} each, "
            + $"{after.Passes - before.Passes} passes of {(after.PassTime - before.PassTime).TotalMilliseconds / (after.Passes - before.Passes):f2} ms, "
            + $"{100 * (after.PassTime - before.PassTime).TotalSeconds / seconds:f1} % of {seconds:f2} s");
    }
}
await Waiting();
return 0;

int Number(int index, int fallback) => args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : fallback;

int[] Prompt(int length)
{
    Random random = new(++seed);
    return [.. Enumerable.Range(0, length).Select(_ => random.Next(1000, 100_000) % model.Tokenizer!.VocabularySize)];
}

async Task<GenerationStatistics> One(TextGeneration generation)
{
    await foreach (TextPiece _ in generation)
    {
    }
    return generation.Statistics!;
}

Task<GenerationStatistics[]> Together(int clients, int tokens) =>
    Task.WhenAll(Enumerable.Range(0, clients).Select(i => One(model.GenerateAsync(Prompt(prompt), options with { MaxTokens = tokens, Seed = i }))));

// The same passes without the engine's queue: what a decoded token costs.
async Task Session()
{
    await Task.Yield();
    using MeKiSession session = model.CreateSession();
    float[] logits = new float[model.Config.VocabularySize];
    session.Forward(Prompt(prompt), logits);
    long start = Stopwatch.GetTimestamp();
    for (int i = 1; i < generated; i++)
        session.Forward([1000 + i], logits);
    Console.WriteLine($"a session's passes alone: {(generated - 1) / Stopwatch.GetElapsedTime(start).TotalSeconds:f2} tokens/s");
}

async Task Waiting()
{
    int length = Math.Min(4000, model.Config.ContextLength - 1);
    GenerationOptions one = options with { MaxTokens = 1 };
    long start = Stopwatch.GetTimestamp();
    await One(model.GenerateAsync(Prompt(256), one));
    double part = Stopwatch.GetElapsedTime(start).TotalSeconds;
    Task<GenerationStatistics> reading = One(model.GenerateAsync(Prompt(length), one));
    await Task.Delay(TimeSpan.FromSeconds(2.4 * part));
    start = Stopwatch.GetTimestamp();
    await One(model.GenerateAsync(Prompt(20), one));
    double waited = Stopwatch.GetElapsedTime(start).TotalSeconds;
    GenerationStatistics read = await reading;
    Console.WriteLine($"first token of 20 while {length} are read: {waited:f3} s, {waited / (read.PrefillTime.TotalSeconds * 256 / length):f2} parts' time; "
        + $"a part alone {part:f3} s, the long prompt {read.PrefillTokensPerSecond:f1} tokens/s");
}
