namespace MeKi.Model.Generation;

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>The model gave an end-of-sequence token.</summary>
    EndOfSequence,

    /// <summary>A stop string appeared.</summary>
    StopString,

    /// <summary>The most tokens asked for were generated.</summary>
    Length,

    /// <summary>The model's context is full, and <see cref="GenerationOptions.ContextShift"/> was not asked for or has nothing to forget.</summary>
    ContextFull,

    /// <summary>The caller stopped, by its cancellation token or by leaving the loop, or an error ended it.</summary>
    Abandoned,
}

/// <summary>Facts of one generation.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="GeneratedTokens">Tokens generated.</param>
/// <param name="PrefillTime">Time of the forward pass over the prompt.</param>
/// <param name="DecodePasses">Forward passes over generated tokens: one for each that the next one was sampled after, but for those of
/// <see cref="AcceptedTokens"/>.</param>
/// <param name="DecodeTime">Their time, that of context shifts included.</param>
/// <param name="Reason">Why it ended.</param>
/// <param name="ReusedTokens">Tokens of the prompt that the session held already.</param>
public sealed record GenerationStatistics(
    int PromptTokens, int GeneratedTokens, TimeSpan PrefillTime, int DecodePasses, TimeSpan DecodeTime, FinishReason Reason, int ReusedTokens)
{
    /// <summary>Prompt tokens per second, of those that were computed.</summary>
    public double PrefillTokensPerSecond => PrefillTime > TimeSpan.Zero ? (PromptTokens - ReusedTokens) / PrefillTime.TotalSeconds : 0;

    /// <summary>Generated tokens per second: tokens that the next one was sampled after, over the time of the passes.</summary>
    public double DecodeTokensPerSecond => DecodeTime > TimeSpan.Zero ? (DecodePasses + AcceptedTokens) / DecodeTime.TotalSeconds : 0;

    /// <summary>Tokens that <see cref="GenerationOptions.PromptLookup"/> guessed.</summary>
    public int DraftedTokens { get; init; }

    /// <summary>Those of them that were right: each spared a pass.</summary>
    public int AcceptedTokens { get; init; }
}
