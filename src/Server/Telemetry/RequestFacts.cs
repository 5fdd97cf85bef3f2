using System.Diagnostics;
using MeKi.Model.Generation;

namespace MeKi.Server.Telemetry;

/// <summary>What is known of a request: numbers, and nothing of what it says.</summary>
/// <param name="operation">OpenTelemetry's name of what it asks for.</param>
internal sealed class RequestFacts(string operation)
{
    private readonly long _start = Stopwatch.GetTimestamp();

    public string Operation => operation;

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    public TimeSpan? FirstToken { get; private set; }

    public int Sequences { get; private set; }

    public int PromptTokens { get; private set; }

    public int CachedTokens { get; private set; }

    public int GeneratedTokens { get; private set; }

    /// <summary>A token has come.</summary>
    public void NoteToken() => FirstToken ??= Elapsed;

    /// <summary>A sequence has ended.</summary>
    public void Add(GenerationStatistics? run)
    {
        if (run is not null)
            Add(run.PromptTokens, run.ReusedTokens, run.GeneratedTokens);
    }

    public void Add(int prompt, int cached, int generated)
    {
        lock (this)
        {
            Sequences++;
            (PromptTokens, CachedTokens, GeneratedTokens) = (PromptTokens + prompt, CachedTokens + cached, GeneratedTokens + generated);
        }
    }
}
