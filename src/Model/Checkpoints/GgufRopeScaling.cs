using MeKi.Kernels;
using MeKi.Model.Gguf;

namespace MeKi.Model.Checkpoints;

/// <summary>RoPE scaling as GGUF tells it: keys for linear and YaRN, a tensor of divisors for Llama 3's. Keys: docs/formats.md.</summary>
internal static class GgufRopeScaling
{
    /// <summary>The tensor that the frequencies are divided by, [D/2].</summary>
    public const string DivisorsName = "rope_freqs.weight";

    /// <summary>Reads the keys.</summary>
    /// <param name="metadata">The file's metadata.</param>
    /// <param name="a">The architecture.</param>
    /// <param name="divided">Whether the file has <see cref="DivisorsName"/>, which no keys may accompany.</param>
    /// <exception cref="ModelFileException">A key is missing or has a value that this engine does not run.</exception>
    public static RopeScaling? Read(GgufMetadata metadata, string a, bool divided)
    {
        float? factor = metadata.TryGetFloat($"{a}.rope.scaling.factor");
        // llama.cpp takes a factor without a type for a linear one, and 0 for none.
        string type = metadata.GetOr($"{a}.rope.scaling.type", factor is null or 0 ? "none" : "linear");
        if (type is "none" or "")
            return null;
        if (type is not ("linear" or "yarn"))
            throw Unsupported("type", $"is {UntrustedText.Quote(type)}", "linear, yarn and none");
        if (divided)
            throw Unsupported("type", $"stands beside the tensor '{DivisorsName}'", "one of both");
        if (factor is null)
            throw new ModelFileException(metadata.Path, $"metadata key '{a}.rope.scaling.factor'", "is missing", "Convert the checkpoint again with a current tool");
        if (type == "linear")
            return new LinearRopeScaling(factor.Value);
        if ((metadata.TryGetFloat($"{a}.rope.scaling.yarn_ext_factor") ?? 1) != 1)
            throw Unsupported("yarn_ext_factor", "is another", "1");
        if ((metadata.TryGetFloat($"{a}.rope.scaling.yarn_log_multiplier") ?? 0) != 0)
            throw Unsupported("yarn_log_multiplier", "is another", "0");
        return new YarnRopeScaling(factor.Value, metadata.TryGetInt($"{a}.rope.scaling.original_context_length") ?? metadata.GetInt($"{a}.context_length"))
        {
            BetaFast = metadata.TryGetFloat($"{a}.rope.scaling.yarn_beta_fast") ?? 32,
            BetaSlow = metadata.TryGetFloat($"{a}.rope.scaling.yarn_beta_slow") ?? 1,
            AttentionFactor = (metadata.TryGetFloat($"{a}.rope.scaling.attn_factor") ?? 1) * (metadata.TryGetFloat($"{a}.rope.scaling.yarn_attn_factor") ?? 1),
        };

        ModelFileException Unsupported(string key, string problem, string supported) =>
            new(metadata.Path, $"metadata key '{a}.rope.scaling.{key}'", $"{problem}, which this engine does not run", $"Supported is {supported}");
    }

    /// <summary>Writes what <see cref="Read"/> reads; divisors are a tensor and need no key.</summary>
    public static void Write(RopeScaling? scaling, GgufMetadata metadata, string a)
    {
        switch (scaling)
        {
            case LinearRopeScaling linear:
                metadata[$"{a}.rope.scaling.type"] = "linear";
                metadata[$"{a}.rope.scaling.factor"] = linear.Factor;
                break;
            case YarnRopeScaling yarn:
                metadata[$"{a}.rope.scaling.type"] = "yarn";
                metadata[$"{a}.rope.scaling.factor"] = yarn.Factor;
                metadata[$"{a}.rope.scaling.original_context_length"] = (uint)yarn.OriginalContextLength;
                metadata[$"{a}.rope.scaling.yarn_beta_fast"] = yarn.BetaFast;
                metadata[$"{a}.rope.scaling.yarn_beta_slow"] = yarn.BetaSlow;
                metadata[$"{a}.rope.scaling.attn_factor"] = yarn.AttentionFactor;
                break;
        }
    }

    /// <summary>What <see cref="DivisorsName"/> holds for a scaling; null where the file needs no such tensor.</summary>
    public static IReadOnlyList<float>? Divisors(ModelConfig config) => config.RopeScaling switch
    {
        Llama3RopeScaling llama => llama.Divisors(config.HeadDimension, config.RopeTheta),
        DividedRopeScaling divided => divided.Divisors,
        _ => null,
    };
}
