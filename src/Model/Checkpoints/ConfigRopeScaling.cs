using System.Text.Json;
using MeKi.Kernels;
using MeKi.Model.Files;

namespace MeKi.Model.Checkpoints;

/// <summary>
/// RoPE scaling as <c>config.json</c> tells it: <c>rope_scaling</c>, or <c>rope_parameters</c> of transformers 5. Meanings and defaults are those of
/// <c>modeling_rope_utils.py</c> of Hugging Face transformers.
/// </summary>
internal static class ConfigRopeScaling
{
    /// <summary>What a pair's frequency is divided by so that it turns by no bit: what GGUF files have.</summary>
    public const float NeverTurned = 1e30f;

    /// <summary>The object of parameters: <c>rope_scaling</c> where it says anything, else <c>rope_parameters</c>.</summary>
    public static JsonPlace? Parameters(JsonPlace json)
    {
        JsonPlace? scaling = json.TryField("rope_scaling");
        bool isEmpty = scaling is not { Element: var element } || (element.ValueKind == JsonValueKind.Object && !element.EnumerateObject().Any());
        return isEmpty ? json.TryField("rope_parameters") : scaling;
    }

    /// <summary>Frequencies of the whole head, of which only the first pairs turn.</summary>
    /// <param name="config">What was read so far.</param>
    /// <param name="share">The share of pairs that turn.</param>
    /// <param name="factor">What their frequencies are divided by.</param>
    public static RopeScaling Proportional(ModelConfig config, float share, float factor)
    {
        int pairs = Math.Clamp(config.RotaryDimension / 2, 0, 1 << 20), turned = (int)(share * pairs);
        return new DividedRopeScaling([.. Enumerable.Range(0, pairs).Select(pair => pair < turned ? factor : NeverTurned)]);
    }

    /// <summary>Reads the scaling.</summary>
    /// <param name="json">The root of <c>config.json</c>.</param>
    /// <param name="config">What was read so far; YaRN makes its context longer.</param>
    /// <exception cref="ModelFileException">A number is missing, or the kind is not one that runs.</exception>
    public static RopeScaling? Read(JsonPlace json, ModelConfig config) => Parameters(json) is { } parameters ? Read(parameters, json, config) : null;

    /// <summary>Reads the scaling of an object of parameters.</summary>
    /// <param name="field">The parameters.</param>
    /// <param name="json">The root of <c>config.json</c>, or its text part.</param>
    /// <param name="config">As for the other overload.</param>
    /// <exception cref="ModelFileException">As for the other overload.</exception>
    public static RopeScaling? Read(JsonPlace field, JsonPlace json, ModelConfig config)
    {
        string kind = field.TryText("rope_type") ?? field.TryText("type") ?? "default";
        switch (kind)
        {
            case "default":
                // Parameters for each kind of layer lie one level deeper.
                return field.TryField("full_attention") is null && field.TryField("sliding_attention") is null ? null
                    : throw field.Fault("gives parameters for kinds of layers apart, which this engine does not run", "Supported is one set for all layers");
            case "linear":
                return new LinearRopeScaling(Number("factor"));
            case "llama3":
                return new Llama3RopeScaling(Number("factor"), Number("low_freq_factor"), Number("high_freq_factor"),
                    field.Int("original_max_position_embeddings"));
            case "yarn":
                YarnRopeScaling yarn = Yarn(config.ContextLength);
                // max_position_embeddings may tell the positions of the first training still.
                config.ContextLength = Math.Max(config.ContextLength, (int)Math.Min(yarn.Factor * (double)yarn.OriginalContextLength, ModelConfig.MaxContext));
                return yarn;
            case "proportional":
                return Proportional(config, field.TryFloat("partial_rotary_factor") ?? 1, field.TryFloat("factor") ?? 1);
            case "longrope" or "su":
                return Longer();
            default:
                throw field.Fault($"has the kind {UntrustedText.Quote(kind)}, which this engine does not run",
                    "Supported are linear, yarn, llama3, longrope and default");
        }

        float Number(string name) => field.TryFloat(name) ?? throw field.Fault($"has no field '{name}'", "Add it");

        YarnRopeScaling Yarn(int positions)
        {
            if (field.TryFlag("truncate") == false)
                throw field.Fault("has 'truncate' false, which this engine does not run", "Supported is true");
            int? told = field.TryInt("original_max_position_embeddings");
            int original = told ?? positions;
            float factor = field.TryFloat("factor") ?? (told is null ? Number("factor") : (float)positions / Math.Max(original, 1));
            double growth = field.TryFloat("attention_factor")
                ?? (field.TryFloat("mscale") is { } all and not 0 && field.TryFloat("mscale_all_dim") is { } dims and not 0
                    ? Growth(factor, all) / Growth(factor, dims) : YarnRopeScaling.Growth(factor));
            return new(factor, original)
            {
                BetaFast = field.TryFloat("beta_fast") ?? 32,
                BetaSlow = field.TryFloat("beta_slow") ?? 1,
                AttentionFactor = (float)(growth / YarnRopeScaling.Growth(factor)),
            };
        }

        LongRopeScaling Longer()
        {
            int original = field.TryInt("original_max_position_embeddings") ?? json.TryInt("original_max_position_embeddings") ?? config.ContextLength;
            double factor = field.TryFloat("factor") ?? config.ContextLength / (double)Math.Max(original, 1);
            double growth = field.TryFloat("attention_factor") ?? (factor <= 1 ? 1 : Math.Sqrt(1 + FixedMath.Log(factor) / FixedMath.Log(original)));
            return new(Factors("short_factor"), Factors("long_factor"), original, (float)growth, IsLong: config.ContextLength > original);
        }

        float[] Factors(string name) => [.. field.Field(name).Items().Select(item => item.Number())];

        static double Growth(double factor, double scale) => scale * (YarnRopeScaling.Growth(factor) - 1) + 1;
    }
}
