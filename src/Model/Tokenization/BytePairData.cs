namespace MeKi.Model.Tokenization;

/// <summary>
/// What a byte-level BPE tokenizer consists of. Its ordinary tokens are spelt in byte-level characters (GPT-2's byte-to-Unicode map), added ones are plain
/// text.
/// </summary>
internal sealed record BytePairData : TokenizerData
{
    /// <summary>Merges in order of rank, each the two parts as they stand in <see cref="TokenizerData.Tokens"/>.</summary>
    public required IReadOnlyList<(string Left, string Right)> Merges { get; init; }

    /// <summary>Regular expressions that split the text before merging, applied one after the other; matches and the gaps between them are both kept.</summary>
    public required IReadOnlyList<string> SplitPatterns { get; init; }

    /// <summary>Whether text is brought to Unicode normalisation form C first.</summary>
    public bool NormalizeNfc { get; init; }

    /// <summary>Whether a split piece that is itself a token is taken whole, before any merge (Llama 3).</summary>
    public bool IgnoreMerges { get; init; }
}
