using System.Globalization;
using System.Text.Json;

namespace MeKi.Tool.Tests;

/// <summary><c>meki bench</c> and <c>meki synth</c> as a user meets them.</summary>
public class BenchCommandTests
{
    [Fact]
    public async Task Every_combination_is_a_row_with_all_its_figures()
    {
        ProgramResult outcome = await MekiProgram.Run("bench", "-m", MekiProgram.DemoModel, "-p", "8,16", "-n", "4", "-d", "0,20", "-t", "1,2", "-r", "2", "-o",
            "json");
        Assert.True(outcome.ExitCode == 0, outcome.Errors.LastOrDefault());
        JsonElement[] rows = [.. JsonDocument.Parse(outcome.Output).RootElement.EnumerateArray()];
        Assert.Equal(
            ["pp8", "pp16", "tg4", "pp8 @ d20", "pp16 @ d20", "tg4 @ d20", "pp8", "pp16", "tg4", "pp8 @ d20", "pp16 @ d20", "tg4 @ d20"],
            rows.Select(row => row.GetProperty("test").GetString()));
        foreach (JsonElement row in rows)
        {
            Assert.Equal(2, row.GetProperty("samples_tokens_per_second").GetArrayLength());
            foreach (string key in new[] { "tokens_per_second", "weight_megabytes_per_token", "kv_megabytes_per_token", "read_bandwidth_gigabytes_per_second",
                "peak_resident_megabytes" })
                Assert.True(row.GetProperty(key).GetDouble() > 0, key);
            Assert.True(row.GetProperty("row_wait_microseconds_p99").GetDouble() >= row.GetProperty("row_wait_microseconds_median").GetDouble());
        }
        // 6 layers × 2 KV heads × 64 × (key, value) × 2 bytes = 3,072 bytes a position; a decode of 4 reads 1, 2, 3 and 4 of them, at depth 20 that many more.
        Assert.Equal(3072 * 2.5 / 1e6, rows[2].GetProperty("kv_megabytes_per_token").GetDouble(), 9);
        Assert.Equal(3072 * 22.5 / 1e6, rows[5].GetProperty("kv_megabytes_per_token").GetDouble(), 9);
    }

    [Theory]
    [InlineData("", 3072, "--kv-type", "f16")]
    [InlineData("KV F32/F32", 6144, "--kv-type", "f32")]
    [InlineData("KV Q8_0/Q8_0", 1632, "--kv-type", "q8_0")]
    [InlineData("KV Q8_0/F32", 3888, "-ctk", "q8_0", "--cache-type-v", "f32")]
    [InlineData("KV Q8_0/F16", 2352, "--kv-type", "q8_0", "-ctv", "f16")]
    public async Task Keys_and_values_are_kept_as_the_options_say(string variant, int bytesOfPosition, params string[] options)
    {
        ProgramResult outcome =
            await MekiProgram.Run(["bench", "-m", MekiProgram.DemoModel, "-p", "0", "-n", "1", "-d", "999", "-t", "1", "-r", "1", "-o", "csv", .. options]);
        Assert.True(outcome.ExitCode == 0, outcome.Errors.LastOrDefault());
        string[] cells = outcome.Output.TrimEnd().Split('\n')[1].Split(',');
        Assert.Equal(variant, cells[1]);
        Assert.Contains((bytesOfPosition / 1e3).ToString("0.000", CultureInfo.InvariantCulture), cells); // the last token reads 1,000 positions
    }

    [Theory]
    [InlineData("table", "tokens/s")]
    [InlineData("markdown", "| tg2 | 1 |")]
    [InlineData("csv", "model,variant,test,threads")]
    [InlineData("json", "\"test\": \"tg2\"")]
    public async Task Each_format_shows_the_rows(string format, string expected)
    {
        ProgramResult outcome = await MekiProgram.Run("bench", "-m", MekiProgram.DemoModel, "-p", "0", "-n", "2", "-t", "1", "-r", "1", "-o", format);
        Assert.True(outcome.ExitCode == 0, outcome.Errors.LastOrDefault());
        Assert.Contains(expected, outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_branch_no_row_is_waited_for_and_cold_reads_are()
    {
        ProgramResult off = await MekiProgram.Run("bench", "-m", MekiProgram.DemoModel, "-p", "0", "-n", "2", "-t", "1", "-r", "1", "-o", "csv", "--no-meki");
        Assert.EndsWith(",0.0,0.0", off.Output.TrimEnd(), StringComparison.Ordinal);
        Assert.Contains(",no meki,", off.Output, StringComparison.Ordinal);
        ProgramResult cold = await MekiProgram.Run("bench", "-m", MekiProgram.DemoModel, "-p", "0", "-n", "2", "-t", "1", "-r", "1", "-o", "csv", "--cold");
        Assert.True(cold.ExitCode == 0, cold.Errors.LastOrDefault());
        Assert.Contains(",cold,", cold.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slower_machine_is_emulated_and_named()
    {
        ProgramResult slow = await MekiProgram.Run("bench", "-m", MekiProgram.DemoModel, "-p", "0", "-n", "8", "-r", "1", "-o", "json", "--storage", "sd",
            "--pace", "40", "--row-cache", "0", "--map-rows");
        Assert.True(slow.ExitCode == 0, slow.Errors.LastOrDefault());
        JsonElement row = JsonDocument.Parse(slow.Output).RootElement[0];
        Assert.Equal("row cache 0 MB, mapped rows, sd, pace 40", row.GetProperty("variant").GetString());
        Assert.InRange(row.GetProperty("tokens_per_second").GetDouble(), 0, 40);
        // 1,500 reads of 4 KB a second at most.
        Assert.True(row.GetProperty("row_read_microseconds_median").GetDouble() > 500);
    }

    [Theory]
    [InlineData("'floppy'", "--storage", "floppy")]
    [InlineData("--pace takes", "--pace", "0")]
    [InlineData("--row-cache takes", "--row-cache", "-1")]
    [InlineData("not 'x'", "-p", "x")]
    [InlineData("--threads takes a whole number from 1 to 1024, not '0'", "-t", "0")]
    [InlineData("--repetitions", "-r", "0")]
    [InlineData("do not fit", "-p", "5000")]
    [InlineData("nothing that --cold could evict", "--cold", "--no-meki")]
    [InlineData("'yaml'", "-o", "yaml")]
    [InlineData("'q4_0'", "--kv-type", "q4_0")]
    public async Task Bad_input_is_one_line(string expected, params string[] arguments)
    {
        ProgramResult outcome = await MekiProgram.Run(["bench", "-m", MekiProgram.DemoModel, .. arguments]);
        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Contains(expected, Assert.Single(outcome.Errors), StringComparison.Ordinal);
        Assert.Empty(outcome.Output);
    }

    [Fact]
    public async Task A_synthetic_model_is_written_and_benched()
    {
        string folder = Directory.CreateTempSubdirectory("meki-test-").FullName;
        try
        {
            ProgramResult synth = await MekiProgram.Run("synth", "--shape", "tiny", "--meki", "32", "--type", "q8_0", "-o", folder);
            Assert.True(synth.ExitCode == 0, synth.Errors.LastOrDefault());
            ProgramResult bench = await MekiProgram.Run("bench", "-m", folder, "-p", "4", "-n", "2", "-r", "1");
            Assert.True(bench.ExitCode == 0, bench.Errors.LastOrDefault());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("qwen3-0.6b", "--shape", "huge", "-o", "x")]
    [InlineData("q8_0", "--shape", "tiny", "--type", "q9", "-o", "x")]
    [InlineData("--meki", "--shape", "tiny", "--rows", "int8", "-o", "x")]
    [InlineData("--output", "--shape", "tiny")]
    public async Task A_bad_synthesis_is_one_line_that_names_the_remedy(string expected, params string[] arguments)
    {
        ProgramResult outcome = await MekiProgram.Run(["synth", .. arguments]);
        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Contains(expected, Assert.Single(outcome.Errors), StringComparison.Ordinal);
    }
}
