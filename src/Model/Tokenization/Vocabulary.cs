using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>Token texts, merges and split patterns as the encoder needs them; building it is the check that tokenizer data is sound.</summary>
internal sealed class Vocabulary
{
    private const int MostPatterns = 64;

    private readonly TokenIndex _ids;

    /// <exception cref="InvalidTokenizerException">The data contradicts itself.</exception>
    public Vocabulary(TokenizerData data, string path, ICollection<string> warnings)
    {
        if (data.Kinds.Count != data.Tokens.Count)
            throw new InvalidTokenizerException("token kinds", $"there are {data.Kinds.Count} for {data.Tokens.Count} tokens");
        _ids = new(Utf8Strings.Of(data.Tokens));
        if (_ids.Duplicates.Count > 0)
        {
            (int id, int first) = _ids.Duplicates.One;
            warnings.Add($"token {id} has the text {UntrustedText.Quote(Texts[id])} of token {first}, which is the one that is used"
                + (_ids.Duplicates.Count > 1 ? $"; {_ids.Duplicates.Count - 1} more have the text of another" : ""));
        }
        foreach (int id in (int[])[.. data.EosIds, .. data.BosId is int bos ? [bos] : Array.Empty<int>()])
        {
            if ((uint)id >= (uint)data.Tokens.Count)
                throw new InvalidTokenizerException($"special token {id}", $"is outside the vocabulary of {data.Tokens.Count} tokens");
        }
        Merges = new(_ids, data.Merges);
        if (data.SplitPatterns.Count > MostPatterns)
            throw new InvalidTokenizerException("split patterns", $"there are {data.SplitPatterns.Count} where at most {MostPatterns} are allowed");
        Splitter = new([.. data.SplitPatterns.Select(static (pattern, i) => BuildPattern(pattern, i))], path);
        Span<byte> spelt = stackalloc byte[2];
        for (int value = 0; value < ByteIds.Length; value++)
            ByteIds[value] = IdOf(spelt[..ByteLevelAlphabet.Spell([(byte)value], spelt)]);
    }

    /// <summary>The token texts by id.</summary>
    public Utf8Strings Texts => _ids.Texts;

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
