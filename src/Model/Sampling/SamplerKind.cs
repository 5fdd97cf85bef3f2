namespace MeKi.Model.Sampling;

/// <summary>The samplers that have a place in the order.</summary>
internal enum SamplerKind
{
    Penalties,
    Dry,
    TopNSigma,
    TopK,
    Typical,
    TopP,
    MinP,
    Xtc,
    Temperature,
}

/// <summary>The samplers' names, those of llama.cpp.</summary>
internal static class SamplerNames
{
    // The name that is shown, then what else is understood. The order is the one that applies by default.
    private static readonly (SamplerKind Kind, string[] Names)[] All =
    [
        (SamplerKind.Penalties, ["penalties"]),
        (SamplerKind.Dry, ["dry"]),
        (SamplerKind.TopNSigma, ["top_n_sigma", "top-n-sigma"]),
        (SamplerKind.TopK, ["top_k", "top-k"]),
        (SamplerKind.Typical, ["typ_p", "typ-p", "typical_p", "typical-p", "typical", "typ"]),
        (SamplerKind.TopP, ["top_p", "top-p", "nucleus"]),
        (SamplerKind.MinP, ["min_p", "min-p"]),
        (SamplerKind.Xtc, ["xtc"]),
        (SamplerKind.Temperature, ["temperature", "temp"]),
    ];

    public static IReadOnlyList<string> Default { get; } = Array.AsReadOnly([.. All.Select(each => each.Names[0])]);

    /// <summary>The sampler of a name, in any case.</summary>
    public static bool TryParse(string name, out SamplerKind kind)
    {
        foreach ((SamplerKind each, string[] names) in All)
        {
            if (names.Contains(name.Trim(), StringComparer.OrdinalIgnoreCase))
            {
                kind = each;
                return true;
            }
        }
        kind = default;
        return false;
    }

    public static string NameOf(SamplerKind kind) => All[(int)kind].Names[0];
}
