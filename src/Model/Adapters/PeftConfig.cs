using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using MeKi.Model.Files;

namespace MeKi.Model.Adapters;

/// <summary>What <c>adapter_config.json</c> says, as PEFT reads it.</summary>
internal sealed class PeftConfig
{
    public const string FileName = "adapter_config.json";

    // Below a second for any pattern that people write; one that backtracks without end is refused.
    private static readonly TimeSpan s_mostTime = TimeSpan.FromSeconds(1);
    private const int MostPatterns = 1 << 16;

    // What they begin with is subtracted from the base's weights, so that the adapter fits no base but the changed one.
    private static readonly string[] s_changingStarts = ["pissa", "olora", "corda", "loftq", "lora_ga"];

    private readonly List<(Func<string, bool> Matches, float Value)> _ranks, _alphas;
    private readonly Func<string, bool>? _targets, _excluded;
    private readonly HashSet<int>? _layers;
    private readonly List<Regex> _layerPatterns;
    private readonly int _rank;
    private readonly float _alpha;
    private readonly bool _dividesByRoot;

    private PeftConfig(JsonPlace json)
    {
        RefuseOthers(json);
        _rank = json.TryInt("r") ?? 8;
        if (_rank < 1)
            throw json.Field("r").Fault($"is {_rank}, which is no rank", "Correct it");
        _alpha = Finite(json, "lora_alpha") ?? 8;
        _dividesByRoot = json.Flag("use_rslora");
        _ranks = Patterns(json, "rank_pattern");
        _alphas = Patterns(json, "alpha_pattern");
        _targets = json.TryField("target_modules") is { } targets ? Modules(targets, isTarget: true) : null;
        _excluded = json.TryField("exclude_modules") is { } excluded ? Modules(excluded, isTarget: false) : null;
        _layers = json.TryField("layers_to_transform") is not { } layers ? null
            : layers.Element.ValueKind == JsonValueKind.Array ? [.. layers.Items().Select(Integer)] : [Integer(layers)];
        _layerPatterns = json.TryField("layers_pattern") is not { } pattern ? []
            : [.. Texts(pattern).Where(text => text.Text().Length > 0).Select(text => Compile(text, $@"\A.*\.{text.Text()}\.(\d+)\."))];
        if (_layerPatterns.Count == 0)
            _layerPatterns.Add(new(@"\A.*\.[^.]*\.(\d+)\.", RegexOptions.CultureInvariant, s_mostTime));
    }

    /// <exception cref="ModelFileException">The file cannot be read, or tells of an adapter that is none of plain low rank.</exception>
    public static PeftConfig Read(string path) => JsonPlace.Read(path, json => new PeftConfig(json));

    /// <summary>The rank of a module's factors.</summary>
    public int RankOf(string module) => (int)Find(_ranks, module, _rank);

    /// <summary>What the product of a module's factors is multiplied with.</summary>
    public float ScaleOf(string module)
    {
        float alpha = Find(_alphas, module, _alpha);
        int rank = RankOf(module);
        return _dividesByRoot ? (float)(alpha / Math.Sqrt(rank)) : alpha / rank;
    }

    /// <summary>Whether a module is one that PEFT would give factors.</summary>
    public bool Targets(string module)
    {
        if (_excluded?.Invoke(module) == true || _targets?.Invoke(module) == false)
            return false;
        if (_layers is not { Count: > 0 })
            return true;
        foreach (Regex pattern in _layerPatterns)
        {
            if (pattern.Match(module) is { Success: true } match)
                return int.TryParse(match.Groups[1].Value, CultureInfo.InvariantCulture, out int layer) && _layers.Contains(layer);
        }
        return false;
    }

    // Anything else that changes what is computed; an adapter that is taken for a plain one computes something else than what was trained.
    private static void RefuseOthers(JsonPlace json)
    {
        if (json.TryText("peft_type") is { } type && type != "LORA")
            throw json.Field("peft_type").Fault($"is {UntrustedText.Quote(type)}", "Adapters of the type LORA run");
        foreach ((string name, string what) in new[]
        {
            ("use_dora", "DoRA"), ("lora_bias", "a bias beside lora_B"), ("use_qalora", "QALoRA"), ("use_bdlora", "block-diagonal LoRA"),
        })
        {
            if (json.TryField(name) is { Element.ValueKind: not JsonValueKind.False })
                throw json.Field(name).Fault($"asks for {what}, which does not run", "Train without it, or merge the adapter into its base with PEFT");
        }
        if (json.TryText("bias") is { } bias && bias != "none")
            throw json.Field("bias").Fault($"is {UntrustedText.Quote(bias)}: trained biases do not run", "Merge the adapter into its base with PEFT");
        foreach (string name in new[]
        {
            "modules_to_save", "trainable_token_indices", "target_parameters", "layer_replication", "alora_invocation_tokens", "arrow_config",
            "megatron_config",
        })
        {
            if (json.TryField(name) is { } field && !IsEmpty(field.Element))
                throw field.Fault("does not run: the adapter is more than low-rank factors", "Merge it into its base with PEFT");
        }
        if (json.TryField("init_lora_weights") is { Element.ValueKind: JsonValueKind.String } start
            && s_changingStarts.Any(each => start.Text().StartsWith(each, StringComparison.OrdinalIgnoreCase)))
            throw start.Fault($"is {UntrustedText.Quote(start.Text())}: the adapter belongs to a base whose weights were changed",
                "Save it with path_initial_model_for_weight_conversion, or merge it into its base with PEFT");
    }

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.False => true,
        _ => false,
    };

    private static float? Finite(JsonPlace json, string name) => json.TryFloat(name) is not { } value ? null
        : float.IsFinite(value) ? value : throw json.Field(name).Fault("is beyond any number", "Correct it");

    private static int Integer(JsonPlace json) =>
        json.Element.ValueKind == JsonValueKind.Number && json.Element.TryGetInt32(out int value) ? value : throw json.Fault("is not an integer", "Correct it");

    private static IEnumerable<JsonPlace> Texts(JsonPlace json) => json.Element.ValueKind == JsonValueKind.Array ? json.Items() : [json];

    private static float Find(List<(Func<string, bool> Matches, float Value)> patterns, string module, float otherwise)
    {
        foreach ((Func<string, bool> matches, float value) in patterns)
        {
            if (matches(module))
                return value;
        }
        return otherwise;
    }

    private static List<(Func<string, bool> Matches, float Value)> Patterns(JsonPlace json, string name)
    {
        if (json.TryField(name) is not { } field)
            return [];
        if (field.Element.ValueKind != JsonValueKind.Object)
            throw field.Fault("is not an object", "Correct it");
        List<(Func<string, bool>, float)> patterns = [];
        foreach (JsonProperty property in field.Element.EnumerateObject())
        {
            if (patterns.Count == MostPatterns)
                throw field.Fault($"has more than {MostPatterns} patterns", "Check that it is the right file");
            JsonPlace place = field.Field(property.Name);
            float value = place.Number();
            bool isRank = name == "rank_pattern";
            if (!float.IsFinite(value) || (isRank && (value < 1 || value > int.MaxValue || value != MathF.Floor(value))))
                throw place.Fault(isRank ? "is no rank" : "is beyond any number", "Correct it");
            patterns.Add((Suffix(place, property.Name), value));
        }
        return patterns;
    }

    // A name or the end of one behind a dot; what is more than a name is a regular expression.
    private static Func<string, bool> Suffix(JsonPlace place, string pattern)
    {
        if (IsPlain(pattern))
            return module => EndsWith(module, pattern);
        Regex regex = Compile(place, $@"\A(^|.*\.)(?:{pattern})\z");
        return module => IsMatch(regex, module, place);
    }

    private static Func<string, bool> Modules(JsonPlace json, bool isTarget)
    {
        if (json.Element.ValueKind == JsonValueKind.Array)
        {
            HashSet<string> names = [.. json.Items().Select(item => item.Text())];
            // Names may have dots of their own: each end of the module's.
            return module =>
            {
                for (int at = 0; at >= 0; at = module.IndexOf('.', at) is >= 0 and int dot ? dot + 1 : -1)
                {
                    if (names.Contains(module[at..]))
                        return true;
                }
                return false;
            };
        }
        string pattern = json.Text();
        if (isTarget && pattern.Equals("all-linear", StringComparison.OrdinalIgnoreCase))
            return _ => true;
        Regex regex = Compile(json, $@"\A(?:{pattern})\z");
        return module => IsMatch(regex, module, json);
    }

    private static bool IsPlain(string pattern) => pattern.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '.');

    private static bool EndsWith(string module, string name) => module.EndsWith(name, StringComparison.Ordinal)
        && (module.Length == name.Length || module[^(name.Length + 1)] == '.');

    private static Regex Compile(JsonPlace place, string pattern)
    {
        try
        {
            return new(pattern, RegexOptions.CultureInvariant, s_mostTime);
        }
        catch (ArgumentException failure)
        {
            throw place.Fault($"holds no regular expression that this engine knows ({UntrustedText.Line(failure.Message.TrimEnd('.'), 120)})",
                "Name the modules in a list");
        }
    }

    private static bool IsMatch(Regex regex, string module, JsonPlace place)
    {
        try
        {
            return regex.IsMatch(module);
        }
        catch (RegexMatchTimeoutException)
        {
            throw place.Fault("holds a regular expression that takes too long", "Name the modules in a list");
        }
    }
}
