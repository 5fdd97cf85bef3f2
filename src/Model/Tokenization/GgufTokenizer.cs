using MeKi.Model.Gguf;

namespace MeKi.Model.Tokenization;

/// <summary>
/// A tokenizer in the metadata of a GGUF file, under the keys of the GGUF specification (<c>tokenizer.ggml.*</c>). Keys of our own,
/// <c>tokenizer.meki.*</c>, hold what those cannot and are written only where needed.
/// <para>
/// For every kind: <c>split_patterns</c> (string array) and <c>ignore_merges</c> (bool) for a way of splitting that has no name, then
/// <c>tokenizer.ggml.pre</c> is <c>meki</c>; <c>normalizer</c> (<c>"nfc"</c>); <c>eos_token_ids</c> (int32 array) when names and the standard keys do not give
/// the same end tokens; <c>left_stripping_ids</c> and <c>right_stripping_ids</c> (int32 arrays).
/// </para>
/// <para>
/// For SentencePiece: <c>merges</c> (string array), which then rule in place of the scores; <c>space_prefix</c> (a name of <see cref="SpacePrefix"/>);
/// <c>split_words</c> and <c>fuse_unknown</c> (bool).
/// </para>
/// </summary>
internal static class GgufTokenizer
{
    public const string ModelKey = "tokenizer.ggml.model", Pre = "tokenizer.ggml.pre", Tokens = "tokenizer.ggml.tokens";
    public const string TokenType = "tokenizer.ggml.token_type", Merges = "tokenizer.ggml.merges", Scores = "tokenizer.ggml.scores";
    public const string BosId = "tokenizer.ggml.bos_token_id";
    public const string EosId = "tokenizer.ggml.eos_token_id", EotId = "tokenizer.ggml.eot_token_id", EomId = "tokenizer.ggml.eom_token_id";
    public const string UnknownId = "tokenizer.ggml.unknown_token_id", AddBos = "tokenizer.ggml.add_bos_token", AddPrefix = "tokenizer.ggml.add_space_prefix";
    public const string AddEos = "tokenizer.ggml.add_eos_token", Appended = "tokenizer.meki.appended_token_id";
    public const string RemoveExtraSpaces = "tokenizer.ggml.remove_extra_whitespaces", Suppressed = "tokenizer.ggml.suppress_tokens";

    public const string SplitPatterns = "tokenizer.meki.split_patterns", IgnoreMerges = "tokenizer.meki.ignore_merges";
    public const string Normalizer = "tokenizer.meki.normalizer", EosIds = "tokenizer.meki.eos_token_ids", OwnMerges = "tokenizer.meki.merges";
    public const string LeftStripping = "tokenizer.meki.left_stripping_ids", RightStripping = "tokenizer.meki.right_stripping_ids";
    public const string Prefix = "tokenizer.meki.space_prefix", SplitWords = "tokenizer.meki.split_words", FuseUnknown = "tokenizer.meki.fuse_unknown";

    /// <summary>The values of <see cref="ModelKey"/>: byte-level BPE, SentencePiece with scores, BPE over characters.</summary>
    public const string ByteLevelBpe = "gpt2", SentencePiece = "llama", Gemma4 = "gemma4";

    /// <summary>The value of <see cref="Pre"/> where <see cref="SplitPatterns"/> has the way of splitting.</summary>
    public const string OwnSplit = "meki";

    /// <summary>The value of <see cref="Normalizer"/>.</summary>
    public const string Nfc = "nfc";

    /// <summary>Reads a tokenizer and builds it. Text is not normalised unless the file asks for it with our key: llama.cpp never does.</summary>
    /// <exception cref="ModelFileException">A key is missing or of the wrong type, the tokenizer is of another kind, or it contradicts itself.</exception>
    public static Tokenizer Load(GgufMetadata metadata)
    {
        List<string> warnings = [];
        TokenizerData read = new GgufTokenizerReader(metadata, warnings).Read();
        try
        {
            return read switch
            {
                SentencePieceData data => new SentencePieceTokenizer(data, metadata.Path, warnings),
                var data => new BytePairTokenizer((BytePairData)data, metadata.Path, warnings),
            };
        }
        catch (InvalidTokenizerException exception)
        {
            throw new ModelFileException(metadata.Path, $"tokenizer, {exception.Place}", exception.Problem, "Convert the checkpoint again", exception);
        }
    }

    /// <summary>Writes a tokenizer, so that <see cref="Load"/> gives back one of the same ids.</summary>
    public static void Write(TokenizerData tokenizer, GgufMetadata metadata) => new GgufTokenizerWriter(metadata).Write(tokenizer);
}
