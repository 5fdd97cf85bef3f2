using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>Token texts, merges and split patterns as the encoder needs them; building it is the check that tokenizer data is sound.</summary>
internal sealed class Vocabulary
{
    private readonly int _size;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<long, (int Rank, int Merged)> _merges;

    /// <exception cref="InvalidTokenizerException">The data contradicts itself.</exception>
    public Vocabulary(TokenizerData data)
    {
        if (data.Kinds.Count != data.Tokens.Count)
            throw new InvalidTokenizerException("token kinds", $"there are {data.Kinds.Count} for {data.Tokens.Count} tokens");
        _size = data.Tokens.Count;
        _ids = new(_size);
        for (int id = 0; id < data.Tokens.Count; id++)
        {
            // An empty row can be met in no text; foreign vocabularies have several.
            if (data.Tokens[id].Length > 0 && !_ids.TryAdd(data.Tokens[id], id))
                throw new InvalidTokenizerException($"token {id}", $"has the text {UntrustedText.Quote(data.Tokens[id])} of token {_ids[data.Tokens[id]]}");
        }
        foreach (int id in (int[])[.. data.EosIds, .. data.BosId is int bos ? [bos] : Array.Empty<int>()])
        {
            if ((uint)id >= (uint)data.Tokens.Count)
                throw new InvalidTokenizerException($"special token {id}", $"is outside the vocabulary of {data.Tokens.Count} tokens");
        }
        _merges = BuildMerges(data.Merges);
        Splitter = new([.. data.SplitPatterns.Select(static (pattern, i) => BuildPattern(pattern, i))]);
        for (int value = 0; value < ByteIds.Length; value++)
            ByteIds[value] = IdOf([ByteLevelAlphabet.CharOf((byte)value)]);
    }

    /// <summary>Cuts text into the pieces that are merged on their own.</summary>
    public TextSplitter Splitter { get; }

    /// <summary>The token of each single byte; -1 where the vocabulary has none.</summary>
    public int[] ByteIds { get; } = new int[256];

    /// <summary>The id of a token text, or -1.</summary>
    public int IdOf(ReadOnlySpan<char> text) => _ids.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out int id) ? id : -1;

    /// <summary>Looks up the merge of two neighbours.</summary>
    /// <returns>Its rank, lowest first, and the token it gives; <see cref="int.MaxValue"/> when they do not merge.</returns>
    public (int Rank, int Merged) MergeOf(int left, int right) => _merges.TryGetValue(PairKey(left, right), out var merge) ? merge : (int.MaxValue, -1);

    private Dictionary<long, (int, int)> BuildMerges(IReadOnlyList<(string Left, string Right)> merges)
    {
        var table = new Dictionary<long, (int, int)>(merges.Count);
        char[] joined = new char[64];
        for (int rank = 0; rank < merges.Count; rank++)
        {
            var (left, right) = merges[rank];
            if (joined.Length < left.Length + right.Length)
                joined = new char[left.Length + right.Length];
            left.CopyTo(joined);
            right.CopyTo(joined.AsSpan(left.Length));
            int merged = IdOf(joined.AsSpan(0, left.Length + right.Length));
            int leftId = IdOf(left), rightId = IdOf(right);
            if (leftId < 0 || rightId < 0 || merged < 0)
            {
                string unknown = leftId < 0 ? left : rightId < 0 ? right : left + right;
                throw new InvalidTokenizerException($"merge {rank} ({UntrustedText.Quote(left)} and {UntrustedText.Quote(right)})",
                    $"the token {UntrustedText.Quote(unknown)} is not in the vocabulary");
            }
            table.TryAdd(PairKey(leftId, rightId), (rank, merged));
        }
        return table;
    }

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

    // Not left << 32 | right: the hash of a long is the xor of its halves, which piles up pairs (100 times slower to look up).
    private long PairKey(int left, int right) => (long)left * _size + right;
}
