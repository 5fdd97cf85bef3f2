using MeKi.Kernels;
using MeKi.Model.Architectures;
using MeKi.Model.Gguf;

namespace MeKi.Model.Checkpoints;

/// <summary>RoPE scaling as GGUF tells it: keys for linear and YaRN, tensors of divisors for Llama 3's and LongRoPE. Keys: docs/formats.md.</summary>
internal static class GgufRopeScaling
{
    /// <summary>The tensor that the frequencies are divided by, [D/2].</summary>
    public const string DivisorsName = "rope_freqs.weight";

    private const string LongName = "rope_factors_long.weight", ShortName = "rope_factors_short.weight";

    /// <summary>Reads the keys and the tensors.</summary>
    /// <param name="gguf">The file.</param>
    /// <param name="config">What was read so far.</param>
    /// <exception cref="ModelFileException">A key is missing or has a value that this engine does not run.</exception>
    public static RopeScaling? Read(GgufKeys gguf, ModelConfig config)
    {
        float[]? divisors = gguf.Vector(DivisorsName, config.RotaryDimension / 2);
        float? factor = gguf.TryFloat("rope.scaling.factor");
        // llama.cpp takes a factor without a type for a linear one, and 0 for none.
        string type = gguf.Metadata.GetOr($"{gguf.Architecture}.rope.scaling.type", factor is null or 0 ? "none" : "linear");
        int original = gguf.TryInt("rope.scaling.original_context_length") ?? config.ContextLength;
        if (gguf.Vector(LongName, config.RotaryDimension / 2) is { } longFactors)
        {
            float[] shortFactors = gguf.Vector(ShortName, config.RotaryDimension / 2)
                ?? throw new ModelFileException(gguf.Metadata.Path, $"tensor '{ShortName}'", "is missing", "Convert the checkpoint again");
            return new LongRopeScaling(shortFactors, longFactors, original, gguf.TryFloat("rope.scaling.attn_factor")
                ?? 1, IsLong: config.ContextLength > original);
        }
        if (type is "none" or "")
            return divisors is null ? null : new DividedRopeScaling(divisors);
        if (type is not ("linear" or "yarn"))
            throw Unsupported("type", $"is {UntrustedText.Quote(type)}", $"linear, yarn, none, and longrope with the tensor '{LongName}'");
        if (divisors is not null)
            throw Unsupported("type", $"stands beside the tensor '{DivisorsName}'", "one of both");
        if (factor is null)
            throw gguf.Missing("rope.scaling.factor");
        if (type == "linear")
            return new LinearRopeScaling(factor.Value);
        if ((gguf.TryFloat("rope.scaling.yarn_ext_factor") ?? 1) != 1)
            throw Unsupported("yarn_ext_factor", "is another", "1");
        if ((gguf.TryFloat("rope.scaling.yarn_log_multiplier") ?? 0) != 0)
            throw Unsupported("yarn_log_multiplier", "is another", "0");
        return new YarnRopeScaling(factor.Value, original)
        {
            BetaFast = gguf.TryFloat("rope.scaling.yarn_beta_fast") ?? 32,
            BetaSlow = gguf.TryFloat("rope.scaling.yarn_beta_slow") ?? 1,
            AttentionFactor = (gguf.TryFloat("rope.scaling.attn_factor") ?? 1) * (gguf.TryFloat("rope.scaling.yarn_attn_factor") ?? 1),
        };

        ModelFileException Unsupported(string key, string problem, string supported) =>
            gguf.Fault($"rope.scaling.{key}", $"{problem}, which this engine does not run", $"Supported is {supported}");
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
            case LongRopeScaling longer:
                metadata[$"{a}.rope.scaling.type"] = "longrope";
                metadata[$"{a}.rope.scaling.original_context_length"] = (uint)longer.OriginalContextLength;
                metadata[$"{a}.rope.scaling.attn_factor"] = longer.Magnitude;
                break;
        }
    }

    /// <summary>What the file's tensors hold for a scaling, by role; no checkpoint has them.</summary>
    public static IReadOnlyDictionary<Role, IReadOnlyList<float>> Tensors(ModelConfig config) => config.RopeScaling switch
    {
        Llama3RopeScaling llama =>
            new Dictionary<Role, IReadOnlyList<float>> { [Role.RotaryDivisors] = llama.Divisors(config.RotaryDimension, config.RopeTheta) },
        DividedRopeScaling divided => new Dictionary<Role, IReadOnlyList<float>> { [Role.RotaryDivisors] = divided.Divisors },
        LongRopeScaling longer =>
            new Dictionary<Role, IReadOnlyList<float>> { [Role.LongRotaryDivisors] = longer.Long, [Role.ShortRotaryDivisors] = longer.Short },
        _ => new Dictionary<Role, IReadOnlyList<float>>(),
    };
}
