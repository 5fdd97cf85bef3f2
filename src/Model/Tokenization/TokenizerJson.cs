using System.Text;
using System.Text.Json;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Reads a Hugging Face <c>tokenizer.json</c> that holds a BPE tokenizer over bytes or, as SentencePiece makes them, over characters, with what
/// <c>tokenizer_config.json</c>, <c>generation_config.json</c> and <c>config.json</c> beside it say of special tokens. What would change results and is not
/// supported is refused.
/// </summary>
internal static class TokenizerJson
{
    // How MergeTexts divides the halves of a merge: a byte that no text has.
    private const byte Between = 0xFF;

    /// <summary>The file in a checkpoint's folder.</summary>
    public const string FileName = "tokenizer.json";

    /// <summary>
    /// Reads the tokenizer and builds it. Ids that no token has, also those up to <c>vocab_size</c> of <c>config.json</c>, become unused tokens
    /// <c>[PAD&lt;id&gt;]</c>.
    /// </summary>
    /// <param name="path">The <c>tokenizer.json</c>; its folder is searched for the other files.</param>
    /// <exception cref="ModelFileException">A file is absent, damaged, or asks for something unsupported; the message names the place.</exception>
    public static Tokenizer Load(string path)
    {
        List<string> warnings = [];
        SpecialTokenFiles folder = new(Path.GetDirectoryName(path) ?? "", warnings);
        TokenizerData read = JsonSlice.Read(path, root => ReadTokenizer(root, folder, warnings));
        try
        {
            return read switch
            {
                SentencePieceData data => new SentencePieceTokenizer(data, path, warnings),
                var data => new BytePairTokenizer((BytePairData)data, path, warnings),
            };
        }
        catch (InvalidTokenizerException exception)
        {
            throw new ModelFileException(path, exception.Place, exception.Problem, "", exception);
        }
    }

    private static TokenizerData ReadTokenizer(JsonSlice root, SpecialTokenFiles folder, List<string> warnings)
    {
        string[] stageNames = ["normalizer", "pre_tokenizer", "post_processor"];
        string[] settings =
            ["type", "continuing_subword_prefix", "end_of_word_suffix", "dropout", "unk_token", "byte_fallback", "fuse_unk", "ignore_merges"];
        var parts = root.Fields(["model", "added_tokens", .. stageNames]);
        JsonPlace stages = root.Tree(parts, stageNames);
        JsonSlice modelText = parts.TryGetValue("model", out JsonSlice found) ? found : throw root.Missing("model");
        var modelParts = modelText.Fields(["vocab", "merges", .. settings]);
        JsonPlace model = modelText.Tree(modelParts, settings);
        CheckModel(model);
        JsonVocabulary vocabulary = new(modelParts.TryGetValue("vocab", out JsonSlice vocab) ? vocab : throw modelText.Missing("vocab"),
            parts.TryGetValue("added_tokens", out JsonSlice added) ? added : null, warnings);
        var (texts, kinds) = vocabulary.Build(folder.VocabularySize());
        MergeTexts merges = ReadMerges(modelParts.TryGetValue("merges", out JsonSlice merging) ? merging : throw modelText.Missing("merges"));
        TokenizerData data = SentencePieceStages.Has(stages, model)
            ? ReadSentencePiece(stages, model, vocabulary, texts, kinds, merges)
            : ReadBytePair(root, stages, model, vocabulary, texts, kinds, merges);
        var (leading, appended) = TokenizerJsonStages.ReadAddedTokens(stages.TryField("post_processor"));
        var (bos, addBos) = folder.ReadBos(vocabulary.IdOf, kinds.Length, leading);
        return data with
        {
            EosIds = EndTokens.Find(folder.ReadEos(vocabulary.IdOf, kinds.Length), texts, kinds, warnings),
            IgnoreMerges = model.Flag("ignore_merges"),
            BosId = bos,
            AddBos = addBos,
            AppendedId = appended is JsonPlace last ? SpecialTokenFiles.IdOf(vocabulary.IdOf, last) : null,
            SuppressedIds = folder.ReadSuppressed(kinds.Length),
            LeftStrippingIds = vocabulary.LeftStripping,
            RightStrippingIds = vocabulary.RightStripping,
        };
    }

    private static BytePairData ReadBytePair(
        JsonSlice root, JsonPlace stages, JsonPlace model, JsonVocabulary vocabulary, Utf8Strings texts, TokenKind[] kinds, MergeTexts merges)
    {
        CheckMissingBytes(model, vocabulary);
        return new()
        {
            Tokens = texts,
            Kinds = kinds,
            Merges = merges,
            SplitPatterns = TokenizerJsonStages.ReadSplitPatterns(stages.TryField("pre_tokenizer")
                ?? throw root.Fault("has no pre_tokenizer", "Only BPE over bytes, or over characters with U+2581 for the space, is supported")),
            NormalizeNfc = TokenizerJsonStages.ReadNormalizer(stages.TryField("normalizer")),
        };
    }

    private static SentencePieceData ReadSentencePiece(
        JsonPlace stages, JsonPlace model, JsonVocabulary vocabulary, Utf8Strings texts, TokenKind[] kinds, MergeTexts merges)
    {
        SentencePieceStages spaces = SentencePieceStages.Read(stages);
        for (int id = 0; model.Flag("byte_fallback") && id < kinds.Length; id++)
        {
            if (kinds[id] == TokenKind.Normal && SentencePieceTokenizer.ByteValue(texts.Bytes(id)) >= 0)
                kinds[id] = TokenKind.Byte;
        }
        return new()
        {
            Tokens = texts,
            Kinds = kinds,
            Merges = merges,
            SplitPatterns = spaces.Patterns,
            NormalizeNfc = spaces.Nfc,
            Prefix = spaces.Prefix,
            SplitsWords = spaces.SplitsWords,
            UnknownId = model.TryField("unk_token") is JsonPlace unknown && vocabulary.IdOf(unknown.Text()) is >= 0 and int unknownId ? unknownId : null,
            FusesUnknown = model.Flag("fuse_unk"),
        };
    }

    private static void CheckModel(JsonPlace model)
    {
        string type = model.Field("type").Text();
        if (type != "BPE")
            throw model.Field("type").Fault($"{UntrustedText.Quote(type)} is not supported", "Only BPE is");
        foreach (string name in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model.TryField(name) is JsonPlace affix && affix.Text().Length > 0)
                throw affix.Fault("is not supported", "Only BPE without prefixes and suffixes is");
        }
        if (model.TryField("dropout") is JsonPlace dropout && !(dropout.Element.TryGetDouble(out double rate) && rate == 0))
            throw dropout.Fault("is not supported", "Set it to null: it is for training");
    }

    private static MergeTexts ReadMerges(JsonSlice merges)
    {
        Utf8StringsBuilder texts = new(merges.Length);
        Utf8JsonReader reader = merges.Reader;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
            throw merges.Fault("is not an array");
        for (int rank = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; rank++)
        {
            if (reader.TokenType == JsonTokenType.StartArray)
                ReadPair(merges, rank, texts, ref reader);
            else if (reader.TokenType == JsonTokenType.String)
            {
                texts.Append(in reader);
                if (!MergeTexts.IsMerge(texts.Current))
                    throw merges.FaultAt($"[{rank}]", $"{UntrustedText.Quote(Encoding.UTF8.GetString(texts.Current))} is not two tokens with a space between");
                texts.Current[texts.Current.IndexOf((byte)' ')] = Between;
            }
            else
                throw merges.FaultAt($"[{rank}]", "is not a string");
            texts.End();
        }
        return new(texts.Build(), Between);
    }

    private static void ReadPair(JsonSlice merges, int rank, Utf8StringsBuilder texts, ref Utf8JsonReader reader)
    {
        int halves = 0;
        for (; reader.Read() && reader.TokenType != JsonTokenType.EndArray; halves++)
        {
            if (reader.TokenType != JsonTokenType.String)
                throw merges.FaultAt($"[{rank}][{halves}]", "is not a string");
            if (halves == 1)
                texts.Append([Between]);
            if (halves < 2)
                texts.Append(in reader);
        }
        if (halves != 2)
            throw merges.FaultAt($"[{rank}]", "is not a pair");
    }

    // An unknown token or a byte fallback matters only where some byte has no token.
    private static void CheckMissingBytes(JsonPlace model, JsonVocabulary vocabulary)
    {
        if (model.TryField("unk_token") is null && !model.Flag("byte_fallback"))
            return;
        for (int value = 0; value < 256; value++)
        {
            if (vocabulary.IdOf(ByteLevelAlphabet.CharOf((byte)value).ToString()) < 0)
                throw model.Fault($"the byte {value} has no token, and replacing unknown bytes is not supported", "Only byte-level BPE with all 256 bytes is");
        }
    }
}
