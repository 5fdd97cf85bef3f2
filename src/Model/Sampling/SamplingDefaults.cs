using System.Globalization;
using System.Text.Json;
using MeKi.Model.Files;
using MeKi.Model.Gguf;

namespace MeKi.Model.Sampling;

/// <summary>
/// What a model's files say of how to sample. A value that makes no sense is left out with a warning: the model works without.
/// </summary>
internal sealed class SamplingDefaults
{
    private readonly List<string> _warnings;

    private SamplingDefaults(List<string> warnings) => _warnings = warnings;

    private SamplingOptions Options { get; set; } = new();

    /// <summary>The keys <c>general.sampling.*</c>, as llama.cpp writes them.</summary>
    public static SamplingOptions Of(GgufMetadata metadata, List<string> warnings)
    {
        const string Prefix = "general.sampling.";
        SamplingDefaults defaults = new(warnings);
        foreach ((string key, object value) in metadata)
        {
            if (!key.StartsWith(Prefix, StringComparison.Ordinal))
                continue;
            string name = key[Prefix.Length..];
            if (name == "sequence")
                defaults.SetOrder(key, value as string);
            else
                defaults.Set(key, FromGguf(name), NumberOf(value));
        }
        return defaults.Options;
    }

    /// <summary>A checkpoint's <c>generation_config.json</c>; empty where the folder has none.</summary>
    public static SamplingOptions OfFolder(string folder, List<string> warnings)
    {
        const string File = "generation_config.json";
        string path = Path.Combine(folder, File);
        SamplingDefaults defaults = new(warnings);
        if (!System.IO.File.Exists(path))
            return defaults.Options;
        return JsonPlace.Read(path, root =>
        {
            foreach (string name in (ReadOnlySpan<string>)["temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty"])
            {
                if (root.TryField(name) is { } field)
                    defaults.Set($"{File}, {field.Place}", name, field.Element.ValueKind == JsonValueKind.Number ? field.Element.GetDouble() : double.NaN);
            }
            return defaults.Options;
        });
    }

    private static string FromGguf(string name) => name switch
    {
        "temp" => "temperature",
        "penalty_repeat" => "repetition_penalty",
        _ => name,
    };

    private static double NumberOf(object value) => value switch
    {
        float or double or byte or sbyte or ushort or short or uint or int or ulong or long => Convert.ToDouble(value, CultureInfo.InvariantCulture),
        _ => double.NaN,
    };

    // Others write values beyond the range for "off".
    private void Set(string place, string name, double value)
    {
        try
        {
            SamplingOptions before = Options;
            Options = name switch
            {
                _ when !double.IsFinite(value) => throw new ArgumentException("It is not a number."),
                "temperature" => before with { Temperature = (float)Math.Max(value, 0) },
                "top_k" => before with { TopK = Whole(Math.Max(value, 0)) },
                "top_p" => before with { TopP = (float)Math.Min(value, 1) },
                "min_p" => before with { MinP = (float)Math.Max(value, 0) },
                "typical_p" => before with { TypicalP = (float)Math.Min(value, 1) },
                "repetition_penalty" => before with { RepetitionPenalty = (float)value },
                "penalty_last_n" => before with { PenaltyWindow = Whole(Math.Max(value, -1)) },
                "xtc_probability" => before with { XtcProbability = (float)Math.Max(value, 0) },
                "xtc_threshold" => before with { XtcThreshold = (float)value },
                "mirostat" => before with { Mirostat = value > 0 },
                "mirostat_tau" => before with { MirostatTau = (float)value },
                "mirostat_eta" => before with { MirostatEta = (float)value },
                _ => before,
            };
        }
        catch (ArgumentException exception)
        {
            // The message's first line: the second repeats the value.
            _warnings.Add($"{UntrustedText.Line(place, 80)} is ignored: {exception.Message.Split('\n')[0]}");
        }
    }

    private static int Whole(double value) =>
        value == Math.Floor(value) && value <= int.MaxValue ? (int)value : throw new ArgumentException("It is not an integer.");

    private void SetOrder(string place, string? names)
    {
        List<string> known = [];
        foreach (string name in (names ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (SamplerNames.TryParse(name, out SamplerKind kind) && !known.Contains(SamplerNames.NameOf(kind)))
                known.Add(SamplerNames.NameOf(kind));
            else
                _warnings.Add($"{place}: the sampler {UntrustedText.Quote(name)} is unknown or stands twice and is ignored");
        }
        if (known.Count > 0)
            Options = Options with { Samplers = known };
    }
}
