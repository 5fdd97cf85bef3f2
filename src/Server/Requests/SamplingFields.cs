using System.Globalization;
using System.Text.Json;
using MeKi.Model.Generation;
using MeKi.Model.Grammars;
using MeKi.Server.Errors;

namespace MeKi.Server.Requests;

/// <summary>How to generate, by OpenAI's names, and by llama.cpp's where OpenAI has none. What is absent is as the model's files say.</summary>
internal static class SamplingFields
{
    private const int MostStops = 16, MostStopLength = 1024, MostBiases = 1 << 12, MostSamplers = 64;
    private const float Much = 1000;

    /// <param name="fields">The request.</param>
    /// <param name="served">What there is.</param>
    public static GenerationOptions Read(RequestFields fields, ServedModel served) => new()
    {
        Temperature = fields.Number("temperature", 0, Much),
        TopP = fields.Number("top_p", 0, 1) is { } topP ? Math.Max(topP, 1e-6f) : null,
        // Some clients write -1 for all.
        TopK = fields.Whole("top_k", -1) is { } topK ? Math.Max(topK, 0) : null,
        MinP = fields.Number("min_p", 0, 1),
        TypicalP = fields.Number("typical_p", 1e-6f, 1),
        TopNSigma = fields.Number("top_n_sigma", -1, Much) is { } sigma ? Math.Max(sigma, 0) : null,
        XtcProbability = fields.Number("xtc_probability", 0, 1),
        XtcThreshold = fields.Number("xtc_threshold", 0, 1),
        DynamicTemperatureRange = fields.Number("dynatemp_range", 0, Much),
        DynamicTemperatureExponent = fields.Number("dynatemp_exponent", 0, Much),
        RepetitionPenalty = fields.Number(fields.NameOf("repeat_penalty", "repetition_penalty"), 0.001f, Much),
        PenaltyWindow = fields.Whole("repeat_last_n", -1),
        FrequencyPenalty = fields.Number("frequency_penalty", -2, 2),
        PresencePenalty = fields.Number("presence_penalty", -2, 2),
        DryMultiplier = fields.Number("dry_multiplier", 0, Much),
        DryBase = fields.Number("dry_base", 1, Much),
        DryAllowedLength = fields.Whole("dry_allowed_length", 0),
        DryWindow = fields.Whole("dry_penalty_last_n", -1),
        DrySequenceBreakers = Texts(fields, "dry_sequence_breakers", MostSamplers),
        Mirostat = Mirostat(fields),
        MirostatTau = fields.Number("mirostat_tau", 0, Much),
        MirostatEta = fields.Number("mirostat_eta", 0, Much),
        Samplers = Texts(fields, "samplers", MostSamplers),
        LogitBias = Biases(fields, served),
        Adapters = AdapterFields.Read(fields, served.Adapters),
        Seed = Seed(fields),
        StopStrings = Stops(fields),
    };

    /// <summary>What the text must be, in OpenAI's way or llama.cpp's; null for any text.</summary>
    public static Grammar? Grammar(RequestFields fields, GrammarCache grammars) => OwnGrammar(fields, grammars, Required(fields, grammars));

    /// <summary>Likewise, in llama.cpp's way.</summary>
    public static Grammar? OwnGrammar(RequestFields fields, GrammarCache grammars, Grammar? asked = null)
    {
        if (fields.Find("json_schema") is { } schema)
            asked = Only(asked, fields.PathOf("json_schema"), () => grammars.JsonSchema(schema.GetRawText()));
        if (fields.Text("grammar") is { Length: > 0 } gbnf)
            asked = Only(asked, fields.PathOf("grammar"), () => grammars.Gbnf(gbnf));
        if (fields.Text("regex") is { Length: > 0 } pattern)
            asked = Only(asked, fields.PathOf("regex"), () => grammars.Regex(pattern));
        return asked;
    }

    private static Grammar? Required(RequestFields fields, GrammarCache grammars) => ResponseFormat.Read(fields.Object("response_format")) switch
    {
        null => null,
        { Schema: { } schema } => Only(null, fields.PathOf("response_format.json_schema.schema"), () => grammars.JsonSchema(schema.GetRawText())),
        _ => Model.Grammars.Grammar.Json,
    };

    private static Grammar Only(Grammar? before, string path, Func<Grammar> compile)
    {
        if (before is not null)
            throw ApiException.Invalid(path, $"'{path}' and another say what the text must be: choose one.");
        try
        {
            return compile();
        }
        catch (GrammarException failure)
        {
            throw ApiException.Invalid(path, UntrustedText.Line(failure.Message, 600));
        }
    }

    private static bool? Mirostat(RequestFields fields) => fields.Whole("mirostat", 0, 2) switch
    {
        null => null,
        1 => throw ApiException.Invalid(fields.PathOf("mirostat"), "'mirostat' takes 0 or 2: version 1 is not there."),
        int version => version == 2,
    };

    // Any 64-bit number is a seed.
    private static int? Seed(RequestFields fields)
    {
        if (fields.Find("seed") is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long seed) ? seed is >= int.MinValue and <= int.MaxValue ? (int)seed
            : (int)(seed ^ (seed >> 32)) : throw RequestFields.Wrong(fields.PathOf("seed"), "a whole number", value);
    }

    private static string[] Stops(RequestFields fields)
    {
        if (fields.Find("stop") is { ValueKind: JsonValueKind.String } one)
            return [Checked(RequestFields.Text(one, fields.PathOf("stop")), fields.PathOf("stop"))];
        return Texts(fields, "stop", MostStops) ?? [];
    }

    private static string[]? Texts(RequestFields fields, string name, int most) =>
        fields.List(name, most)?.Select(each => Checked(RequestFields.Text(each.Value, each.Path), each.Path)).ToArray();

    private static string Checked(string text, string path) => text.Length is > 0 and <= MostStopLength ? text
        : throw ApiException.Invalid(path, $"'{path}' must have from 1 to {MostStopLength} characters.");

    // An object of ids as OpenAI has it, or llama.cpp's list of pairs.
    private static Dictionary<int, float>? Biases(RequestFields fields, ServedModel served)
    {
        const string Name = "logit_bias";
        Dictionary<int, float> biases = [];
        if (fields.Flag("ignore_eos") == true)
        {
            foreach (int end in served.Tokenizer.EosIds)
                biases[end] = float.NegativeInfinity;
        }
        string prefix = fields.PathOf(Name);
        if (fields.Find(Name) is { ValueKind: JsonValueKind.Array })
        {
            foreach ((JsonElement pair, string path) in fields.List(Name, MostBiases)!)
            {
                (JsonElement Value, string Path)[] two = RequestFields.List(pair, path, 2);
                if (two.Length != 2)
                    throw ApiException.Invalid(path, $"'{path}' must be a token and its bias.");
                int id = RequestFields.Whole(two[0].Value, two[0].Path);
                biases[served.CheckToken(id, two[0].Path)] = Bias(two[1].Value, two[1].Path);
            }
        }
        else if (fields.Object(Name) is not null)
        {
            foreach (JsonProperty each in fields.Find(Name)!.Value.EnumerateObject())
            {
                string path = $"{prefix}.{UntrustedText.Line(each.Name, 20)}";
                int id = int.TryParse(each.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1;
                biases[served.CheckToken(id, path)] = Bias(each.Value, path);
                if (biases.Count > MostBiases)
                    throw ApiException.Invalid(prefix, $"'{prefix}' has more than {MostBiases} tokens.");
            }
        }
        return biases.Count > 0 ? biases : null;
    }

    private static float Bias(JsonElement value, string path) => value.ValueKind == JsonValueKind.False ? float.NegativeInfinity
        : value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float bias) && float.IsFinite(bias) ? bias
        : throw RequestFields.Wrong(path, "a number", value);
}
