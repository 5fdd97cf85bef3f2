using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates;

/// <summary>JSON as Python's <c>json.loads</c> reads it: halves of surrogate pairs stay, and of two members with one name the last counts.</summary>
internal static class JsonValues
{
    // Python reads no longer ints.
    private const int MostDigits = 4300;

    public static Value Of(JsonNode? node, Run run)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        switch (node)
        {
            case null:
                return NoneValue.Instance;
            case JsonArray array:
                return ListValue.Of(array.Select(element => Of(element, run)));
            case JsonObject members:
                return Dictionary(Members(members, run), run);
            case JsonValue value when value.TryGetValue(out JsonElement element):
                return Of(element, run);
            case JsonValue value when value.TryGetValue(out string? text):
                return TextValue.Of(text);
            case JsonValue value when value.TryGetValue(out bool truth):
                return BoolValue.Of(truth);
            default:
                return Reread(node, element => Of(element, run));
        }
    }

    /// <summary>An object's members, one name as often as it is there; none where there is no object.</summary>
    public static KeyValuePair<string, Value>[] Members(JsonObject? members, Run run)
    {
        KeyValuePair<string, JsonNode?>[] all;
        try
        {
            all = [.. members ?? []];
        }
        catch (Exception failure) when (failure is ArgumentException or InvalidOperationException)
        {
            // Two members have one name, or a name is no valid Unicode: nodes cannot be that, their text can.
            return Reread(members!, element => Members(element, run));
        }
        return [.. all.Select(member => KeyValuePair.Create(member.Key, Of(member.Value, run)))];
    }

    private static KeyValuePair<string, Value>[] Members(JsonElement members, Run run) =>
        [.. members.EnumerateObject().Select(member => KeyValuePair.Create(Name(member), Of(member.Value, run)))];

    private static DictValue Dictionary(KeyValuePair<string, Value>[] members, Run run) =>
        DictValue.Of(run, members.Select(member => KeyValuePair.Create<Value, Value>(TextValue.Of(member.Key), member.Value)));

    private static T Reread<T>(JsonNode node, Func<JsonElement, T> read)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(node.ToJsonString());
            return read(document.RootElement);
        }
        catch (Exception failure) when (failure is InvalidOperationException or ArgumentException or JsonException)
        {
            throw new TemplateFault("the conversation has a text that is not valid Unicode, or is nested too deep");
        }
    }

    private static Value Of(JsonElement element, Run run) => element.ValueKind switch
    {
        JsonValueKind.Object => Dictionary(Members(element, run), run),
        JsonValueKind.Array => ListValue.Of(element.EnumerateArray().Select(each => Of(each, run))),
        JsonValueKind.True => BoolValue.True,
        JsonValueKind.False => BoolValue.False,
        JsonValueKind.String => TextValue.Of(Text(element)),
        JsonValueKind.Number => Number(element.GetRawText()),
        _ => NoneValue.Instance,
    };

    private static Value Number(string digits)
    {
        if (digits.AsSpan().ContainsAny(".eE"))
            return new FloatValue(double.Parse(digits, CultureInfo.InvariantCulture));
        return digits.Length <= MostDigits ? IntValue.Of(BigInteger.Parse(digits, CultureInfo.InvariantCulture))
            : throw new TemplateFault($"a number in the conversation has more than {MostDigits} digits");
    }

    private static string Text(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return Unescape(JsonMarshal.GetRawUtf8Value(element)[1..^1]);
        }
    }

    private static string Name(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return Unescape(JsonMarshal.GetRawUtf8PropertyName(member));
        }
    }

    // Text that is no valid Unicode: the base library refuses it.
    private static string Unescape(ReadOnlySpan<byte> utf8)
    {
        string raw = Encoding.UTF8.GetString(utf8);
        StringBuilder text = new(raw.Length);
        for (int i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                text.Append(raw[i]);
                continue;
            }
            i++;
            text.Append(raw[i] switch
            {
                'b' => '\b',
                'f' => '\f',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => (char)ushort.Parse(raw.AsSpan(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
                char other => other,
            });
            i += raw[i] == 'u' ? 4 : 0;
        }
        return text.ToString();
    }
}
