using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using MeKi.Model.Generation;
using MeKi.Model.Sampling;

namespace MeKi.Tool;

/// <summary>The options of a command that generates text, by llama.cpp's names. What is not given is as the model's files say.</summary>
internal sealed class SamplingFlags
{
    private readonly NumberOption<int> _tokens;
    private readonly NumberOption<float> _temperature = Amount("--temp", ["--temperature"], "Temperature; 0 is greedy.", 0, 1000, "0.8");
    private readonly NumberOption<int> _topK = Count("--top-k", "Keep the k likeliest tokens; 0 keeps all.", 0, "40");
    private readonly NumberOption<float> _topP = Amount("--top-p", [], "Keep the likeliest tokens up to this sum of probabilities.", 0.0001f, 1, "0.95");
    private readonly NumberOption<float> _minP = Amount("--min-p", [], "Keep tokens this times as likely as the likeliest.", 0, 1, "0.05");
    private readonly NumberOption<float> _typical =
        Amount("--typical", [], "Keep the tokens of typical surprise up to this sum of probabilities.", 0.0001f, 1, "1, off");
    private readonly NumberOption<float> _nSigma =
        Amount("--top-nsigma", [], "Keep tokens so many standard deviations below the likeliest.", 0, 1000, "0, off");
    private readonly NumberOption<float> _xtc = Amount("--xtc-probability", [], "How often XTC leaves the likeliest tokens out.", 0, 1, "0, off");
    private readonly NumberOption<float> _xtcThreshold = Amount("--xtc-threshold", [], "How likely is likely enough for XTC.", 0, 1, "0.1");
    private readonly NumberOption<float> _repeat = Amount("--repeat-penalty", [], "Make recent tokens less likely; 1 is off.", 0.001f, 1000, "1");
    private readonly NumberOption<float> _frequency =
        Amount("--frequency-penalty", [], "Take this from a token for each time it came recently.", -1000, 1000, "0, off");
    private readonly NumberOption<float> _presence = Amount("--presence-penalty", [], "Take this from each recent token.", -1000, 1000, "0, off");
    private readonly NumberOption<int> _recent = Count("--repeat-last-n", "How many tokens are recent; -1 is all.", -1, "64");
    private readonly NumberOption<float> _dry = Amount("--dry-multiplier", [], "Strength of DRY, which keeps sequences from being repeated.", 0, 1000,
        "0, off");
    private readonly NumberOption<float> _dryBase = Amount("--dry-base", [], "How DRY grows with each repeated token.", 1, 1000, "1.75");
    private readonly NumberOption<int> _dryLength = Count("--dry-allowed-length", "The longest sequence that DRY lets be repeated.", 0, "2");
    private readonly NumberOption<int> _dryRecent = Count("--dry-penalty-last-n", "How many tokens DRY looks at; -1 is all.", -1, "-1");
    private readonly Option<string?> _mirostat = new("--mirostat")
    {
        Description = "2 lets Mirostat 2 choose how many tokens to draw from; 0 does not. Default: 0.",
        HelpName = "VERSION",
    };

    private readonly NumberOption<float> _tau = Amount("--mirostat-ent", [], "The surprise that Mirostat aims at, in bits.", 0, 1000, "5");
    private readonly NumberOption<float> _eta = Amount("--mirostat-lr", [], "How fast Mirostat learns.", 0, 1000, "0.1");
    private readonly NumberOption<int> _lookup = new("--lookup", [],
        "Guess up to so many tokens at once from the text so far; the same text, in fewer passes where it repeats itself. 0 is off.", 0, 15, 0);

    private readonly NumberOption<int> _seed = new("--seed", ["-s"], "Make sampling repeatable.", int.MinValue, int.MaxValue);
    private readonly Option<string?> _samplers = new("--samplers")
    {
        Description = $"The samplers in their order. Default: {string.Join(';', SamplingOptions.DefaultSamplers)}.",
        HelpName = "NAME;NAME",
    };

    private readonly Option<KeyValuePair<int, float>[]> _bias = new("--logit-bias", "-l")
    {
        Description = "Add to the logit of a token, as 15043+1 or 15043-1; several times if need be. 15043-inf forbids it.",
        HelpName = "ID(+|-)N",
        CustomParser = argument => [.. argument.Tokens.Select(token => Bias(argument, token.Value))],
    };

    /// <param name="maxTokens">The most tokens where the user says nothing.</param>
    public SamplingFlags(int maxTokens)
    {
        _tokens = new("--max-tokens", ["-n"], "The most tokens to generate.", 0, int.MaxValue, maxTokens);
        _samplers.Validators.Add(result =>
        {
            try
            {
                _ = new SamplingOptions { Samplers = Names(result.GetValueOrDefault<string?>()) };
            }
            catch (ArgumentException failure)
            {
                result.AddError($"--samplers: {failure.Message.Split(" (Parameter")[0]}");
            }
        });
        _mirostat.AcceptOnlyFromAmong("0", "2");
    }

    public void AddTo(Command command) => Array.ForEach<Option>(
        [
            _tokens, _temperature, _topK, _topP, _minP, _typical, _nSigma, _xtc, _xtcThreshold, _repeat, _frequency, _presence, _recent,
            _dry, _dryBase, _dryLength, _dryRecent, _mirostat, _tau, _eta, _samplers, _bias, _seed, _lookup,
        ],
        command.Add);

    public GenerationOptions Of(ParseResult parsed) => new()
    {
        MaxTokens = _tokens.Of(parsed),
        Temperature = parsed.GetValue(_temperature),
        TopK = parsed.GetValue(_topK),
        TopP = parsed.GetValue(_topP),
        MinP = parsed.GetValue(_minP),
        TypicalP = parsed.GetValue(_typical),
        TopNSigma = parsed.GetValue(_nSigma),
        XtcProbability = parsed.GetValue(_xtc),
        XtcThreshold = parsed.GetValue(_xtcThreshold),
        RepetitionPenalty = parsed.GetValue(_repeat),
        FrequencyPenalty = parsed.GetValue(_frequency),
        PresencePenalty = parsed.GetValue(_presence),
        PenaltyWindow = parsed.GetValue(_recent),
        DryMultiplier = parsed.GetValue(_dry),
        DryBase = parsed.GetValue(_dryBase),
        DryAllowedLength = parsed.GetValue(_dryLength),
        DryWindow = parsed.GetValue(_dryRecent),
        Mirostat = parsed.GetValue(_mirostat) is { } version ? version == "2" : null,
        MirostatTau = parsed.GetValue(_tau),
        MirostatEta = parsed.GetValue(_eta),
        Samplers = Names(parsed.GetValue(_samplers)),
        LogitBias = parsed.GetValue(_bias) is { Length: > 0 } biases
            ? biases.GroupBy(each => each.Key).ToDictionary(each => each.Key, each => each.Last().Value) : null,
        Seed = parsed.GetValue(_seed),
        PromptLookup = _lookup.Of(parsed),
    };

    private static NumberOption<float> Amount(string name, string[] aliases, string description, float least, float most, string fallback) =>
        new(name, aliases, $"{description} Default: the model's, or {fallback}.", least, most);

    private static NumberOption<int> Count(string name, string description, int least, string fallback) =>
        new(name, [], $"{description} Default: the model's, or {fallback}.", least, int.MaxValue);

    private static string[]? Names(string? list) => list?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static KeyValuePair<int, float> Bias(ArgumentResult argument, string text)
    {
        int sign = text.IndexOfAny(['+', '-'], Math.Min(1, text.Length));
        string amount = sign < 0 ? "" : text[sign..].TrimStart('+');
        if (sign > 0 && int.TryParse(text[..sign], NumberStyles.None, CultureInfo.InvariantCulture, out int id))
        {
            if (amount is "-inf" or "-infinity" or "false")
                return new(id, float.NegativeInfinity);
            if (float.TryParse(amount, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out float bias)
                && float.IsFinite(bias))
                return new(id, bias);
        }
        argument.AddError($"--logit-bias takes a token id and what to add, as 15043+1 or 15043-inf, not '{text}'.");
        return default;
    }
}
