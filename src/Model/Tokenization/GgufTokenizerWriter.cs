using MeKi.Model.Gguf;
using static MeKi.Model.Tokenization.GgufTokenizer;

namespace MeKi.Model.Tokenization;

/// <summary>Writes what <see cref="GgufTokenizer"/> describes, with keys that other engines know wherever they say enough.</summary>
internal sealed class GgufTokenizerWriter(GgufMetadata metadata)
{
    /// <summary>The names of <see cref="SpacePrefix"/>, in its order.</summary>
    public static readonly string[] PrefixNames = [.. Enum.GetNames<SpacePrefix>().Select(static name => name.ToLowerInvariant())];

    public void Write(TokenizerData tokenizer)
    {
        switch (tokenizer)
        {
            case BytePairData data:
                WriteBytePair(data);
                break;
            case SentencePieceData data when IsGemma4(data):
                Begin(Gemma4, Gemma4, data);
                metadata[Merges] = Texts(data.Merges!);
                WriteUnknown(data);
                break;
            case SentencePieceData data:
                WriteSentencePiece(data);
                break;
            default:
                throw new NotSupportedException($"There is no way to write {tokenizer.GetType().Name}.");
        }
        if (tokenizer.BosId is int bos)
            metadata[BosId] = (uint)bos;
        if (tokenizer.EosIds.Count > 0)
            metadata[EosId] = (uint)tokenizer.EosIds[0];
        metadata[AddBos] = tokenizer.AddBos;
        if (tokenizer.AppendedId is int appended)
        {
            metadata[AddEos] = tokenizer.EosIds is [int end, ..] && end == appended;
            metadata[Appended] = (uint)appended;
        }
        if (tokenizer.NormalizeNfc)
            metadata[Normalizer] = Nfc;
        if (!EndTokens.Find([.. tokenizer.EosIds.Take(1)], tokenizer.Tokens, tokenizer.Kinds).SequenceEqual(tokenizer.EosIds))
            metadata[EosIds] = tokenizer.EosIds.ToArray();
        WriteIds(Suppressed, tokenizer.SuppressedIds);
        WriteIds(LeftStripping, tokenizer.LeftStrippingIds);
        WriteIds(RightStripping, tokenizer.RightStrippingIds);
    }

    private static string[] Texts(IReadOnlyList<(string Left, string Right)> merges) => [.. merges.Select(static merge => $"{merge.Left} {merge.Right}")];

    private void WriteBytePair(BytePairData data)
    {
        string? name = SplitNames.NameOf(data);
        Begin(ByteLevelBpe, name ?? OwnSplit, data);
        metadata[Merges] = Texts(data.Merges);
        if (name is not null)
            return;
        metadata[SplitPatterns] = data.SplitPatterns.ToArray();
        if (data.IgnoreMerges)
            metadata[IgnoreMerges] = true;
    }

    private void WriteSentencePiece(SentencePieceData data)
    {
        Begin(SentencePiece, "default", data);
        metadata[Scores] = data.Scores ?? ScoresOf(data);
        metadata[AddPrefix] = data.Prefix != SpacePrefix.Never;
        WriteUnknown(data);
        if (data.RemovesExtraSpaces)
            metadata[RemoveExtraSpaces] = true;
        if (data.Merges is not null)
            metadata[OwnMerges] = Texts(data.Merges);
        if (data.Prefix is not (SpacePrefix.Never or SpacePrefix.Always))
            metadata[Prefix] = PrefixNames[(int)data.Prefix];
        if (data.SplitsWords)
            metadata[SplitWords] = true;
        if (!data.FusesUnknown)
            metadata[FuseUnknown] = false;
        if (data.IgnoreMerges)
            metadata[IgnoreMerges] = true;
        if (data.SplitPatterns.Count > 0)
            metadata[SplitPatterns] = data.SplitPatterns.ToArray();
    }

    private void Begin(string model, string pre, TokenizerData data)
    {
        metadata[ModelKey] = model;
        metadata[Pre] = pre;
        metadata[Tokens] = data.Tokens.ToArray();
        metadata[TokenType] = data.Kinds.Select(static kind => (int)kind).ToArray();
    }

    private void WriteUnknown(SentencePieceData data)
    {
        if (data.UnknownId is int unknown)
            metadata[UnknownId] = (uint)unknown;
    }

    private void WriteIds(string key, IReadOnlyList<int> ids)
    {
        if (ids.Count > 0)
            metadata[key] = ids.ToArray();
    }

    // Whether the reader of Gemma 4's kind makes the same ids: lines and runs of line feeds apart, it says nothing that the data could say otherwise.
    private static bool IsGemma4(SentencePieceData data)
    {
        bool isPlain = data is { Merges: not null, Prefix: SpacePrefix.Never, RemovesExtraSpaces: false, SplitsWords: false, IgnoreMerges: false, AddBos: true }
            && (data.FusesUnknown || data.Kinds.Contains(TokenKind.Byte));
        if (!isPlain || data.TakesLineFeedsWhole || data.SplitPatterns.Count > 0)
            return isPlain && data.TakesLineFeedsWhole && data.SplitPatterns is [SentencePieceData.Lines];
        string[] withLineFeeds = [.. data.Tokens.Where((text, id) => text.Contains('\n') && ScoreTable.IsText(data.Kinds[id]))];
        SentencePieceTokenizer tokenizer = new(data);
        return withLineFeeds.All(text => !text.AsSpan().ContainsAnyExcept('\n') && tokenizer.Encode(text, addSpecial: false).Length == 1);
    }

    // Scores that make nearly the same of the merges, for engines that know no others: the earlier a token is made, the higher it stands.
    private static float[] ScoresOf(SentencePieceData data)
    {
        Dictionary<string, int> ranks = [];
        for (int rank = 0; rank < data.Merges!.Count; rank++)
            ranks.TryAdd(data.Merges[rank].Left + data.Merges[rank].Right, rank);
        return [.. data.Tokens.Select(text => ranks.TryGetValue(text, out int rank) ? -1f - rank : 0f)];
    }
}
