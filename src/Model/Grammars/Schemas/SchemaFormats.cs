using System.Collections.Concurrent;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>
/// The values of <c>format</c> that generated strings obey. Each expression allows what the standard allows, or a plain part of it: for a reader a format is
/// an annotation, but nobody asks for a date to get something else.
/// </summary>
internal static class SchemaFormats
{
    private const string Date =
        "(?:(?!0000)[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
        + "|(?!0000)(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";

    private const string Time = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,7})?(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])";
    private const string Byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    private const string Label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,20}[A-Za-z0-9])?";
    private const string Group = "[0-9A-Fa-f]{1,4}";
    private const string UriCharacter = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
    private const string Path = "(?:/" + UriCharacter + "*)*(?:\\?(?:" + UriCharacter + "|[/?])*)?(?:#(?:" + UriCharacter + "|[/?])*)?";
    private const string Uri =
        "(?:https?|ftp|wss?)://[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\\.[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+(?::[1-9][0-9]{0,3})?" + Path;

    private static readonly Dictionary<string, string> s_patterns = new()
    {
        ["date"] = Date,
        ["time"] = Time,
        ["date-time"] = "(?!0001-01-01|9999-12-31)" + Date + "T" + Time,
        ["duration"] = "P(?:[0-9]{1,4}W|(?:[0-9]{1,4}Y(?:[0-9]{1,4}M(?:[0-9]{1,4}D)?)?|[0-9]{1,4}M(?:[0-9]{1,4}D)?|[0-9]{1,4}D)"
            + "(?:T(?:[0-9]{1,4}H(?:[0-9]{1,4}M(?:[0-9]{1,4}S)?)?|[0-9]{1,4}M(?:[0-9]{1,4}S)?|[0-9]{1,4}S))?"
            + "|T(?:[0-9]{1,4}H(?:[0-9]{1,4}M(?:[0-9]{1,4}S)?)?|[0-9]{1,4}M(?:[0-9]{1,4}S)?|[0-9]{1,4}S))",
        ["email"] = "[A-Za-z0-9_+-]+(?:\\.[A-Za-z0-9_+-]+)*@" + Label + "(?:\\." + Label + "){0,3}\\.[A-Za-z]{2,10}",
        ["hostname"] = Label + "(?:\\." + Label + "){0,6}",
        ["ipv4"] = Byte + "(?:\\." + Byte + "){3}",
        ["ipv6"] = $"(?:{Group}:){{7}}{Group}|(?:{Group}:){{1,7}}:|(?:{Group}:){{1,6}}:{Group}"
            + $"|(?:{Group}:){{1,5}}(?::{Group}){{1,2}}|(?:{Group}:){{1,4}}(?::{Group}){{1,3}}"
            + $"|(?:{Group}:){{1,3}}(?::{Group}){{1,4}}|(?:{Group}:){{1,2}}(?::{Group}){{1,5}}|{Group}:(?::{Group}){{1,6}}|:(?::{Group}){{1,7}}|::",
        ["uri"] = Uri,
        ["uri-reference"] = Uri + "|(?:/" + UriCharacter + "+)*/?",
        ["uuid"] = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
        ["json-pointer"] = "(?:/(?:[^~/]|~[01])*)*",
        ["byte"] = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    };

    // The formats of numbers that OpenAPI has.
    private static readonly Dictionary<string, (JsonNumber Least, JsonNumber Most)> s_ranges = new()
    {
        ["int8"] = Range(sbyte.MinValue, sbyte.MaxValue),
        ["int16"] = Range(short.MinValue, short.MaxValue),
        ["int32"] = Range(int.MinValue, int.MaxValue),
        ["int64"] = Range(long.MinValue, long.MaxValue),
        ["uint8"] = Range(0, byte.MaxValue),
        ["uint16"] = Range(0, ushort.MaxValue),
        ["uint32"] = Range(0, uint.MaxValue),
        ["uint64"] = (JsonNumber.Of(0), JsonNumber.Of(ulong.MaxValue)),
    };

    private static readonly ConcurrentDictionary<string, SchemaPattern> s_compiled = new();

    /// <summary>The formats that are known, for messages.</summary>
    public static string All { get; } = string.Join(", ", s_patterns.Keys.Concat(s_ranges.Keys).Order(StringComparer.Ordinal)) + ", float, double, password";

    /// <summary>Whether a format needs nothing of a string or number.</summary>
    public static bool IsFree(string name) => name is "float" or "double" or "password";

    /// <summary>The pattern of a format of strings, or null.</summary>
    public static SchemaPattern? Pattern(string name) =>
        s_patterns.TryGetValue(name, out string? pattern) ? s_compiled.GetOrAdd(name, SchemaPattern.OfFormat, pattern) : null;

    /// <summary>The range of a format of integers, or null.</summary>
    public static (JsonNumber Least, JsonNumber Most)? RangeOf(string name) => s_ranges.TryGetValue(name, out (JsonNumber, JsonNumber) range) ? range : null;

    private static (JsonNumber Least, JsonNumber Most) Range(long least, long most) => (JsonNumber.Of(least), JsonNumber.Of(most));
}
