namespace MeKi.Model.Generation;

/// <summary>How a continuation is chosen. The samplers apply in llama.cpp's order: repetition penalty, top-k, top-p, min-p, temperature.</summary>
public sealed record GenerationOptions
{
    /// <summary>The most tokens to generate. The end of the model's context also ends the text, unless <see cref="ContextShift"/> makes room.</summary>
    public int MaxTokens { get; init; } = 256;

    /// <summary>Divides the logits before sampling; 0 is greedy: always the likeliest token.</summary>
    public float Temperature { get; init; } = 0.8f;

    /// <summary>Keeps only the k likeliest tokens; 0 keeps all.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>Keeps the fewest likeliest tokens whose probabilities sum to at least this; 1 keeps all.</summary>
    public float TopP { get; init; } = 0.95f;

    /// <summary>Keeps tokens at least this times as likely as the likeliest; 0 keeps all.</summary>
    public float MinP { get; init; } = 0.05f;

    /// <summary>Makes tokens among the last 64 less likely: divides a positive logit, multiplies a negative one (Keskar et al., 2019); 1 changes nothing.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Makes sampling repeatable; null takes a new seed each time.</summary>
    public int? Seed { get; init; }

    /// <summary>Texts that end the generation; they are not part of it.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>
    /// Goes on at the end of the model's context: the first <see cref="KeepTokens"/> tokens stay, of the others the older half is forgotten and the rest is computed anew
    /// at its new place, as a session that was never told more. That costs as many tokens of prefill as it makes room for tokens: at most one for each generated token.
    /// A prompt longer than the context is refused all the same.
    /// </summary>
    public bool ContextShift { get; init; }

    /// <summary>How many tokens of the prompt a <see cref="ContextShift"/> never forgets; −1 for all. Where these fill the context, its end ends the text.</summary>
    public int KeepTokens { get; init; }

    /// <summary>Told how far the prompt is: at its begin and after every <see cref="MeKiSession.BatchTokens"/> tokens, from another thread. Cancellation is heeded as often.</summary>
    public IProgress<PromptProgress>? PromptProgress { get; init; }

    /// <summary>Called once, when a generation that began has ended for whatever reason.</summary>
    public Action<GenerationStatistics>? Completed { get; init; }

    internal GenerationOptions Checked()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(MaxTokens);
        ArgumentOutOfRangeException.ThrowIfNegative(TopK);
        ArgumentOutOfRangeException.ThrowIfLessThan(KeepTokens, -1);
        if (!(Temperature >= 0 && float.IsFinite(Temperature)))
            throw new ArgumentOutOfRangeException(nameof(Temperature), Temperature, "The temperature is 0 or a positive number.");
        if (!(TopP is > 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(TopP), TopP, "Top-p lies above 0 and at most at 1.");
        if (!(MinP is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(MinP), MinP, "Min-p lies between 0 and 1.");
        if (!(RepetitionPenalty > 0 && float.IsFinite(RepetitionPenalty)))
            throw new ArgumentOutOfRangeException(nameof(RepetitionPenalty), RepetitionPenalty, "The repetition penalty is a positive number.");
        if (StopStrings.Any(string.IsNullOrEmpty))
            throw new ArgumentException("A stop string is empty.", nameof(StopStrings));
        return this;
    }
}

/// <summary>How far the pass over a prompt is.</summary>
/// <param name="Done">Tokens that are computed, or were held already.</param>
/// <param name="Total">Tokens of the prompt.</param>
public readonly record struct PromptProgress(int Done, int Total);

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>The model gave an end-of-sequence token.</summary>
    EndOfSequence,

    /// <summary>A stop string appeared.</summary>
    StopString,

    /// <summary>The most tokens asked for were generated, or the context is full.</summary>
    Length,

    /// <summary>The caller stopped, by its cancellation token or by leaving the loop, or an error ended it.</summary>
    Abandoned,
}

/// <summary>Facts of one generation.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="GeneratedTokens">Tokens generated.</param>
/// <param name="PrefillTime">Time of the forward pass over the prompt.</param>
/// <param name="DecodePasses">Forward passes over generated tokens: one for each that the next one was sampled after.</param>
/// <param name="DecodeTime">Their time, that of context shifts included.</param>
/// <param name="Reason">Why it ended.</param>
/// <param name="ReusedTokens">Tokens of the prompt that the session held already.</param>
public sealed record GenerationStatistics(
    int PromptTokens, int GeneratedTokens, TimeSpan PrefillTime, int DecodePasses, TimeSpan DecodeTime, FinishReason Reason, int ReusedTokens)
{
    /// <summary>Prompt tokens per second, of those that were computed.</summary>
    public double PrefillTokensPerSecond => PrefillTime > TimeSpan.Zero ? (PromptTokens - ReusedTokens) / PrefillTime.TotalSeconds : 0;

    /// <summary>Generated tokens per second: forward passes over their time.</summary>
    public double DecodeTokensPerSecond => DecodeTime > TimeSpan.Zero ? DecodePasses / DecodeTime.TotalSeconds : 0;
}
