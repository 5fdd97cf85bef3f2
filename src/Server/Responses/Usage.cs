using MeKi.Model.Generation;
using MeKi.Store;

namespace MeKi.Server.Responses;

/// <summary>What a request took, in tokens.</summary>
internal sealed record Usage(
    int PromptTokens, int CompletionTokens, int TotalTokens, PromptTokensDetails? PromptTokensDetails, CompletionTokensDetails? CompletionTokensDetails)
{
    public static Usage Of(int prompt, int completion, int cached, int reasoning) => new(prompt, completion, prompt + completion, new(cached), new(reasoning));
}

/// <summary>Of the prompt's tokens, those that were computed before.</summary>
internal sealed record PromptTokensDetails(int CachedTokens);

/// <summary>Of the answer's tokens, those that were thoughts.</summary>
internal sealed record CompletionTokensDetails(int ReasoningTokens);

/// <summary>How fast it went, by llama.cpp's names, and what was read from storage meanwhile, by all requests together.</summary>
internal sealed record Timings(int CacheN, int PromptN, double PromptMs, double PromptPerSecond, int PredictedN, double PredictedMs, double PredictedPerSecond,
    long RowsRead, long RowBytes, long RowHits, long RowMisses, double RowWaitMs)
{
    /// <param name="run">The generation's facts.</param>
    /// <param name="rows">What the row store has done since the request came.</param>
    public static Timings Of(GenerationStatistics run, StoreCounters rows) => new(
        run.ReusedTokens, run.PromptTokens - run.ReusedTokens, Rounded(run.PrefillTime.TotalMilliseconds), Rounded(run.PrefillTokensPerSecond),
        run.GeneratedTokens, Rounded(run.DecodeTime.TotalMilliseconds), Rounded(run.DecodeTokensPerSecond),
        rows.RowsRead, rows.BytesRead, rows.Hits, rows.Misses, Rounded(rows.WaitTime.TotalMilliseconds));

    private static double Rounded(double value) => Math.Round(value, 3);
}
