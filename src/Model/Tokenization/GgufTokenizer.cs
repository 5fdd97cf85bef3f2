using MeKi.Model.Files;
using MeKi.Model.Gguf;

namespace MeKi.Model.Tokenization;

/// <summary>
/// A tokenizer in the metadata of a GGUF file, under the keys of the GGUF specification (<c>tokenizer.ggml.*</c>). Four keys of our own,
/// <c>tokenizer.meki.*</c>, hold what those cannot and are written only where needed: <c>split_patterns</c> (string array) and <c>ignore_merges</c> (bool)
/// for a way of splitting that has no name, then <c>tokenizer.ggml.pre</c> is <c>meki</c>; <c>normalizer</c> (<c>"nfc"</c>);
/// and <c>eos_token_ids</c> (int32 array) when names and the standard keys do not give the same end tokens.
/// </summary>
internal static class GgufTokenizer
{
    private const string Model = "tokenizer.ggml.model", Pre = "tokenizer.ggml.pre", Tokens = "tokenizer.ggml.tokens", TokenType = "tokenizer.ggml.token_type";
    private const string Merges = "tokenizer.ggml.merges", BosId = "tokenizer.ggml.bos_token_id", EosId = "tokenizer.ggml.eos_token_id";
    private const string EotId = "tokenizer.ggml.eot_token_id", EomId = "tokenizer.ggml.eom_token_id", AddBos = "tokenizer.ggml.add_bos_token";
    private const string SplitPatterns = "tokenizer.meki.split_patterns", IgnoreMerges = "tokenizer.meki.ignore_merges";
    private const string Normalizer = "tokenizer.meki.normalizer", EosIds = "tokenizer.meki.eos_token_ids";
    private const int MostEndTokens = 100;
    private const string ByteLevelBpe = "gpt2", OwnSplit = "meki", Nfc = "nfc";

    /// <summary>
    /// Reads a byte-level BPE tokenizer and builds it. Text is not normalised unless the file asks for it with our key: llama.cpp never does.
    /// </summary>
    /// <exception cref="ModelFileException">A key is missing or of the wrong type, the tokenizer is of another kind, or it contradicts itself.</exception>
    public static Tokenizer Load(GgufMetadata metadata)
    {
        string model = metadata.Get<string>(Model);
        if (model != ByteLevelBpe)
            throw Fault(metadata, Model, $"the tokenizer {UntrustedText.Quote(model)} is not supported", $"Byte-level BPE ('{ByteLevelBpe}') is");
        List<string> warnings = [];
        var (patterns, ignoreMerges, addBos) = ReadSplit(metadata, warnings);
        Utf8Strings tokens = metadata.GetTexts(Tokens);
        TokenKind[] kinds = ReadKinds(metadata, tokens.Count);
        BytePairData data = new()
        {
            Tokens = tokens,
            Kinds = kinds,
            Merges = ReadMerges(metadata),
            SplitPatterns = patterns,
            IgnoreMerges = ignoreMerges,
            NormalizeNfc = ReadNormalizer(metadata),
            BosId = TryGetId(metadata, BosId, tokens.Count, warnings),
            AddBos = metadata.GetOr(AddBos, addBos),
            EosIds = ReadEos(metadata, tokens, kinds, warnings),
        };
        try
        {
            return new BytePairTokenizer(data, metadata.Path, warnings);
        }
        catch (InvalidTokenizerException exception)
        {
            throw new ModelFileException(metadata.Path, $"tokenizer, {exception.Place}", exception.Problem, "Convert the checkpoint again", exception);
        }
    }

    /// <summary>Writes a tokenizer, so that <see cref="Load"/> gives back the same.</summary>
    public static void Write(TokenizerData tokenizer, GgufMetadata metadata)
    {
        if (tokenizer is not BytePairData data)
            throw new NotSupportedException($"There is no way to write {tokenizer.GetType().Name}.");
        string? name = SplitNames.NameOf(data);
        metadata[Model] = ByteLevelBpe;
        metadata[Pre] = name ?? OwnSplit;
        metadata[Tokens] = data.Tokens.ToArray();
        metadata[TokenType] = data.Kinds.Select(static kind => (int)kind).ToArray();
        metadata[Merges] = data.Merges.Select(static merge => $"{merge.Left} {merge.Right}").ToArray();
        if (data.BosId is int bos)
            metadata[BosId] = (uint)bos;
        if (data.EosIds.Count > 0)
            metadata[EosId] = (uint)data.EosIds[0];
        metadata[AddBos] = data.AddBos;
        if (name is null)
        {
            metadata[SplitPatterns] = data.SplitPatterns.ToArray();
            if (data.IgnoreMerges)
                metadata[IgnoreMerges] = true;
        }
        if (data.NormalizeNfc)
            metadata[Normalizer] = Nfc;
        if (!EndTokens.Find([.. data.EosIds.Take(1)], data.Tokens, data.Kinds).SequenceEqual(data.EosIds))
            metadata[EosIds] = data.EosIds.ToArray();
    }

    private static (string[] Patterns, bool IgnoreMerges, bool AddBos) ReadSplit(GgufMetadata metadata, List<string> warnings)
    {
        if (!metadata.TryGet<string>(Pre, out string? name))
        {
            name = "default";
            warnings.Add($"metadata key '{Pre}' is missing: text is split in the way '{name}', and the model answers worse if it was trained with another; "
                + "convert the checkpoint again");
        }
        if (name == OwnSplit)
            return (metadata.Get<string[]>(SplitPatterns), metadata.GetOr(IgnoreMerges, false), AddBos: false);
        return SplitNames.Find(name) is SplitNames known
            ? (known.Patterns, known.IgnoreMerges, known.AddBos)
            : throw Fault(metadata, Pre, $"the way of splitting {UntrustedText.Quote(name)} is not known",
                $"Known are {SplitNames.All}, and {OwnSplit} with its own patterns");
    }

    private static TokenKind[] ReadKinds(GgufMetadata metadata, int count)
    {
        if (!metadata.TryGet<int[]>(TokenType, out int[]? types))
            return [.. Enumerable.Repeat(TokenKind.Normal, count)];
        int odd = Array.FindIndex(types, static type => type is < 0 or > (int)TokenKind.Byte);
        if (odd >= 0)
            throw Fault(metadata, TokenType, $"the type {types[odd]} of token {odd} is not one of the six", "Convert the checkpoint again");
        if (types.Length != count)
            throw Fault(metadata, TokenType, $"has {types.Length} entries for {count} tokens", "Convert the checkpoint again");
        // 0 is ggml's "undefined": a writer that knew no better.
        return Array.ConvertAll(types, static type => type == 0 ? TokenKind.Normal : (TokenKind)type);
    }

    private static MergeTexts ReadMerges(GgufMetadata metadata)
    {
        Utf8Strings merges = metadata.GetTexts(Merges);
        for (int rank = 0; rank < merges.Count; rank++)
        {
            if (!MergeTexts.IsMerge(merges.Bytes(rank)))
            {
                throw Fault(metadata, Merges, $"merge {rank}, {UntrustedText.Quote(merges[rank])}, is not two tokens with a space between",
                    "Convert the checkpoint again");
            }
        }
        return new(merges);
    }

    private static bool ReadNormalizer(GgufMetadata metadata)
    {
        if (!metadata.TryGet<string>(Normalizer, out string? name))
            return false;
        return name == Nfc ? true : throw Fault(metadata, Normalizer, $"the normaliser {UntrustedText.Quote(name)} is not known", $"'{Nfc}' is");
    }

    private static int[] ReadEos(GgufMetadata metadata, Utf8Strings tokens, TokenKind[] kinds, List<string> warnings)
    {
        if (metadata.TryGet<int[]>(EosIds, out int[]? own))
            return [.. own.Length <= MostEndTokens ? own.Where(id => IsToken(id, EosIds, tokens.Count, warnings)).Distinct()
                : throw Fault(metadata, EosIds, $"has {own.Length} ids where at most {MostEndTokens} make sense", "The file is damaged")];
        int[] declared = [.. ((string[])[EosId, EotId, EomId]).Select(key => TryGetId(metadata, key, tokens.Count, warnings)).OfType<int>()];
        return EndTokens.Find(declared, tokens, kinds, warnings);
    }

    // Many a converter leaves -1, or the id of a token that was cut off: the model works without.
    private static int? TryGetId(GgufMetadata metadata, string key, int count, List<string> warnings) =>
        metadata.TryGetInteger(key) is Int128 id && IsToken(id, key, count, warnings) ? (int)id : null;

    private static bool IsToken(Int128 id, string key, int count, List<string> warnings)
    {
        bool isToken = id >= 0 && id < count;
        if (!isToken)
            warnings.Add($"metadata key '{key}': the id {id} is outside the vocabulary of {count} tokens and is ignored");
        return isToken;
    }

    private static ModelFileException Fault(GgufMetadata metadata, string key, string problem, string remedy) =>
        new(metadata.Path, $"metadata key '{key}'", problem, remedy);
}
