namespace MeKi.Model.Tokenization;

/// <summary>
/// What a byte-level BPE tokenizer consists of. Its ordinary tokens are spelt in byte-level characters (GPT-2's byte-to-Unicode map), added ones are plain
/// text.
/// </summary>
internal sealed record BytePairData : TokenizerData
{
    /// <summary>Merges in order of rank, each the two parts as they stand in <see cref="TokenizerData.Tokens"/>.</summary>
    public required IReadOnlyList<(string Left, string Right)> Merges { get; init; }
}
