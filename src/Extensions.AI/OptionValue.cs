using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeKi.Model.Adapters;
using MeKi.Model.Chat;

namespace MeKi.Extensions.AI;

/// <summary>The value of an additional property: a number, a text, a list, JSON, however it is given.</summary>
/// <param name="name">The property.</param>
/// <param name="given">The value.</param>
internal readonly struct OptionValue(string name, object given)
{
    private readonly string _name = name;
    private readonly JsonNode? _json = given switch
    {
        IEnumerable<KeyValuePair<int, float>> biases => new JsonObject(biases.Select(each =>
            KeyValuePair.Create(each.Key.ToString(CultureInfo.InvariantCulture), (JsonNode?)JsonValue.Create((double)each.Value)))),
        IEnumerable<KeyValuePair<string, object?>> members => new JsonObject(members.Select(each => KeyValuePair.Create(each.Key, ChatJson.Value(each.Value)))),
        IEnumerable<string> texts => new JsonArray([.. texts.Select(each => (JsonNode?)JsonValue.Create(each))]),
        short or byte or uint or ulong or Half => JsonValue.Create(Convert.ToDouble(given, CultureInfo.InvariantCulture)),
        JsonNode or JsonElement or string or bool or int or long or float or double or decimal => ChatJson.Value(given),
        _ => null,
    };

    public bool IsFlag => _json?.GetValueKind() is JsonValueKind.True or JsonValueKind.False;

    public bool Flag => IsFlag ? _json!.GetValueKind() == JsonValueKind.True : throw Fault("is neither true nor false");

    public float Number => (float)Double(_json);

    public int Integer => Long is >= int.MinValue and <= int.MaxValue and var value ? (int)value : throw Fault("is no number of 32 bits");

    public long Long => Double(_json) is var value && value == Math.Floor(value) && Math.Abs(value) < 1L << 53 ? (long)value
        : long.TryParse(_json?.ToJsonString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole) ? whole
        : throw Fault("is no whole number");

    public string[] Texts => _json is JsonArray list ? [.. list.Select(Text)] : throw Fault("is no list of texts");

    public JsonObject Object => _json as JsonObject ?? throw Fault("is no object");

    /// <summary>A grammar's text; a schema may come as JSON.</summary>
    public string Source => _json is null ? throw Fault("is no text") : _json.GetValueKind() == JsonValueKind.String ? Text(_json) : _json.ToJsonString();

    /// <summary>Token ids with what is added to their logits; false and −∞ forbid a token.</summary>
    public Dictionary<int, float> Biases
    {
        get
        {
            Dictionary<int, float> biases = [];
            if (_json is JsonArray pairs)
            {
                foreach (JsonNode? pair in pairs)
                {
                    if (pair is not JsonArray { Count: 2 } two)
                        throw Fault("has what is no pair of a token and a bias");
                    biases[Id(two[0]?.ToString() ?? "")] = Bias(two[1]);
                }
                return biases;
            }
            foreach ((string token, JsonNode? bias) in Object)
                biases[Id(token)] = Bias(bias);
            return biases;
        }
    }

    /// <summary>Adapters: <c>NAME</c>, <c>NAME=SCALE</c>, a list of these, or names with scales.</summary>
    public AdapterChoice[] Adapters
    {
        get
        {
            if (_json is JsonObject scales)
            {
                List<AdapterChoice> choices = [];
                foreach ((string name, JsonNode? scale) in scales)
                    choices.Add(new(name, (float)Double(scale)));
                return [.. choices];
            }
            try
            {
                return [.. (_json is JsonArray ? Texts : [Text(_json)]).Select(AdapterChoice.Parse)];
            }
            catch (FormatException failure)
            {
                throw Fault($"is no adapter: {failure.Message.TrimEnd('.')}");
            }
        }
    }

    public ArgumentException Fault(string problem) => new($"ChatOptions.AdditionalProperties: '{_name}' {problem}.");

    private float Bias(JsonNode? bias) => bias?.GetValueKind() == JsonValueKind.False ? float.NegativeInfinity : (float)Double(bias);

    private int Id(string token) =>
        int.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : throw Fault("has what is no token id");

    private string Text(JsonNode? node) => node?.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : throw Fault("has what is no text");

    private double Double(JsonNode? node)
    {
        string? text = node?.GetValueKind() switch
        {
            JsonValueKind.Number => node.ToJsonString(),
            JsonValueKind.String => node.GetValue<string>(),
            _ => null,
        };
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : throw Fault("is no number");
    }
}
