using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MeKi.Regress;

/// <summary>
/// The committed ratios, by machine: <c>{ "machine": { "reasons": ["why these numbers"], "ratios": { "case": 0.81 } } }</c>. A machine that is not in the file
/// has no baseline and cannot fail; moving a baseline takes a reason.
/// </summary>
internal sealed class Baseline
{
    private readonly string _path;
    private readonly JsonObject _machines;

    private Baseline(string path, JsonObject machines) => (_path, _machines) = (path, machines);

    /// <exception cref="InvalidDataException">The file is not what this class writes.</exception>
    public static Baseline Read(string path)
    {
        try
        {
            return new(path, File.Exists(path) ? JsonNode.Parse(File.ReadAllText(path))!.AsObject() : []);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}: is not a baseline file: {failure.Message}", failure);
        }
    }

    /// <summary>The ratio of a case on a machine; null where there is none.</summary>
    public double? Find(string machine, string name) => _machines[machine]?["ratios"]?[name]?.GetValue<double>();

    /// <summary>Sets ratios of a machine; those of other cases stay, and so do the reasons they were set for.</summary>
    public void Move(string machine, string reason, IEnumerable<(string Name, double Ratio)> ratios)
    {
        JsonObject entry = _machines[machine]?.AsObject() ?? new() { ["reasons"] = new JsonArray(), ["ratios"] = new JsonObject() };
        _machines[machine] = entry;
        entry["reasons"]!.AsArray().Add(reason);
        foreach ((string name, double ratio) in ratios)
            entry["ratios"]![name] = double.Parse(ratio.ToString("g4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }

    public void Write()
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter writer = new(bytes, new() { Indented = true }))
            _machines.WriteTo(writer);
        File.WriteAllBytes(_path, [.. bytes.ToArray(), (byte)'\n']);
    }
}
