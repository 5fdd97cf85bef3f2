using System.Collections.ObjectModel;

namespace MeKi.Model.Sampling;

/// <summary>
/// How a token is chosen. What is null is the model's own, where its files say (<c>general.sampling.*</c>, generation_config.json), and llama.cpp's otherwise.
/// A value outside its range is refused where it is set (<see cref="ArgumentOutOfRangeException"/>; it names the option and the range).
/// <para>
/// First <see cref="LogitBias"/> applies, then <see cref="Samplers"/> in their order, each to what the ones before have left, and of what remains one token is
/// drawn. Temperature 0 takes the likeliest token after biases and penalties, and <see cref="Mirostat"/> stands in place of all that leave tokens out.
/// </para>
/// </summary>
public record SamplingOptions
{
    private const float LeastPenalty = 0.001f, MostPenalty = 1000;
    private const int MostBreakers = 64, MostBreakerLength = 40;

    /// <summary>The order that applies where none is given: penalties, dry, top_n_sigma, top_k, typ_p, top_p, min_p, xtc, temperature.</summary>
    public static IReadOnlyList<string> DefaultSamplers => SamplerNames.Default;

    /// <summary>Divides the logits; 0 is greedy: always the likeliest token. Finite and not negative, 0.8 by default.</summary>
    public float? Temperature { get; init => field = Checked(value, IsAmount(value), nameof(Temperature), "0 or a positive finite number"); }

    /// <summary>
    /// Lets the temperature move by this much to either side: lower where the model is sure, higher where it is not. 0, the
    /// default, leaves it as it is.
    /// </summary>
    public float? DynamicTemperatureRange
    {
        get;
        init => field = Checked(value, IsAmount(value), nameof(DynamicTemperatureRange), "0 or a positive finite number");
    }

    /// <summary>The power of the normalized entropy that moves the temperature; 1 by default.</summary>
    public float? DynamicTemperatureExponent
    {
        get;
        init => field = Checked(value, IsAmount(value), nameof(DynamicTemperatureExponent), "0 or a positive finite number");
    }

    /// <summary>Keeps only the k likeliest tokens, 1 or more; 0 keeps all. 40 by default.</summary>
    public int? TopK { get; init => field = Checked(value, value is null or >= 0, nameof(TopK), "0 or more"); }

    /// <summary>Keeps the fewest likeliest tokens whose probabilities sum to at least this, above 0 and at most 1; 1 keeps all. 0.95 by default.</summary>
    public float? TopP { get; init => field = Checked(value, value is null or (> 0 and <= 1), nameof(TopP), "above 0 and at most 1"); }

    /// <summary>Keeps tokens at least this times as likely as the likeliest, 0 to 1; 0 keeps all. 0.05 by default.</summary>
    public float? MinP { get; init => field = Checked(value, IsShare(value), nameof(MinP), "from 0 to 1"); }

    /// <summary>
    /// Keeps the tokens whose surprise is nearest to what is to be expected, as few as sum to more than this probability (Meister et al., 2022), above 0 and at
    /// most 1; 1, the default, keeps all.
    /// </summary>
    public float? TypicalP { get; init => field = Checked(value, value is null or (> 0 and <= 1), nameof(TypicalP), "above 0 and at most 1"); }

    /// <summary>Keeps tokens whose logit is at most so many standard deviations below the largest (Tang et al., 2024); 0, the default, keeps all.</summary>
    public float? TopNSigma { get; init => field = Checked(value, IsAmount(value), nameof(TopNSigma), "0 or a positive finite number"); }

    /// <summary>How often XTC (exclude top choices) leaves out all tokens that are likely enough but the least likely of them, 0 to 1; 0, the default, is
    /// never.</summary>
    public float? XtcProbability { get; init => field = Checked(value, IsShare(value), nameof(XtcProbability), "from 0 to 1"); }

    /// <summary>How likely is likely enough for XTC, 0 to 1; above 0.5 nothing is. 0.1 by default.</summary>
    public float? XtcThreshold { get; init => field = Checked(value, IsShare(value), nameof(XtcThreshold), "from 0 to 1"); }

    /// <summary>Makes tokens among the last <see cref="PenaltyWindow"/> less likely: divides a positive logit, multiplies a negative one (Keskar et al., 2019);
    /// 1, the default, changes nothing. From 0.001 to 1000.</summary>
    public float? RepetitionPenalty
    {
        get;
        init => field = Checked(value, value is null or (>= LeastPenalty and <= MostPenalty), nameof(RepetitionPenalty), "from 0.001 to 1000");
    }

    /// <summary>Is taken from a token's logit for each time that it stands among the last <see cref="PenaltyWindow"/>; 0, the default, changes nothing. From
    /// −1000 to 1000.</summary>
    public float? FrequencyPenalty { get; init => field = Checked(value, IsBias(value), nameof(FrequencyPenalty), "from -1000 to 1000"); }

    /// <summary>Is taken from a token's logit if it stands among the last <see cref="PenaltyWindow"/>; 0, the default, changes nothing. From −1000 to
    /// 1000.</summary>
    public float? PresencePenalty { get; init => field = Checked(value, IsBias(value), nameof(PresencePenalty), "from -1000 to 1000"); }

    /// <summary>How many of the last tokens, those of the prompt among them, the three penalties look at; 0 is none and −1 all. 64 by default.</summary>
    public int? PenaltyWindow { get; init => field = Checked(value, value is null or >= -1, nameof(PenaltyWindow), "-1 or more"); }

    /// <summary>
    /// DRY (don't repeat yourself): the token that would make a repeated sequence longer loses this times <see cref="DryBase"/> to the power of by how much the
    /// sequence exceeds <see cref="DryAllowedLength"/>. 0, the default, is off.
    /// </summary>
    public float? DryMultiplier { get; init => field = Checked(value, IsAmount(value), nameof(DryMultiplier), "0 or a positive finite number"); }

    /// <summary>How DRY's penalty grows with each token of a repeated sequence, 1 or more; 1.75 by default.</summary>
    public float? DryBase { get; init => field = Checked(value, value is null || (value >= 1 && float.IsFinite(value.Value)), nameof(DryBase), "1 or more"); }

    /// <summary>The longest sequence that DRY lets be repeated, 0 or more; 2 by default.</summary>
    public int? DryAllowedLength { get; init => field = Checked(value, value is null or >= 0, nameof(DryAllowedLength), "0 or more"); }

    /// <summary>How many of the last tokens DRY looks for repetitions in; 0 is none and −1, the default, all.</summary>
    public int? DryWindow { get; init => field = Checked(value, value is null or >= -1, nameof(DryWindow), "-1 or more"); }

    /// <summary>
    /// Texts that a repeated sequence does not reach over, each of 1 to 40 characters; a line break, a colon, a quotation mark and an asterisk by default. The
    /// list is copied.
    /// </summary>
    public IReadOnlyList<string>? DrySequenceBreakers
    {
        get;
        init
        {
            string[]? breakers = value is null ? null : [.. value];
            if (breakers is { Length: > MostBreakers } || breakers?.Any(each => each is not { Length: > 0 and <= MostBreakerLength }) == true)
                throw new ArgumentException($"At most {MostBreakers} sequence breakers of 1 to {MostBreakerLength} characters.", nameof(DrySequenceBreakers));
            field = breakers is null ? null : Array.AsReadOnly(breakers);
        }
    }

    /// <summary>Whether Mirostat 2 chooses how many tokens to draw from, so that each surprises as much as was asked for (Basu et al., 2021).</summary>
    public bool? Mirostat { get; init; }

    /// <summary>The surprise that Mirostat aims at, in bits; 5 by default.</summary>
    public float? MirostatTau { get; init => field = Checked(value, IsAmount(value), nameof(MirostatTau), "0 or a positive finite number"); }

    /// <summary>How fast Mirostat learns; 0.1 by default.</summary>
    public float? MirostatEta { get; init => field = Checked(value, IsAmount(value), nameof(MirostatEta), "0 or a positive finite number"); }

    /// <summary>What is added to the logits of some tokens, by their ids; −∞ forbids a token. The dictionary is copied.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias
    {
        get;
        init
        {
            if (value?.Any(each => each.Key < 0 || float.IsNaN(each.Value) || each.Value == float.PositiveInfinity) == true)
                throw new ArgumentOutOfRangeException(nameof(LogitBias), "A bias belongs to a token id, 0 or more, and is a finite number or -infinity.");
            field = value is null ? null : new ReadOnlyDictionary<int, float>(new Dictionary<int, float>(value));
        }
    }

    /// <summary>
    /// The samplers in the order in which they apply, by llama.cpp's names; one that is not named does not apply, whatever its options say.
    /// <see cref="DefaultSamplers"/> by default. A name that is unknown or stands twice is refused (<see cref="ArgumentException"/>).
    /// </summary>
    public IReadOnlyList<string>? Samplers
    {
        get;
        init => field = value is null ? null : Array.AsReadOnly(Known(value, nameof(Samplers)));
    }

    /// <summary>Makes sampling repeatable; null takes a new seed each time.</summary>
    public int? Seed { get; init; }

    /// <summary>These options, and where they leave something open those of others.</summary>
    /// <param name="defaults">Mostly what a model's files say.</param>
    public SamplingOptions Over(SamplingOptions defaults)
    {
        ArgumentNullException.ThrowIfNull(defaults);
        return new()
        {
            Temperature = Temperature ?? defaults.Temperature,
            DynamicTemperatureRange = DynamicTemperatureRange ?? defaults.DynamicTemperatureRange,
            DynamicTemperatureExponent = DynamicTemperatureExponent ?? defaults.DynamicTemperatureExponent,
            TopK = TopK ?? defaults.TopK,
            TopP = TopP ?? defaults.TopP,
            MinP = MinP ?? defaults.MinP,
            TypicalP = TypicalP ?? defaults.TypicalP,
            TopNSigma = TopNSigma ?? defaults.TopNSigma,
            XtcProbability = XtcProbability ?? defaults.XtcProbability,
            XtcThreshold = XtcThreshold ?? defaults.XtcThreshold,
            RepetitionPenalty = RepetitionPenalty ?? defaults.RepetitionPenalty,
            FrequencyPenalty = FrequencyPenalty ?? defaults.FrequencyPenalty,
            PresencePenalty = PresencePenalty ?? defaults.PresencePenalty,
            PenaltyWindow = PenaltyWindow ?? defaults.PenaltyWindow,
            DryMultiplier = DryMultiplier ?? defaults.DryMultiplier,
            DryBase = DryBase ?? defaults.DryBase,
            DryAllowedLength = DryAllowedLength ?? defaults.DryAllowedLength,
            DryWindow = DryWindow ?? defaults.DryWindow,
            DrySequenceBreakers = DrySequenceBreakers ?? defaults.DrySequenceBreakers,
            Mirostat = Mirostat ?? defaults.Mirostat,
            MirostatTau = MirostatTau ?? defaults.MirostatTau,
            MirostatEta = MirostatEta ?? defaults.MirostatEta,
            LogitBias = LogitBias ?? defaults.LogitBias,
            Samplers = Samplers ?? defaults.Samplers,
            Seed = Seed ?? defaults.Seed,
        };
    }

    private protected static T Checked<T>(T value, bool fits, string name, string range) =>
        fits ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be {range}.");

    private static bool IsAmount(float? value) => value is null || (value >= 0 && float.IsFinite(value.Value));

    private static bool IsShare(float? value) => value is null or (>= 0 and <= 1);

    private static bool IsBias(float? value) => value is null or (>= -MostPenalty and <= MostPenalty);

    private static string[] Known(IEnumerable<string> samplers, string option)
    {
        List<string> names = [];
        foreach (string each in samplers)
        {
            if (each is null || !SamplerNames.TryParse(each, out SamplerKind kind))
                throw new ArgumentException($"There is no sampler {UntrustedText.Quote(each ?? "")}; there are {string.Join(", ", DefaultSamplers)}.", option);
            string name = SamplerNames.NameOf(kind);
            names.Add(names.Contains(name) ? throw new ArgumentException($"The sampler {name} stands twice in the order.", option) : name);
        }
        return [.. names];
    }
}
