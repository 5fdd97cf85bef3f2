using System.CommandLine;
using MeKi.Model;
using MeKi.Model.Adapters;

namespace MeKi.Tool;

/// <summary><c>--adapter NAME[=SCALE]</c>, and how much memory adapters may take.</summary>
internal sealed class AdapterFlags
{
    private readonly Option<string[]> _adapters = new("--adapter")
    {
        Description = "Compute with an adapter of the library or of a path: a PEFT folder or a GGUF adapter. May be given several times.",
        HelpName = "NAME[=SCALE]",
    };

    private readonly Option<string?> _folder = new("--adapters")
    {
        Description = "The library: a folder. Default: adapters beside the model.",
        HelpName = "FOLDER",
    };

    private readonly NumberOption<int> _megabytes = new("--adapter-memory", [], "The most MB of adapters that stay in memory unused.", 0, 1 << 20, 256);

    public void AddTo(Command command)
    {
        _adapters.AllowMultipleArgumentsPerToken = false;
        command.Add(_adapters);
        command.Add(_folder);
        command.Add(_megabytes);
        command.Validators.Add(parsed =>
        {
            foreach (string text in parsed.GetValue(_adapters) ?? [])
            {
                try
                {
                    _ = AdapterChoice.Parse(text);
                }
                catch (FormatException failure)
                {
                    parsed.AddError($"--adapter: {failure.Message}");
                }
            }
        });
    }

    /// <summary>The options with what the flags say.</summary>
    public LoadOptions Apply(ParseResult parsed, LoadOptions options) => options with
    {
        Adapters = [.. (parsed.GetValue(_adapters) ?? []).Select(AdapterChoice.Parse)],
        AdapterFolder = parsed.GetValue(_folder),
        AdapterBytes = (long)_megabytes.Of(parsed) << 20,
    };
}
