using System.Globalization;
using System.Text;
using System.Text.Json;

namespace MeKi.Tool.Benchmarking;

/// <summary>The results of <c>meki bench</c> as a table for the terminal, markdown, JSON or CSV; the same columns in each.</summary>
/// <param name="model">The model's path, as given.</param>
/// <param name="variant">What was asked for beyond the cases: "no meki", "cold".</param>
internal sealed class BenchmarkReport(string model, string variant)
{
    private static readonly (string Title, string Key, Func<BenchmarkResult, double> Value, string Format)[] Numbers =
    [
        ("threads", "threads", result => result.Case.Threads, "0"),
        ("tokens/s", "tokens_per_second", result => result.Median, "0.00"),
        ("least", "tokens_per_second_min", result => result.Least, "0.00"),
        ("most", "tokens_per_second_max", result => result.Most, "0.00"),
        ("weights MB/token", "weight_megabytes_per_token", result => result.WeightBytesPerToken / 1e6, "0.000"),
        ("KV MB/token", "kv_megabytes_per_token", result => result.KvBytesPerToken / 1e6, "0.000"),
        ("read GB/s", "read_bandwidth_gigabytes_per_second", result => result.ReadBandwidth / 1e9, "0.0"),
        ("% of it", "read_bandwidth_percent", result => 100 * result.BandwidthShare, "0.0"),
        ("peak MB", "peak_resident_megabytes", result => result.PeakResidentBytes / 1e6, "0"),
        ("managed B/token", "allocated_bytes_per_token", result => result.AllocatedBytesPerToken, "0"),
        ("row hits %", "row_hit_percent", result => 100 * result.RowHitShare, "0.0"),
        ("row read µs", "row_read_microseconds_median", result => result.MedianRowRead * 1e6, "0"),
        ("p99 µs", "row_read_microseconds_p99", result => result.P99RowRead * 1e6, "0"),
        ("row wait µs", "row_wait_microseconds_median", result => result.MedianRowWait * 1e6, "0.0"),
        ("p99 µs", "row_wait_microseconds_p99", result => result.P99RowWait * 1e6, "0.0"),
    ];

    public static readonly string[] Formats = ["table", "markdown", "json", "csv"];

    public string Write(IReadOnlyList<BenchmarkResult> results, string format) => format switch
    {
        "markdown" => Markdown(results),
        "json" => Json(results),
        "csv" => Csv(results),
        _ => Table(results),
    };

    private static string Text(BenchmarkResult result, int column) =>
        Numbers[column].Value(result).ToString(Numbers[column].Format, CultureInfo.InvariantCulture);

    private static IEnumerable<string> Titles => Numbers.Select(column => column.Title).Prepend("test");

    private static IEnumerable<string> Cells(BenchmarkResult result) => Numbers.Select((_, column) => Text(result, column)).Prepend(result.Case.Name);

    private string Heading => variant.Length > 0 ? $"{model} ({variant})" : model;

    private string Table(IReadOnlyList<BenchmarkResult> results)
    {
        ResultTable table = new([false, .. Numbers.Select(_ => true)]);
        table.Add([.. Titles]);
        foreach (BenchmarkResult result in results)
            table.Add([.. Cells(result)]);
        using StringWriter text = new();
        text.WriteLine(Heading);
        table.Write(text);
        return text.ToString();
    }

    private string Markdown(IReadOnlyList<BenchmarkResult> results)
    {
        StringBuilder text = new();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Heading}\n\n| {string.Join(" | ", Titles)} |");
        text.AppendLine(CultureInfo.InvariantCulture, $"| --- |{string.Concat(Numbers.Select(_ => " ---: |"))}");
        foreach (BenchmarkResult result in results)
            text.AppendLine(CultureInfo.InvariantCulture, $"| {string.Join(" | ", Cells(result))} |");
        return text.ToString();
    }

    private string Csv(IReadOnlyList<BenchmarkResult> results)
    {
        StringBuilder text = new();
        text.AppendLine(CultureInfo.InvariantCulture, $"model,variant,test,{string.Join(',', Numbers.Select(column => column.Key))}");
        foreach (BenchmarkResult result in results)
        {
            string name = model.Contains(',', StringComparison.Ordinal) || model.Contains('"', StringComparison.Ordinal)
                ? $"\"{model.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : model;
            text.AppendLine(CultureInfo.InvariantCulture, $"{name},{variant},{string.Join(',', Cells(result))}");
        }
        return text.ToString();
    }

    private string Json(IReadOnlyList<BenchmarkResult> results)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new() { Indented = true }))
        {
            json.WriteStartArray();
            foreach (BenchmarkResult result in results)
            {
                json.WriteStartObject();
                json.WriteString("model", model);
                json.WriteString("variant", variant);
                json.WriteString("test", result.Case.Name);
                json.WriteNumber("prompt_tokens", result.Case.PromptTokens);
                json.WriteNumber("generated_tokens", result.Case.GeneratedTokens);
                json.WriteNumber("depth", result.Case.Depth);
                foreach ((_, string key, Func<BenchmarkResult, double> value, _) in Numbers)
                    json.WriteNumber(key, value(result));
                json.WriteStartArray("samples_tokens_per_second");
                foreach (double rate in result.TokensPerSecond)
                    json.WriteNumberValue(rate);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }
}
