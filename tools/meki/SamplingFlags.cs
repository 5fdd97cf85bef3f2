using System.CommandLine;
using MeKi.Model.Generation;

namespace MeKi.Tool;

/// <summary>The options of a command that generates text.</summary>
internal sealed class SamplingFlags
{
    private static readonly GenerationOptions Defaults = new();

    private readonly NumberOption<int> _tokens;
    private readonly NumberOption<float> _temperature = new("--temp", ["--temperature"], "Temperature; 0 is greedy.", 0, 1000, Defaults.Temperature);
    private readonly NumberOption<int> _topK = new("--top-k", [], "Keep the k likeliest tokens; 0 keeps all.", 0, int.MaxValue, Defaults.TopK);
    private readonly NumberOption<float> _topP = new("--top-p", [], "Keep the likeliest tokens up to this sum of probabilities.", 0.0001f, 1, Defaults.TopP);
    private readonly NumberOption<float> _minP = new("--min-p", [], "Keep tokens this times as likely as the likeliest.", 0, 1, Defaults.MinP);
    private readonly NumberOption<float> _penalty =
        new("--repeat-penalty", [], "Make recent tokens less likely; 1 is off.", 0.001f, 1000, Defaults.RepetitionPenalty);
    private readonly NumberOption<int> _seed = new("--seed", ["-s"], "Make sampling repeatable.", int.MinValue, int.MaxValue);

    /// <param name="maxTokens">The most tokens where the user says nothing.</param>
    public SamplingFlags(int maxTokens) => _tokens = new("--max-tokens", ["-n"], "The most tokens to generate.", 0, int.MaxValue, maxTokens);

    public void AddTo(Command command) => Array.ForEach<Option>([_tokens, _temperature, _topK, _topP, _minP, _penalty, _seed], command.Add);

    public GenerationOptions Of(ParseResult parsed) => new()
    {
        MaxTokens = _tokens.Of(parsed),
        Temperature = _temperature.Of(parsed),
        TopK = _topK.Of(parsed),
        TopP = _topP.Of(parsed),
        MinP = _minP.Of(parsed),
        RepetitionPenalty = _penalty.Of(parsed),
        Seed = parsed.GetValue(_seed),
    };
}
