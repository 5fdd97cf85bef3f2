using MeKi.Model.Files;
using MeKi.Model.Gguf;
using static MeKi.Model.Tokenization.GgufTokenizer;

namespace MeKi.Model.Tokenization;

/// <summary>Reads what <see cref="GgufTokenizer"/> describes.</summary>
/// <param name="metadata">The file's keys and values.</param>
/// <param name="warnings">Receives what is odd and can be lived with.</param>
internal sealed class GgufTokenizerReader(GgufMetadata metadata, List<string> warnings)
{
    private const int MostEndTokens = 100;
    private const string Again = "Convert the checkpoint again";

    // llama.cpp knows by the model's name that these take the white space behind them, and by these texts which of its tokens do not.
    private static readonly string[] s_phi3 = ["phi-3", "phi3"], s_phi3Exceptions = ["<unk>", "<s>", "<|endoftext|>"];

    // Ways of splitting in which spaces are U+2581 and characters merge, not bytes; all but the first are Gemma 4's.
    private static readonly string[] s_overCharacters = ["sarvam-moe", Gemma4, "granite-embed-multi-311m"];

    private readonly Utf8Strings _tokens = metadata.Contains(ModelKey) ? metadata.GetTexts(Tokens) : new([], []);

    /// <exception cref="ModelFileException">See <see cref="GgufTokenizer.Load"/>.</exception>
    public TokenizerData Read()
    {
        string model = metadata.Get<string>(ModelKey);
        TokenKind[] kinds = ReadKinds();
        TokenizerData data = model switch
        {
            ByteLevelBpe when metadata.TryGet<string>(Pre, out string? pre) && Array.IndexOf(s_overCharacters, pre) is >= 0 and int way
                => ReadGemma4(kinds) with { TakesLineFeedsWhole = way > 0, AddBos = way > 0 || metadata.GetOr(AddBos, false) },
            ByteLevelBpe => ReadBytePair(kinds),
            SentencePiece => ReadSentencePiece(kinds),
            Gemma4 => ReadGemma4(kinds),
            _ => throw Fault(ModelKey, $"the tokenizer {UntrustedText.Quote(model)} is not supported",
                $"Byte-level BPE ('{ByteLevelBpe}'), SentencePiece ('{SentencePiece}') and '{Gemma4}' are"),
        };
        // Names come last: they change kinds.
        int[] rightStripping = ReadRightStripping(kinds);
        return data with
        {
            BosId = TryGetId(BosId),
            EosIds = ReadEos(kinds),
            AppendedId = TryGetId(Appended) ?? (metadata.GetOr(AddEos, false) ? TryGetId(EosId) : null),
            NormalizeNfc = ReadNormalizer(),
            SuppressedIds = ReadIds(Suppressed, _tokens.Count),
            LeftStrippingIds = ReadIds(LeftStripping, _tokens.Count),
            RightStrippingIds = rightStripping,
        };
    }

    private BytePairData ReadBytePair(TokenKind[] kinds)
    {
        var (patterns, ignoreMerges, addBos) = ReadSplit();
        return new()
        {
            Tokens = _tokens,
            Kinds = kinds,
            Merges = ReadMerges(Merges),
            SplitPatterns = patterns,
            IgnoreMerges = ignoreMerges,
            AddBos = metadata.GetOr(AddBos, addBos),
        };
    }

    private SentencePieceData ReadSentencePiece(TokenKind[] kinds)
    {
        MarkBytes(kinds);
        MergeTexts? merges = metadata.Contains(OwnMerges) ? ReadMerges(OwnMerges) : null;
        return new()
        {
            Tokens = _tokens,
            Kinds = kinds,
            Merges = merges,
            Scores = merges is null ? ReadScores() : null,
            SplitPatterns = metadata.GetOr<string[]>(SplitPatterns, []),
            IgnoreMerges = metadata.GetOr(IgnoreMerges, false),
            Prefix = ReadPrefix(),
            RemovesExtraSpaces = metadata.GetOr(RemoveExtraSpaces, false),
            SplitsWords = metadata.GetOr(SplitWords, false),
            UnknownId = ReadUnknown(kinds),
            FusesUnknown = metadata.GetOr(FuseUnknown, true),
            AddBos = metadata.GetOr(AddBos, true),
        };
    }

    private SentencePieceData ReadGemma4(TokenKind[] kinds)
    {
        MarkBytes(kinds);
        return new()
        {
            Tokens = _tokens,
            Kinds = kinds,
            Merges = ReadMerges(Merges),
            SplitPatterns = [SentencePieceData.Lines],
            TakesLineFeedsWhole = true,
            UnknownId = ReadUnknown(kinds),
            FusesUnknown = true,
            // Files of the first weeks say false, and the model needs it.
            AddBos = true,
        };
    }

    private (string[] Patterns, bool IgnoreMerges, bool AddBos) ReadSplit()
    {
        const string Fallback = "default";
        if (!metadata.TryGet<string>(Pre, out string? name))
        {
            name = Fallback;
            warnings.Add($"metadata key '{Pre}' is missing: text is split in the way '{name}', and the model answers worse if it was trained with another; "
                + "convert the checkpoint again");
        }
        if (name == OwnSplit)
            return (metadata.Get<string[]>(SplitPatterns), metadata.GetOr(IgnoreMerges, false), AddBos: false);
        SplitNames? known = SplitNames.Find(name);
        if (known is null)
        {
            known = SplitNames.Find(Fallback)!;
            warnings.Add($"metadata key '{Pre}': the way of splitting {UntrustedText.Quote(name)} is not known; text is split in the way '{Fallback}' instead, "
                + "and the model answers worse if the two differ");
        }
        return (known.Patterns, known.IgnoreMerges, known.AddBos);
    }

    private TokenKind[] ReadKinds()
    {
        int count = _tokens.Count;
        if (!metadata.TryGet<int[]>(TokenType, out int[]? types))
            return [.. Enumerable.Repeat(TokenKind.Normal, count)];
        int odd = Array.FindIndex(types, static type => type is < 0 or > (int)TokenKind.Byte);
        if (odd >= 0)
            throw Fault(TokenType, $"the type {types[odd]} of token {odd} is not one of the six", Again);
        if (types.Length != count)
            throw Fault(TokenType, $"has {types.Length} entries for {count} tokens", Again);
        // 0 is ggml's "undefined": a writer that knew no better.
        return Array.ConvertAll(types, static type => type == 0 ? TokenKind.Normal : (TokenKind)type);
    }

    // A writer that knew no types has byte tokens all the same, and one that begins texts.
    private void MarkBytes(TokenKind[] kinds)
    {
        if (!metadata.Contains(TokenType) && TryGetId(BosId) is int bos)
            kinds[bos] = TokenKind.Control;
        if (kinds.Contains(TokenKind.Byte))
            return;
        int[] ids = [.. Enumerable.Range(0, kinds.Length).Where(id =>
            kinds[id] == TokenKind.Normal && SentencePieceTokenizer.ByteValue(_tokens.Bytes(id)) >= 0)];
        if (ids.Length < 256)
            return;
        foreach (int id in ids)
            kinds[id] = TokenKind.Byte;
    }

    private MergeTexts ReadMerges(string key)
    {
        Utf8Strings merges = metadata.GetTexts(key);
        for (int rank = 0; rank < merges.Count; rank++)
        {
            if (!MergeTexts.IsMerge(merges.Bytes(rank)))
                throw Fault(key, $"merge {rank}, {UntrustedText.Quote(merges[rank])}, is not two tokens with a space between", Again);
        }
        return new(merges);
    }

    private float[] ReadScores()
    {
        float[] scores = metadata.IsArray(Scores) && metadata.Raw.First(static pair => pair.Key == Scores).Value is int[] whole
            ? Array.ConvertAll(whole, static score => (float)score)
            : metadata.Get<float[]>(Scores);
        return scores.Length == _tokens.Count ? scores : throw Fault(Scores, $"has {scores.Length} entries for {_tokens.Count} tokens", Again);
    }

    private SpacePrefix ReadPrefix()
    {
        if (!metadata.TryGet<string>(Prefix, out string? name))
            return metadata.GetOr(AddPrefix, true) ? SpacePrefix.Always : SpacePrefix.Never;
        int known = Array.IndexOf(GgufTokenizerWriter.PrefixNames, name);
        return known >= 0 ? (SpacePrefix)known
            : throw Fault(Prefix, $"{UntrustedText.Quote(name)} is not known", $"Known are {string.Join(", ", GgufTokenizerWriter.PrefixNames)}");
    }

    private int? ReadUnknown(TokenKind[] kinds) => TryGetId(UnknownId) ?? (Array.IndexOf(kinds, TokenKind.Unknown) is >= 0 and int id ? id : null);

    private bool ReadNormalizer()
    {
        if (!metadata.TryGet<string>(Normalizer, out string? name))
            return false;
        return name == Nfc ? true : throw Fault(Normalizer, $"the normaliser {UntrustedText.Quote(name)} is not known", $"'{Nfc}' is");
    }

    private int[] ReadEos(TokenKind[] kinds)
    {
        if (metadata.Contains(EosIds))
            return ReadIds(EosIds, MostEndTokens);
        int[] declared = [.. ((string[])[EosId, EotId, EomId]).Select(TryGetId).OfType<int>()];
        return EndTokens.Find(declared, _tokens, kinds, warnings);
    }

    private int[] ReadRightStripping(TokenKind[] kinds)
    {
        if (metadata.Contains(RightStripping))
            return ReadIds(RightStripping, _tokens.Count);
        string name = metadata.GetOr("general.name", "");
        if (metadata.Get<string>(ModelKey) != SentencePiece || !Array.Exists(s_phi3, known => name.Contains(known, StringComparison.OrdinalIgnoreCase)))
            return [];
        return [.. Enumerable.Range(0, kinds.Length).Where(id =>
            kinds[id] is TokenKind.Control or TokenKind.UserDefined or TokenKind.Unknown && !s_phi3Exceptions.Contains(_tokens[id]))];
    }

    private int[] ReadIds(string key, int most)
    {
        if (!metadata.TryGet<int[]>(key, out int[]? ids))
            return [];
        return [.. ids.Length <= most ? ids.Where(id => IsToken(id, key)).Distinct()
            : throw Fault(key, $"has {ids.Length} ids where at most {most} make sense", "The file is damaged")];
    }

    // Many a converter leaves -1, or the id of a token that was cut off: the model works without.
    private int? TryGetId(string key) => metadata.TryGetInteger(key) is Int128 id && IsToken(id, key) ? (int)id : null;

    private bool IsToken(Int128 id, string key)
    {
        bool isToken = id >= 0 && id < _tokens.Count;
        if (!isToken)
            warnings.Add($"metadata key '{key}': the id {id} is outside the vocabulary of {_tokens.Count} tokens and is ignored");
        return isToken;
    }

    private ModelFileException Fault(string key, string problem, string remedy) => new(metadata.Path, $"metadata key '{key}'", problem, remedy);
}
