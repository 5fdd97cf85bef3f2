namespace MeKi.Model.Generation;

/// <summary>
/// How a continuation is chosen. The samplers apply in llama.cpp's order: repetition penalty, top-k, top-p, min-p, temperature. A value outside its range is
/// refused when a generation is asked for (<see cref="ArgumentOutOfRangeException"/>; it names the option and the range).
/// </summary>
public sealed record GenerationOptions
{
    private const float LeastPenalty = 0.001f, MostPenalty = 1000;

    /// <summary>The most tokens to generate, 0 or more. The end of the model's context also ends the text, unless <see cref="ContextShift"/> makes
    /// room.</summary>
    public int MaxTokens { get; init; } = 256;

    /// <summary>Divides the logits before sampling; 0 is greedy: always the likeliest token. Finite and not negative.</summary>
    public float Temperature { get; init; } = 0.8f;

    /// <summary>Keeps only the k likeliest tokens, 1 or more; 0 keeps all.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>Keeps the fewest likeliest tokens whose probabilities sum to at least this, above 0 and at most 1; 1 keeps all.</summary>
    public float TopP { get; init; } = 0.95f;

    /// <summary>Keeps tokens at least this times as likely as the likeliest, 0 to 1; 0 keeps all.</summary>
    public float MinP { get; init; } = 0.05f;

    /// <summary>Makes tokens among the last 64 less likely: divides a positive logit, multiplies a negative one (Keskar et al., 2019); 1 changes nothing. From
    /// 0.001 to 1000.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Makes sampling repeatable; null takes a new seed each time.</summary>
    public int? Seed { get; init; }

    /// <summary>
    /// Whether the names of control tokens in a prompt's text, such as <c>&lt;|im_end|&gt;</c>, become those tokens. By default they are plain text, so that
    /// text from users cannot end its turn or begin another's. For a chat template say true and keep such names out of what users wrote, or put the tokens
    /// together with <see cref="Tokenization.Tokenizer.Encode(string, bool, bool)"/>.
    /// </summary>
    public bool ParseSpecialTokens { get; init; }

    /// <summary>Texts that end the generation, none of them empty; they are not part of it.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>
    /// Goes on at the end of the model's context: the first <see cref="KeepTokens"/> tokens stay, of the others the older half is forgotten and the rest is
    /// computed anew at its new place, as a session that was never told more. That costs as many tokens of prefill as it makes room for tokens: at most one for
    /// each generated token. A prompt longer than the context is refused all the same.
    /// </summary>
    public bool ContextShift { get; init; }

    /// <summary>
    /// How many tokens of the prompt a <see cref="ContextShift"/> never forgets; −1 for all. Where these fill the context, its end ends the text.
    /// </summary>
    public int KeepTokens { get; init; }

    /// <summary>
    /// Told how far the prompt is: at its begin and after every <see cref="MeKiSession.BatchTokens"/> tokens, from another thread. Cancellation is heeded as
    /// often.
    /// </summary>
    public IProgress<PromptProgress>? PromptProgress { get; init; }

    /// <summary>Called once, when a generation that began has ended for whatever reason.</summary>
    public Action<GenerationStatistics>? Completed { get; init; }

    /// <summary>These options, sound and the generation's own: nobody changes their list any more.</summary>
    internal GenerationOptions Checked()
    {
        Require(MaxTokens >= 0, nameof(MaxTokens), MaxTokens, "0 or more");
        Require(Temperature >= 0 && float.IsFinite(Temperature), nameof(Temperature), Temperature, "0 or a positive finite number");
        Require(TopK >= 0, nameof(TopK), TopK, "0 or more");
        Require(TopP is > 0 and <= 1, nameof(TopP), TopP, "above 0 and at most 1");
        Require(MinP is >= 0 and <= 1, nameof(MinP), MinP, "from 0 to 1");
        Require(RepetitionPenalty is >= LeastPenalty and <= MostPenalty, nameof(RepetitionPenalty), RepetitionPenalty, "from 0.001 to 1000");
        Require(KeepTokens >= -1, nameof(KeepTokens), KeepTokens, "-1 or more");
        ArgumentNullException.ThrowIfNull(StopStrings);
        string[] stops = [.. StopStrings];
        if (stops.Any(string.IsNullOrEmpty))
            throw new ArgumentException("A stop string is empty.", nameof(StopStrings));
        return this with { StopStrings = stops };
    }

    private static void Require(bool fits, string name, object value, string range)
    {
        if (!fits)
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be {range}.");
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
