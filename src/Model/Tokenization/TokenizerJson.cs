using System.Text.Json;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Reads a Hugging Face <c>tokenizer.json</c> that holds a byte-level BPE tokenizer, with what <c>tokenizer_config.json</c>,
/// <c>generation_config.json</c> and <c>config.json</c> beside it say of special tokens. What would change results and is not supported is refused.
/// </summary>
public static class TokenizerJson
{

    /// <summary>
    /// Reads the tokenizer. Ids that no token has, also those up to <c>vocab_size</c> of <c>config.json</c>, become unused tokens <c>[PAD&lt;id&gt;]</c>.
    /// </summary>
    /// <param name="path">The <c>tokenizer.json</c>; its folder is searched for the other files.</param>
    /// <exception cref="ModelFileException">A file is absent, damaged, or asks for something unsupported; the message names the place.</exception>
    public static TokenizerData Read(string path) => Load(path).Data;

    /// <summary>Reads the tokenizer and builds it.</summary>
    /// <exception cref="ModelFileException">As for <see cref="Read"/>.</exception>
    internal static BytePairTokenizer Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var folder = new SpecialTokenFiles(Path.GetDirectoryName(path) ?? "");
        var data = JsonPlace.Read(path, root => ReadTokenizer(root, folder), JsonPlace.MaxVocabularyBytes);
        try
        {
            return new(data);
        }
        catch (InvalidTokenizerException exception)
        {
            throw new ModelFileException(path, exception.Place, exception.Problem, "", exception);
        }
    }

    private static TokenizerData ReadTokenizer(JsonPlace root, SpecialTokenFiles folder)
    {
        var model = root.Field("model");
        CheckModel(model);
        var tokens = new List<string?>();
        var kinds = new Dictionary<int, TokenKind>();
        ReadVocabulary(model.Field("vocab"), tokens);
        foreach (var added in root.TryField("added_tokens")?.Items() ?? [])
            ReadAddedToken(added, tokens, kinds);
        int size = Math.Max(tokens.Count, folder.VocabularySize());
        string[] texts = [.. Enumerable.Range(0, size).Select(id => (id < tokens.Count ? tokens[id] : null) ?? $"[PAD{id}]")];
        TokenKind[] allKinds = [.. Enumerable.Range(0, size).Select(id =>
            id >= tokens.Count || tokens[id] is null ? TokenKind.Unused : kinds.GetValueOrDefault(id, TokenKind.Normal))];
        CheckMissingBytes(model, texts);
        var (bos, addBos) = folder.ReadBos(texts, TokenizerJsonStages.ReadLeadingToken(root.TryField("post_processor")));
        return new()
        {
            Tokens = texts,
            Kinds = allKinds,
            Merges = [.. model.Field("merges").Items().Select(ReadMerge)],
            SplitPatterns = TokenizerJsonStages.ReadSplitPatterns(root.TryField("pre_tokenizer")
                ?? throw root.Fault("has no pre_tokenizer", "Only byte-level BPE is supported")),
            NormalizeNfc = TokenizerJsonStages.ReadNormalizer(root.TryField("normalizer")),
            IgnoreMerges = model.Flag("ignore_merges"),
            BosId = bos,
            AddBos = addBos,
            EosIds = EndTokens.WithWellKnown(folder.ReadEos(texts), texts, allKinds),
        };
    }

    private static void CheckModel(JsonPlace model)
    {
        string type = model.Field("type").Text();
        if (type != "BPE")
            throw model.Field("type").Fault($"{UntrustedText.Quote(type)} is not supported", "Only byte-level BPE is");
        foreach (string name in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model.TryField(name) is JsonPlace affix && affix.Text().Length > 0)
                throw affix.Fault("is not supported", "Only byte-level BPE without prefixes and suffixes is");
        }
        if (model.TryField("dropout") is JsonPlace dropout && !(dropout.Element.TryGetDouble(out double rate) && rate == 0))
            throw dropout.Fault("is not supported", "Set it to null: it is for training");
    }

    private static void ReadVocabulary(JsonPlace vocab, List<string?> tokens)
    {
        if (vocab.Element.ValueKind != JsonValueKind.Object)
            throw vocab.Fault("is not an object");
        // The place of one entry is put into words only when it is wrong: there are a hundred thousand.
        foreach (var entry in vocab.Element.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id) || (uint)id >= JsonPlace.MaxId)
            {
                throw vocab.Fault($"the id {UntrustedText.Quote(entry.Value.GetRawText())} of {UntrustedText.Quote(entry.Name)} " +
                    $"is not an integer from 0 to {JsonPlace.MaxId - 1}");
            }
            Place(vocab, tokens, id, entry.Name);
        }
    }

    private static void ReadAddedToken(JsonPlace added, List<string?> tokens, Dictionary<int, TokenKind> kinds)
    {
        string content = added.Field("content").Text();
        if (content.Length == 0)
            throw added.Fault("has no content");
        foreach (string name in (string[])["single_word", "lstrip", "rstrip"])
        {
            if (added.Flag(name))
            {
                throw added.Fault($"{UntrustedText.Quote(content)} asks for {name}, which is not supported",
                    "Set it to false if the model does not depend on it");
            }
        }
        int id = added.Field("id").Id();
        if (id >= tokens.Count || tokens[id] != content)
            Place(added, tokens, id, content);
        kinds[id] = added.Flag("special") ? TokenKind.Control : TokenKind.UserDefined;
    }

    private static void Place(JsonPlace place, List<string?> tokens, int id, string text)
    {
        while (tokens.Count <= id)
            tokens.Add(null);
        if (tokens[id] is string other)
            throw place.Fault($"the id {id} of {UntrustedText.Quote(text)} is that of {UntrustedText.Quote(other)} already");
        tokens[id] = text;
    }

    private static (string Left, string Right) ReadMerge(JsonPlace merge)
    {
        if (merge.Element.ValueKind == JsonValueKind.Array)
            return merge.Items().ToArray() is [var left, var right] ? (left.Text(), right.Text()) : throw merge.Fault("is not a pair");
        string text = merge.Text();
        int space = text.IndexOf(' ', StringComparison.Ordinal);
        return space > 0 && space < text.Length - 1
            ? (text[..space], text[(space + 1)..])
            : throw merge.Fault($"{UntrustedText.Quote(text)} is not two tokens with a space between");
    }

    // An unknown token or a byte fallback matters only where some byte has no token.
    private static void CheckMissingBytes(JsonPlace model, string[] tokens)
    {
        if (model.TryField("unk_token") is null && !model.Flag("byte_fallback"))
            return;
        var known = tokens.ToHashSet();
        for (int value = 0; value < 256; value++)
        {
            if (!known.Contains(ByteLevelAlphabet.CharOf((byte)value).ToString()))
                throw model.Fault($"the byte {value} has no token, and replacing unknown bytes is not supported", "Only byte-level BPE with all 256 bytes is");
        }
    }
}
