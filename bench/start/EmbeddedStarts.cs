using System.Diagnostics;
using MeKi.Model;

namespace MeKi.Start;

/// <summary>A program with the engine inside, whose code is compiled: how long it waits for a model it loads, and for that model's first token.</summary>
internal static class EmbeddedStarts
{
    // Until the tiers of compilation are through: calls are counted for 100 ms at a time.
    private const int WarmUps = 12;

    public static async Task MeasureAsync(string model, int runs)
    {
        List<StartSample> samples = [];
        for (int run = -WarmUps; run < runs; run++)
        {
            StartSample sample = await RunAsync(model).ConfigureAwait(false);
            if (run >= 0)
                samples.Add(sample);
            // The model before is gone before the next is measured.
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Console.WriteLine(StartSample.Heading);
        Console.WriteLine(StartSample.Row("in this process", samples));
    }

    private static async Task<StartSample> RunAsync(string path)
    {
        long from = Stopwatch.GetTimestamp();
        using MeKiModel model = MeKiModel.Load(path);
        double loaded = Stopwatch.GetElapsedTime(from).TotalMilliseconds;
        await foreach (string _ in model.GenerateAsync("hello", new() { Temperature = 0, MaxTokens = 1 }).ConfigureAwait(false))
            break;
        return StartSample.Of(Environment.ProcessId, loaded, Stopwatch.GetElapsedTime(from).TotalMilliseconds);
    }
}
