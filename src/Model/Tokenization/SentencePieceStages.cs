using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>The stages before the model in a <c>tokenizer.json</c> made from a SentencePiece model: what becomes of spaces.</summary>
internal sealed record SentencePieceStages
{
    private const string Remedy = "Spaces become U+2581 by Replace or Metaspace, Prepend may add one, Split and Digits may follow";

    private static readonly string s_space = SentencePieceData.Space.ToString();

    private bool _replacesSpaces;

    /// <summary>See <see cref="SentencePieceData.Prefix"/>.</summary>
    public SpacePrefix Prefix { get; private set; }

    /// <summary>See <see cref="SentencePieceData.SplitsWords"/>.</summary>
    public bool SplitsWords { get; private set; }

    /// <summary>See <see cref="TokenizerData.NormalizeNfc"/>.</summary>
    public bool Nfc { get; private set; }

    /// <summary>See <see cref="TokenizerData.SplitPatterns"/>.</summary>
    public string[] Patterns { get; private set; } = [];

    /// <summary>Whether a tokenizer is of this kind, not one over bytes.</summary>
    /// <param name="stages">The object that has the stages.</param>
    /// <param name="model">The model's settings.</param>
    public static bool Has(JsonPlace stages, JsonPlace model)
    {
        JsonPlace[] before = Parts(stages.TryField("pre_tokenizer"), "pretokenizers");
        if (Array.Exists(before, static stage => TypeOf(stage) == "ByteLevel"))
            return false;
        return model.Flag("byte_fallback") || Array.Exists(before, static stage => TypeOf(stage) == "Metaspace")
            || Array.Exists(Parts(stages.TryField("normalizer"), "normalizers"), static stage => TypeOf(stage) is "Replace" or "Prepend");
    }

    /// <exception cref="ModelFileException">There is a stage that is not supported.</exception>
    public static SentencePieceStages Read(JsonPlace stages)
    {
        SentencePieceStages read = new();
        foreach (JsonPlace stage in Parts(stages.TryField("normalizer"), "normalizers"))
            read.ReadNormalizer(stage);
        foreach (JsonPlace stage in Parts(stages.TryField("pre_tokenizer"), "pretokenizers"))
            read.ReadPreTokenizer(stage);
        return read._replacesSpaces ? read : throw stages.Fault("does not replace spaces by U+2581, which is not supported", Remedy);
    }

    private void ReadNormalizer(JsonPlace stage)
    {
        switch (TypeOf(stage))
        {
            case "NFC":
                Nfc = true;
                break;
            case "Prepend" when stage.Field("prepend").Text() is var text && (text == s_space || (text == " " && !_replacesSpaces)):
                Prefix = SpacePrefix.Always;
                break;
            case "Replace" when IsSpace(stage) && stage.Field("content").Text() == s_space:
                _replacesSpaces = true;
                break;
            case var type:
                throw stage.Fault($"the normaliser {UntrustedText.Quote(type)} is not supported with these settings", Remedy);
        }
    }

    private void ReadPreTokenizer(JsonPlace stage)
    {
        switch (TypeOf(stage))
        {
            case "Metaspace" when Patterns.Length == 0:
                ReadMetaspace(stage);
                break;
            // Gemma has it, where no space is left to split at.
            case "Split" when _replacesSpaces && IsSpace(stage):
                break;
            case "Split" or "Digits":
                Patterns = [.. Patterns, .. TokenizerJsonStages.ReadSplit(stage)];
                break;
            case var type:
                throw stage.Fault($"the pre-tokenizer {UntrustedText.Quote(type)} is not supported here", Remedy);
        }
    }

    private void ReadMetaspace(JsonPlace stage)
    {
        if (stage.TryField("replacement") is JsonPlace replacement && replacement.Text() != s_space)
            throw replacement.Fault($"{UntrustedText.Quote(replacement.Text())} is not supported", "U+2581 is");
        _replacesSpaces = true;
        SplitsWords = stage.TryField("split") is null || stage.Flag("split");
        // Files older than the scheme have a flag, and older ones nothing.
        SpacePrefix scheme = stage.TryField("prepend_scheme") is JsonPlace name
            ? name.Text() switch
            {
                "always" => SpacePrefix.Missing,
                "first" => SpacePrefix.First,
                "never" => SpacePrefix.Never,
                var text => throw name.Fault($"{UntrustedText.Quote(text)} is not known", "'always', 'first' and 'never' are"),
            }
            : stage.TryField("add_prefix_space") is null || stage.Flag("add_prefix_space") ? SpacePrefix.Missing : SpacePrefix.Never;
        // Where the normaliser has put one, there is one.
        if (Prefix == SpacePrefix.Never)
            Prefix = scheme;
    }

    private static bool IsSpace(JsonPlace stage)
    {
        JsonPlace pattern = stage.Field("pattern");
        return (pattern.TryField("String") ?? pattern.Field("Regex")).Text() == " ";
    }

    private static JsonPlace[] Parts(JsonPlace? stage, string name) => stage switch
    {
        null => [],
        JsonPlace one when TypeOf(one) == "Sequence" => [.. one.Field(name).Items().SelectMany(part => Parts(part, name))],
        JsonPlace one => [one],
    };

    private static string TypeOf(JsonPlace stage) => stage.Field("type").Text();
}
