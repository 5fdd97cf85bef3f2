using System.Text.RegularExpressions;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>The stages around the model in a <c>tokenizer.json</c>: normaliser, pre-tokenizer and post-processor.</summary>
internal static class TokenizerJsonStages
{
    private const string OnlyByteLevel = "Only byte-level BPE is supported";

    /// <returns>Whether the text is brought to form C.</returns>
    public static bool ReadNormalizer(JsonPlace? normalizer)
    {
        if (normalizer is not JsonPlace stage)
            return false;
        return TypeOf(stage) switch
        {
            "NFC" => true,
            // Every part is read, so that an unsupported one behind NFC is not overlooked.
            "Sequence" => stage.Field("normalizers").Items().Select(static part => ReadNormalizer(part)).ToArray().Contains(true),
            var type => throw stage.Fault($"the normaliser {UntrustedText.Quote(type)} is not supported", "NFC is the only one that is"),
        };
    }

    /// <returns>The patterns that split the text before it becomes bytes.</returns>
    public static string[] ReadSplitPatterns(JsonPlace preTokenizer)
    {
        JsonPlace[] stages = TypeOf(preTokenizer) == "Sequence" ? [.. preTokenizer.Field("pretokenizers").Items()] : [preTokenizer];
        // Falcon splits at digits behind ByteLevel, which has left them as they are.
        int last = Array.FindIndex(stages, static stage => TypeOf(stage) == "ByteLevel");
        if (last < 0 || !stages[(last + 1)..].All(IsOfDigits))
            throw preTokenizer.Fault("does not end with ByteLevel", OnlyByteLevel);
        return [.. stages.SelectMany(ReadSplit)];
    }

    /// <returns>The token with which every sequence begins, and the one behind it; null for none.</returns>
    public static (JsonPlace? Leading, JsonPlace? Appended) ReadAddedTokens(JsonPlace? postProcessor)
    {
        if (postProcessor is not JsonPlace stage)
            return default;
        switch (TypeOf(stage))
        {
            case "ByteLevel":
                return default; // offsets only
            case "Sequence":
                var adding = stage.Field("processors").Items().Select(static part => ReadAddedTokens(part)).Where(static added => added is not (null, null))
                    .ToArray();
                return adding.Length <= 1 ? adding.SingleOrDefault() : throw stage.Fault("adds tokens more than once, which is not supported");
            case "TemplateProcessing":
                JsonPlace[] parts = [.. stage.Field("single").Items()];
                int text = Array.FindIndex(parts, static part => part.TryField("Sequence") is not null);
                if (text is < 0 or > 1 || parts.Length - text is not (1 or 2))
                    throw stage.Field("single").Fault("adds other tokens than one at the beginning and one at the end, which is not supported");
                return (text == 1 ? Special(parts[0]) : null, parts.Length - text == 2 ? Special(parts[^1]) : null);
            case var type:
                throw stage.Fault($"the post-processor {UntrustedText.Quote(type)} is not supported", OnlyByteLevel);
        }
    }

    private static JsonPlace Special(JsonPlace part) => part.Field("SpecialToken").Field("id");

    /// <summary>The patterns of one stage.</summary>
    public static string[] ReadSplit(JsonPlace stage)
    {
        switch (TypeOf(stage))
        {
            case "ByteLevel":
                if (stage.Flag("add_prefix_space"))
                    throw stage.Fault("asks for add_prefix_space, which is not supported", "Set it to false if the model does not depend on it");
                // Absent means true: the field is younger than the format.
                return stage.TryField("use_regex") is null || stage.Flag("use_regex") ? [SplitNames.Gpt2] : [];
            case "Punctuation" when stage.TryField("behavior") is JsonPlace kept && kept.Text() == "Contiguous":
                return [SplitNames.Punctuation];
            case "Split":
                string behavior = stage.Field("behavior").Text();
                if (behavior != "Isolated" || stage.Flag("invert"))
                    throw stage.Fault($"the behaviour {UntrustedText.Quote(behavior)}{(stage.Flag("invert") ? ", inverted," : "")} is not supported",
                        "'Isolated' is");
                var pattern = stage.Field("pattern");
                return [pattern.TryField("Regex") is JsonPlace regex ? regex.Text() : Regex.Escape(pattern.Field("String").Text())];
            case "Digits":
                return [stage.Flag("individual_digits") ? @"\p{N}" : @"\p{N}+"];
            case var type:
                throw stage.Fault($"the pre-tokenizer {UntrustedText.Quote(type)} is not supported here", "Split and Digits are, then ByteLevel");
        }
    }

    private static bool IsOfDigits(JsonPlace stage) => TypeOf(stage) switch
    {
        "Digits" => true,
        "Split" => stage.Field("pattern").TryField("Regex") is JsonPlace regex && regex.Text() == SplitNames.ThreeDigits,
        _ => false,
    };

    private static string TypeOf(JsonPlace stage) => stage.Field("type").Text();
}
