using MeKi.Model.Gguf;
using MeKi.Model.Sampling;
using MeKi.Model.Tests.Files;

namespace MeKi.Model.Tests.Sampling;

public sealed class SamplingOptionsTests
{
    public static TheoryData<string, Func<SamplingOptions>> Bad { get; } = new()
    {
        { "Temperature", () => new() { Temperature = -1 } },
        { "Temperature", () => new() { Temperature = float.NaN } },
        { "DynamicTemperatureRange", () => new() { DynamicTemperatureRange = -1 } },
        { "DynamicTemperatureExponent", () => new() { DynamicTemperatureExponent = float.PositiveInfinity } },
        { "TopK", () => new() { TopK = -1 } },
        { "TopP", () => new() { TopP = 0 } },
        { "TopP", () => new() { TopP = 1.01f } },
        { "TopP", () => new() { TopP = float.NaN } },
        { "MinP", () => new() { MinP = 1.01f } },
        { "TypicalP", () => new() { TypicalP = 0 } },
        { "TopNSigma", () => new() { TopNSigma = -1 } },
        { "XtcProbability", () => new() { XtcProbability = 1.5f } },
        { "XtcThreshold", () => new() { XtcThreshold = -0.1f } },
        { "RepetitionPenalty", () => new() { RepetitionPenalty = 0 } },
        { "FrequencyPenalty", () => new() { FrequencyPenalty = 1001 } },
        { "PresencePenalty", () => new() { PresencePenalty = float.NaN } },
        { "PenaltyWindow", () => new() { PenaltyWindow = -2 } },
        { "DryMultiplier", () => new() { DryMultiplier = -1 } },
        { "DryBase", () => new() { DryBase = 0.9f } },
        { "DryAllowedLength", () => new() { DryAllowedLength = -1 } },
        { "DryWindow", () => new() { DryWindow = -2 } },
        { "DrySequenceBreakers", () => new() { DrySequenceBreakers = ["a", ""] } },
        { "MirostatTau", () => new() { MirostatTau = -1 } },
        { "MirostatEta", () => new() { MirostatEta = float.NaN } },
        { "LogitBias", () => new() { LogitBias = new Dictionary<int, float> { [-1] = 0 } } },
        { "LogitBias", () => new() { LogitBias = new Dictionary<int, float> { [1] = float.NaN } } },
        { "Samplers", () => new() { Samplers = ["top_k", "tok_p"] } },
        { "Samplers", () => new() { Samplers = ["top_p", "nucleus"] } },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void A_value_outside_its_range_is_refused_where_it_is_set(string option, Func<SamplingOptions> set) =>
        Assert.Equal(option, Assert.ThrowsAny<ArgumentException>(set).ParamName);

    [Fact]
    public void Names_are_llama_cpps_in_any_spelling()
    {
        Assert.Equal(["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"], SamplingOptions.DefaultSamplers);
        Assert.Equal(["top_k", "top_p", "typ_p", "temperature"], new SamplingOptions { Samplers = ["Top-K", "nucleus", "typical", " temp"] }.Samplers);
    }

    [Fact]
    public void What_a_user_leaves_open_is_the_models()
    {
        SamplingOptions both = new SamplingOptions { TopK = 3, Seed = 1 }.Over(new() { TopK = 5, TopP = 0.5f, Samplers = ["top_k"] });
        Assert.Equal((3, 0.5f, 1, null), (both.TopK, both.TopP, both.Seed, both.MinP));
        Assert.Equal(["top_k"], both.Samplers);
        // Every option is there.
        SamplingOptions full = new()
        {
            Temperature = 2, DynamicTemperatureRange = 1, DynamicTemperatureExponent = 2, TopK = 2, TopP = 0.2f, MinP = 0.2f, TypicalP = 0.2f, TopNSigma = 2,
            XtcProbability = 0.2f, XtcThreshold = 0.2f, RepetitionPenalty = 2, FrequencyPenalty = 2, PresencePenalty = 2, PenaltyWindow = 2, DryMultiplier = 2,
            DryBase = 2, DryAllowedLength = 3, DryWindow = 2, DrySequenceBreakers = ["x"], Mirostat = true, MirostatTau = 2, MirostatEta = 2,
            LogitBias = new Dictionary<int, float> { [1] = 2 }, Samplers = ["xtc"], Seed = 2,
        };
        Assert.DoesNotContain("= ,", full.ToString(), StringComparison.Ordinal);
        Assert.Equal(full.ToString(), new SamplingOptions().Over(full).ToString());
        Assert.Equal(full.ToString(), full.Over(new()).ToString());
    }

    [Fact]
    public void Defaults_come_from_a_gguf_files_keys()
    {
        List<string> warnings = [];
        SamplingOptions options = SamplingDefaults.Of(
            new GgufMetadata("model.gguf")
            {
                ["general.sampling.temp"] = 0.6f,
                ["general.sampling.top_k"] = 20,
                ["general.sampling.top_p"] = 1.5f,
                ["general.sampling.min_p"] = 0,
                ["general.sampling.penalty_repeat"] = 1.05f,
                ["general.sampling.penalty_last_n"] = -1L,
                ["general.sampling.xtc_probability"] = 0.5,
                ["general.sampling.xtc_threshold"] = 0.2f,
                ["general.sampling.mirostat"] = 2,
                ["general.sampling.mirostat_tau"] = 4f,
                ["general.sampling.mirostat_eta"] = 0.2f,
                ["general.sampling.sequence"] = "top_k;topp;temperature;top_k",
                ["general.sampling.new"] = "x",
                ["general.name"] = "x",
            },
            warnings);
        Assert.Equal(
            new SamplingOptions
            {
                Temperature = 0.6f, TopK = 20, TopP = 1, MinP = 0, RepetitionPenalty = 1.05f, PenaltyWindow = -1, XtcProbability = 0.5f, XtcThreshold = 0.2f,
                Mirostat = true, MirostatTau = 4, MirostatEta = 0.2f,
            },
            options with { Samplers = null });
        Assert.Equal(["top_k", "temperature"], options.Samplers);
        Assert.Equal(3, warnings.Count);
    }

    [Fact]
    public void Values_that_make_no_sense_are_left_out_with_a_warning()
    {
        List<string> warnings = [];
        SamplingOptions options = SamplingDefaults.Of(
            new GgufMetadata("model.gguf")
            {
                ["general.sampling.temp"] = "warm",
                ["general.sampling.top_k"] = 2.5f,
                ["general.sampling.top_p"] = 0f,
                ["general.sampling.min_p"] = float.NaN,
                ["general.sampling.penalty_repeat"] = -1f,
                ["general.sampling.sequence"] = 5,
                ["general.sampling.mirostat_tau"] = new[] { 1f },
            },
            warnings);
        Assert.Equal(new SamplingOptions(), options);
        Assert.Equal(6, warnings.Count);
        Assert.All(warnings, warning => Assert.Contains("general.sampling.", warning, StringComparison.Ordinal));
    }

    [Fact]
    public void Defaults_come_from_generation_config()
    {
        using TemporaryFolder folder = new();
        List<string> warnings = [];
        Assert.Equal(new SamplingOptions(), SamplingDefaults.OfFolder(folder.FullName, warnings));
        folder.Add(
            "generation_config.json",
            """{"do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "repetition_penalty": 1.1, "min_p": null, "typical_p": "x"}"""u8);
        Assert.Equal(
            new SamplingOptions { Temperature = 0.6f, TopK = 20, TopP = 0.95f, RepetitionPenalty = 1.1f },
            SamplingDefaults.OfFolder(folder.FullName, warnings));
        Assert.Contains("$.typical_p", Assert.Single(warnings), StringComparison.Ordinal);
    }
}
