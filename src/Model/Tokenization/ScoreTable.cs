namespace MeKi.Model.Tokenization;

/// <summary>Merges by score, as SentencePiece has them: any two neighbours whose text is a token merge, that of the highest score first.</summary>
internal sealed class ScoreTable : MergeRules
{
    private readonly TokenIndex _index;
    private readonly int[] _ranks;
    private readonly int _longest;

    /// <exception cref="InvalidTokenizerException">The scores are too few, too many or no numbers.</exception>
    public ScoreTable(TokenIndex index, IReadOnlyList<TokenKind> kinds, float[] scores)
    {
        if (scores.Length != kinds.Count)
            throw new InvalidTokenizerException("token scores", $"there are {scores.Length} for {kinds.Count} tokens");
        int odd = Array.FindIndex(scores, float.IsNaN);
        if (odd >= 0)
            throw new InvalidTokenizerException($"score of token {odd}", "is not a number");
        _index = index;
        _ranks = new int[scores.Length];
        // Tokens of one score have one rank: of those the leftmost merges first.
        float[] sorted = (float[])scores.Clone();
        int[] ids = [.. Enumerable.Range(0, scores.Length)];
        Array.Sort(sorted, ids);
        for (int i = ids.Length - 1, rank = 0; i >= 0; i--)
        {
            if (i < ids.Length - 1 && sorted[i] != sorted[i + 1])
                rank++;
            _ranks[ids[i]] = rank;
        }
        for (int id = 0; id < scores.Length; id++)
        {
            if (IsText(kinds[id]))
                _longest = Math.Max(_longest, index.Texts.Bytes(id).Length);
            else
                _ranks[id] = int.MaxValue;
        }
    }

    /// <summary>Whether text can become a token of this kind by merging.</summary>
    public static bool IsText(TokenKind kind) => kind is TokenKind.Normal or TokenKind.UserDefined;

    public override (int Rank, int Merged) Find(int left, int right, ReadOnlySpan<byte> joined) =>
        joined.Length <= _longest && _index.Find(joined) is >= 0 and int id ? (_ranks[id], id) : (int.MaxValue, -1);
}
