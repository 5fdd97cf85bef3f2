using MeKi.Kernels;

namespace MeKi.Model.Checkpoints;

/// <summary>The variants of the branch by the names that model files and configurations give them (docs/formats.md).</summary>
/// <typeparam name="T">The enumeration.</typeparam>
/// <param name="names">One name for each value, in order.</param>
internal sealed class VariantNames<T>(params string[] names)
    where T : struct, Enum
{
    /// <summary>All of them, for messages.</summary>
    public string List => string.Join(", ", names.Select(name => $"'{name}'"));

    /// <summary>The name of a value.</summary>
    public string Of(T value) => names[Array.IndexOf(Enum.GetValues<T>(), value)];

    /// <summary>The value of a name; null for an unknown one.</summary>
    public T? Find(string name) => Array.IndexOf(names, name) is >= 0 and int at ? Enum.GetValues<T>()[at] : null;
}

/// <summary>The names of each variant.</summary>
internal static class VariantNames
{
    public static VariantNames<GateInput> GateInput { get; } = new("normalized", "residual");

    public static VariantNames<Fusion> Fusion { get; } =
        new("additive_sigmoid", "additive_silu", "multiplicative_sigmoid", "multiplicative_silu", "multiplicative_gelu");

    public static VariantNames<Placement> Placement { get; } = new("parallel_ffn", "parallel_attention", "after_attention", "after_ffn");
}
