using System.CommandLine;
using MeKi.Kernels;
using MeKi.Model;

namespace MeKi.Tool;

/// <summary>
/// How the KV cache keeps keys and values, as llama.cpp names the options: <c>--cache-type-k</c>, <c>--cache-type-v</c>; <c>--kv-type</c> for both.
/// </summary>
internal sealed class CacheOptions
{
    private static readonly string[] Names = ["f16", "q8_0", "f32"];

    private readonly Option<string?> _both = Create("--kv-type", $"How the KV cache keeps keys and values: {string.Join(", ", Names)}.");
    private readonly Option<string?> _keys = Create("--cache-type-k", "How it keeps keys.", "-ctk");
    private readonly Option<string?> _values = Create("--cache-type-v", "How it keeps values.", "-ctv");

    public void AddTo(Command command)
    {
        command.Add(_both);
        command.Add(_keys);
        command.Add(_values);
    }

    /// <summary>The load options with what the command line says.</summary>
    public LoadOptions Apply(ParseResult parsed, LoadOptions load) => load with
    {
        KeyFormat = Format(parsed.GetValue(_keys) ?? parsed.GetValue(_both)),
        ValueFormat = Format(parsed.GetValue(_values) ?? parsed.GetValue(_both)),
    };

    private static KvFormat Format(string? name) => name is null ? KvFormat.F16 : Enum.Parse<KvFormat>(name, ignoreCase: true);

    private static Option<string?> Create(string name, string description, params string[] aliases)
    {
        Option<string?> option = new(name, aliases) { Description = $"{description} Default: {(aliases.Length == 0 ? Names[0] : "--kv-type")}.", HelpName =
            "TYPE" };
        option.AcceptOnlyFromAmong(Names);
        return option;
    }
}
