namespace MeKi.Model.Tokenization;

/// <summary>
/// Merges, split patterns and bytes as the encoder of a byte-level BPE tokenizer needs them; building it is the check that its data is sound.
/// </summary>
internal sealed class Vocabulary
{
    private const int MostPatterns = 64;

    private readonly TokenIndex _ids;

    /// <exception cref="InvalidTokenizerException">The data contradicts itself.</exception>
    public Vocabulary(TokenIndex ids, BytePairData data, string path)
    {
        _ids = ids;
        Merges = new(ids, data.Merges);
        if (data.SplitPatterns.Count > MostPatterns)
            throw new InvalidTokenizerException("split patterns", $"there are {data.SplitPatterns.Count} where at most {MostPatterns} are allowed");
        Splitter = new([.. data.SplitPatterns.Select(static (pattern, i) => BuildPattern(pattern, i))], path);
        Span<byte> spelt = stackalloc byte[2];
        for (int value = 0; value < ByteIds.Length; value++)
            ByteIds[value] = IdOf(spelt[..ByteLevelAlphabet.Spell([(byte)value], spelt)]);
    }

    /// <summary>The merges.</summary>
    public MergeTable Merges { get; }

    /// <summary>Cuts text into the pieces that are merged on their own.</summary>
    public TextSplitter Splitter { get; }

    /// <summary>The token of each single byte; -1 where the vocabulary has none.</summary>
    public int[] ByteIds { get; } = new int[256];

    /// <summary>The id of a token text, or -1.</summary>
    public int IdOf(ReadOnlySpan<byte> text) => _ids.Find(text);

    /// <inheritdoc cref="MergeTable.Find"/>
    public (int Rank, int Merged) MergeOf(int left, int right) => Merges.Find(left, right);

    private static SplitPattern BuildPattern(string pattern, int number)
    {
        try
        {
            return new SplitPattern(pattern);
        }
        catch (ArgumentException exception)
        {
            throw new InvalidTokenizerException($"split pattern {number}", exception.Message);
        }
    }
}
