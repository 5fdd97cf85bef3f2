namespace MeKi.Model.Tokenization;

/// <summary>
/// The names that llama.cpp gives to ways of splitting (<c>tokenizer.ggml.pre</c>), with the patterns they stand for as the models'
/// <c>tokenizer.json</c> files write them.
/// </summary>
/// <param name="Names">All names of this way; the first is the one to write.</param>
/// <param name="Patterns">See <see cref="TokenizerData.SplitPatterns"/>.</param>
/// <param name="IgnoreMerges">See <see cref="TokenizerData.IgnoreMerges"/>.</param>
/// <param name="AddBos">Whether a sequence starts with BOS where the file does not say.</param>
internal sealed record SplitNames(string[] Names, string[] Patterns, bool IgnoreMerges = false, bool AddBos = false)
{
    /// <summary>The pattern of GPT-2, which is also what the <c>ByteLevel</c> pre-tokenizer uses.</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>Punctuation in a row, as the pre-tokenizer of that name finds it.</summary>
    public const string Punctuation = @"[\p{P}\$\+<=>\^~\|`]+";

    /// <summary>Three digits.</summary>
    public const string ThreeDigits = "[0-9][0-9][0-9]";

    private const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Qwen2 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Qwen35 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Gpt4o =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly SplitNames[] s_known =
    [
        new(["default"], [@"[\p{P}\$\+<=>\^~\|]+", Gpt2, @"\p{N}+", "[0-9][0-9][0-9]"]),
        new(["gpt-2", "phi-2", "mpt", "olmo"], [Gpt2]),
        new(["smollm", "starcoder", "refact", "codeshell"], [@"\p{N}", Gpt2]),
        new(["llama-bpe", "llama3", "llama-v3", "falcon3", "lfm2"], [Llama3], IgnoreMerges: true, AddBos: true),
        new(["smaug-bpe", "dbrx"], [Llama3]),
        new(["qwen2", "deepseek-r1-qwen", "stablelm2"], [Qwen2]),
        new(["qwen35"], [Qwen35]),
        new(["gpt-4o", "llama4"], [Gpt4o]),
    ];

    /// <summary>Every known name, for an error message.</summary>
    public static string All { get; } = string.Join(", ", s_known.SelectMany(static known => known.Names));

    /// <summary>Whether a pattern is part of a known way.</summary>
    public static bool HasPattern(string pattern) => s_known.Any(known => known.Patterns.Contains(pattern));

    /// <summary>What a name stands for; null when it is not known.</summary>
    public static SplitNames? Find(string name) => s_known.FirstOrDefault(known => known.Names.Contains(name));

    /// <summary>The name for a way of splitting; null when it has none.</summary>
    public static string? NameOf(BytePairData data) =>
        s_known.FirstOrDefault(known => known.IgnoreMerges == data.IgnoreMerges && known.Patterns.SequenceEqual(data.SplitPatterns))?.Names[0];
}
