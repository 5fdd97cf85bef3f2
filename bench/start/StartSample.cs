using System.Globalization;

namespace MeKi.Start;

/// <summary>One start.</summary>
/// <param name="Loaded">Milliseconds until the model was loaded; null where that cannot be seen from outside.</param>
/// <param name="FirstToken">Milliseconds until the first token's text.</param>
/// <param name="Resident">Bytes of memory then (proc(5): VmRSS).</param>
/// <param name="Anonymous">Those of them that no file backs (RssAnon).</param>
internal sealed record StartSample(double? Loaded, double FirstToken, long Resident, long Anonymous)
{
    public const string Heading = """
        | start | loaded, ms | first token, ms | least | most | resident MB | anonymous MB |
        | --- | ---: | ---: | ---: | ---: | ---: | ---: |
        """;

    public static StartSample Of(int process, double? loaded, double firstToken)
    {
        string[] status = File.ReadAllLines($"/proc/{process}/status");
        return new(loaded, firstToken, Bytes(status, "VmRSS:"), Bytes(status, "RssAnon:"));
    }

    public static string Row(string name, IReadOnlyList<StartSample> samples) => string.Create(CultureInfo.InvariantCulture,
        $"| {name} | {(samples[0].Loaded is null ? double.NaN : Median(samples, sample => sample.Loaded!.Value)):f0}"
            + $" | {Median(samples, sample => sample.FirstToken):f0} | {samples.Min(sample => sample.FirstToken):f0}"
            + $" | {samples.Max(sample => sample.FirstToken):f0}"
        + $" | {Median(samples, sample => sample.Resident) / 1e6:f0} | {Median(samples, sample => sample.Anonymous) / 1e6:f0} |");

    private static double Median(IReadOnlyList<StartSample> samples, Func<StartSample, double> value) =>
        samples.Select(value).Order().ElementAt(samples.Count / 2);

    private static long Bytes(string[] status, string key) =>
        1024 * long.Parse(status.First(line => line.StartsWith(key, StringComparison.Ordinal)).AsSpan()[key.Length..^"kB".Length],
            NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);
}
