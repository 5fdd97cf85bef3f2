using MeKi.Model.Architectures;
using MeKi.Model.Files;
using MeKi.Model.Gguf;

namespace MeKi.Model.Checkpoints;

/// <summary>Which layers see only the last positions, as checkpoints tell it. The result is <see cref="ModelConfig.Windows"/>. Keys: docs/formats.md.</summary>
internal static class SlidingWindows
{
    private const string Full = "full_attention", Sliding = "sliding_attention";

    /// <summary>Qwen's keys of <c>config.json</c>, with the defaults of Hugging Face's Qwen3Config.</summary>
    /// <exception cref="ModelFileException">Two keys do not fit together, or a kind of layer is not known.</exception>
    public static IReadOnlyList<int> ReadQwen(JsonPlace config, int layers)
    {
        // What ModelConfig refuses anyway is not worth a list.
        if (layers is <= 0 or > ModelConfig.MaxLayers)
            return [];
        int window = config.TryFlag("use_sliding_window") == true ? config.TryInt("sliding_window") ?? 0 : 0;
        bool[] sliding;
        if (config.TryField("layer_types") is { } types)
        {
            sliding = ReadList(types, layers);
            if (sliding.Contains(true) && window == 0)
                throw types.Fault("has layers that slide, but no window is in use", "Set use_sliding_window and sliding_window");
        }
        else
        {
            int full = config.TryInt("max_window_layers") ?? 28;
            sliding = [.. Enumerable.Range(0, layers).Select(layer => layer >= full)];
        }
        if (window < 0)
            throw config.Field("sliding_window").Fault("is negative", "Correct it");
        return Of(window, sliding);
    }

    /// <summary>Gemma's keys of <c>config.json</c>: a list of kinds, or a period whose last layer sees all.</summary>
    /// <param name="config">The configuration of the text part.</param>
    /// <param name="layers">Layers.</param>
    /// <param name="defaults">What counts where nothing is told.</param>
    /// <exception cref="ModelFileException">A value is out of range, or the list is not of so many known kinds.</exception>
    public static IReadOnlyList<int> ReadTypes(JsonPlace config, int layers, GemmaDefaults defaults)
    {
        int window = config.TryInt("sliding_window") ?? defaults.Window;
        if (window <= 0)
            throw config.Field("sliding_window").Fault($"{window} is out of range", "Correct it");
        if (layers is <= 0 or > ModelConfig.MaxLayers)
            return [];
        int period = config.TryInt("sliding_window_pattern") ?? config.TryInt("_sliding_window_pattern") ?? defaults.Period;
        bool[] sliding = config.TryField("layer_types") is { } types ? ReadList(types, layers)
            : [.. Enumerable.Range(0, layers).Select(layer => period <= 0 || layer % period < period - 1)];
        sliding[^1] &= !defaults.EndsInFull;
        return Of(window, sliding);
    }

    /// <summary>One window for all layers, as Mistral and Phi 3 have it; without one a token sees all.</summary>
    /// <exception cref="ModelFileException">The window is negative.</exception>
    public static IReadOnlyList<int> ReadOfAllLayers(JsonPlace config, int layers)
    {
        int window = config.TryInt("sliding_window") ?? 0;
        if (window < 0)
            throw config.Field("sliding_window").Fault("is negative", "Correct it");
        return layers is <= 0 or > ModelConfig.MaxLayers ? [] : Of(window, [.. Enumerable.Repeat(true, layers)]);
    }

    /// <summary>GGUF's keys: the window, and the layers that slide, one by one or as a period whose last layer does not.</summary>
    /// <param name="metadata">The file's.</param>
    /// <param name="a">The architecture.</param>
    /// <param name="layers">Layers.</param>
    /// <param name="usualPeriod">The period where files do not tell; 0 where all layers slide then.</param>
    /// <exception cref="ModelFileException">A key has another type.</exception>
    public static IReadOnlyList<int> Read(GgufMetadata metadata, string a, int layers, int usualPeriod = 0)
    {
        int window = metadata.TryGetInt($"{a}.attention.sliding_window") ?? 0;
        string pattern = $"{a}.attention.sliding_window_pattern";
        if (window == 0 || layers is <= 0 or > ModelConfig.MaxLayers)
            return [];
        if (metadata.IsArray(pattern))
            return Of(window, metadata.Get<bool[]>(pattern));
        int period = metadata.TryGetInt(pattern) ?? usualPeriod;
        return Of(window, [.. Enumerable.Range(0, layers).Select(layer => period <= 0 || layer % period < period - 1)]);
    }

    /// <summary>Writes what the GGUF keys say.</summary>
    public static void Write(IReadOnlyList<int> windows, GgufMetadata metadata, string a)
    {
        if (windows.Count == 0)
            return;
        metadata[$"{a}.attention.sliding_window"] = (uint)windows.Min();
        metadata[$"{a}.attention.sliding_window_pattern"] = windows.Select(window => window != int.MaxValue).ToArray();
    }

    private static bool[] ReadList(JsonPlace types, int layers)
    {
        bool[] sliding = [.. types.Items().Select(type => type.Text() switch
        {
            Full => false,
            Sliding => true,
            string other => throw type.Fault($"{UntrustedText.Quote(other)} is not known", $"This engine runs '{Full}' and '{Sliding}'"),
        })];
        return sliding.Length == layers ? sliding : throw types.Fault($"tells of {sliding.Length} layers where the model has {layers}", "Correct it");
    }

    private static IReadOnlyList<int> Of(int window, bool[] sliding) =>
        window == 0 || !sliding.Contains(true) ? [] : [.. sliding.Select(slides => slides ? window : int.MaxValue)];
}
