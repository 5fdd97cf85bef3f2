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

    /// <returns>The token with which every sequence begins, or null.</returns>
    public static JsonPlace? ReadLeadingToken(JsonPlace? postProcessor)
    {
        if (postProcessor is not JsonPlace stage)
            return null;
        switch (TypeOf(stage))
        {
            case "ByteLevel":
                return null; // offsets only
            case "Sequence":
                JsonPlace[] leading = [.. stage.Field("processors").Items().Select(static part => ReadLeadingToken(part)).OfType<JsonPlace>()];
                return leading.Length <= 1
                    ? leading.Cast<JsonPlace?>().SingleOrDefault()
                    : throw stage.Fault("adds tokens more than once, which is not supported");
            case "TemplateProcessing":
                JsonPlace[] parts = [.. stage.Field("single").Items()];
                if (parts.Length is 0 or > 2 || parts[^1].TryField("Sequence") is null)
                    throw stage.Field("single").Fault("adds other tokens than one at the beginning, which is not supported");
                return parts.Length == 2 ? parts[0].Field("SpecialToken").Field("id") : null;
            case var type:
                throw stage.Fault($"the post-processor {UntrustedText.Quote(type)} is not supported", OnlyByteLevel);
        }
    }

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
