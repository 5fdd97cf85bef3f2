using System.Globalization;
using System.Text.RegularExpressions;
using MeKi.Kernels.Operations;
using MeKi.Model.Tests.Files;
using MeKi.Tests;

namespace MeKi.Tool.Tests;

public sealed partial class RunCommandTests : IDisposable
{
    private const string Prompt = "ROMEO:";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Prints_the_prompt_with_its_continuation_and_one_line_of_facts()
    {
        ProgramResult run = await MekiProgram.Run("run", Prompt, "--model", MekiProgram.DemoModel, "--max-tokens", "24", "--seed", "3");
        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith(Prompt, run.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n", run.Output, StringComparison.Ordinal);
        Assert.True(run.Output.TrimEnd().Length > Prompt.Length + 24);

        Match facts = FactsLine().Match(Assert.Single(run.Errors));
        Assert.True(facts.Success, run.Errors[0]);
        double[] values = [.. facts.Groups.Values.Skip(1).Select(group => double.Parse(group.Value, CultureInfo.InvariantCulture))];
        (double prompt, double generated, double prefill, double decode, double resident, double rows, double kilobytes, double waited) =
            (values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7]);
        Assert.InRange(generated, 1, 24);
        Assert.True(prompt > 0 && prefill > 0 && decode > 0 && waited >= 0);
        Assert.InRange(resident, 10, 4_000);
        // Every token but the last costs a row per layer, repeated ones once; a row has 64 bytes, merged reads bring others with it.
        Assert.InRange(rows, 6, 6 * (prompt + generated - 1));
        Assert.Equal(0, rows % 6);
        Assert.InRange(kilobytes, rows * 64 / 1e3 - 0.1, double.PositiveInfinity);
    }

    [Fact]
    public async Task Stats_are_more_lines_before_the_facts()
    {
        ProgramResult run = await MekiProgram.Run("run", Prompt, "-n", "8", "--temp", "0", "--threads", "2", "--stats");
        Assert.Equal((0, 3), (run.ExitCode, run.Errors.Length));
        Assert.Matches(
            @"^loaded in \d+\.\d\d s \| kernels \w+ \| 2 threads \| weights \d+\.\d MB mapped, \d+\.\d MB packed \| rows \d+\.\d MB on storage$",
            run.Errors[0]);
        Match rows = Regex.Match(run.Errors[1], @"^rows: ([\d.]+) and (\d+) bytes for each token \| [\d.]+ % in the cache"
            + @" \| a read took \d+ µs \(p99 \d+\) \| a token waited [\d.]+ µs \(p99 [\d.]+\)$");
        Assert.True(rows.Success, run.Errors[1]);
        // Six layers; a token that the prompt repeats is read once.
        Assert.InRange(double.Parse(rows.Groups[1].Value, CultureInfo.InvariantCulture), 1, 6);
        Assert.Matches(FactsLine(), run.Errors[2]);
    }

    [Fact]
    public async Task The_demo_model_is_found_without_being_named()
    {
        ProgramResult named = await MekiProgram.Run("run", Prompt, "-m", MekiProgram.DemoModel, "-n", "12", "--temp", "0");
        ProgramResult found = await MekiProgram.Run("run", Prompt, "-n", "12", "--temp", "0");
        Assert.Equal((0, named.Output), (found.ExitCode, found.Output));
    }

    [Fact]
    public async Task Temperature_0_is_deterministic_at_any_number_of_threads()
    {
        ProgramResult one = await MekiProgram.Run("run", Prompt, "-n", "40", "--temp", "0", "--threads", "1");
        ProgramResult three = await MekiProgram.Run("run", Prompt, "-n", "40", "--temp", "0", "--threads", "3");
        Assert.Equal((0, one.Output), (three.ExitCode, three.Output));
    }

    [Fact]
    public async Task Every_kernel_set_of_the_machine_writes_the_same_text()
    {
        HashSet<string> texts = [];
        foreach (string kernels in KernelSelection.Names)
        {
            ProgramResult run = await MekiProgram.RunWith(KernelSelection.Variable, kernels, "run", Prompt, "-n", "40", "--temp", "0");
            Assert.True(run.ExitCode == 0, run.Errors.LastOrDefault());
            texts.Add(run.Output);
        }
        Assert.Single(texts);
    }

    [Fact]
    public async Task Kernels_that_the_machine_has_not()
    {
        ProgramResult run = await MekiProgram.RunWith(KernelSelection.Variable, "Avx9", "run", Prompt, "-n", "1");
        run.AssertFailed(1, $"{KernelSelection.Variable}=Avx9: there are no such kernels for this machine; it has {string.Join(", ", KernelSelection.Names)}.");
        Assert.Single(run.Errors);
        Assert.Equal("", run.Output);
    }

    [Fact]
    public async Task A_seed_repeats_and_another_differs()
    {
        string[] texts = new string[3];
        for (int i = 0; i < texts.Length; i++)
            texts[i] = (await MekiProgram.Run("run", Prompt, "-n", "40", "--temp", "1", "--seed", i == 2 ? "6" : "5")).Output;
        Assert.Equal(texts[0], texts[1]);
        Assert.NotEqual(texts[0], texts[2]);
    }

    [Fact]
    public async Task No_tokens_print_the_prompt_alone()
    {
        ProgramResult run = await MekiProgram.Run("run", Prompt, "-n", "0");
        Assert.Equal((0, Prompt), (run.ExitCode, run.Output.TrimEnd()));
        Assert.Contains("+0 tokens | ", Assert.Single(run.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_string_is_not_printed()
    {
        string whole = (await MekiProgram.Run("run", Prompt, "-n", "40", "--temp", "0")).Output;
        string stop = whole.TrimEnd().Substring(Prompt.Length + 10, 4);
        ProgramResult run = await MekiProgram.Run("run", Prompt, "-n", "40", "--temp", "0", "--stop", stop);
        Assert.Equal(whole[..whole.IndexOf(stop, Prompt.Length, StringComparison.Ordinal)], run.Output[..^Environment.NewLine.Length]);
    }

    [Fact]
    public async Task A_prompt_cache_is_made_reused_and_refused_when_damaged()
    {
        string cache = _folder["play.session"], model = MekiProgram.DemoModel;
        string[] arguments = ["run", Prompt, "-m", model, "-n", "12", "--temp", "0", "--prompt-cache", cache];
        ProgramResult first = await MekiProgram.Run(arguments);
        Assert.Equal((0, 2), (first.ExitCode, first.Errors.Length));
        Assert.Matches(@"^prompt cache: 0 of \d+ tokens reused, \d+ saved to ", first.Errors[0]);
        ProgramResult again = await MekiProgram.Run(arguments);
        Assert.Equal((0, first.Output), (again.ExitCode, again.Output));
        Match reused = Regex.Match(again.Errors[0], @"^prompt cache: (\d+) of (\d+) tokens reused");
        Assert.Equal(int.Parse(reused.Groups[2].Value, CultureInfo.InvariantCulture) - 1, int.Parse(reused.Groups[1].Value, CultureInfo.InvariantCulture));

        byte[] bytes = File.ReadAllBytes(cache);
        bytes[^100] ^= 1;
        File.WriteAllBytes(cache, bytes);
        (await MekiProgram.Run(arguments)).AssertFailed(1, $"{cache}: layer 5, page 0: the checksum does not fit");
        Assert.Equal(bytes, File.ReadAllBytes(cache));
    }

    [Fact]
    public async Task The_end_of_the_context_ends_the_text_or_shifts_it()
    {
        new TinyCheckpoint { Tied = false, Context = 24 }.Write(_folder["c"]);
        ProgramResult ended = await MekiProgram.Run("run", "The other", "-m", _folder["c"], "-n", "60", "--temp", "0");
        ProgramResult shifted = await MekiProgram.Run("run", "The other", "-m", _folder["c"], "-n", "60", "--temp", "0", "--context-shift", "--keep", "4");
        Assert.Equal((0, 0), (ended.ExitCode, shifted.ExitCode));
        Assert.DoesNotContain("+60 tokens", ended.Errors[^1], StringComparison.Ordinal);
        Assert.Contains("+60 tokens", shifted.Errors[^1], StringComparison.Ordinal);
        Assert.StartsWith(ended.Output.TrimEnd(), shifted.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_model()
    {
        ProgramResult run = await MekiProgram.Run("run", Prompt, "--model", _folder["none"]);
        run.AssertFailed(1, $"{_folder["none"]}: there is no such file or folder");
        Assert.Equal("", run.Output.Trim());
    }

    [Theory]
    [InlineData("--no-such-option")]
    [InlineData("--temp", "warm")]
    [InlineData("--max-tokens", "many")]
    [InlineData("second prompt")]
    public async Task Misuse(params string[] arguments)
    {
        ProgramResult run = await MekiProgram.Run(["run", Prompt, .. arguments]);
        run.AssertFailed(2, arguments[^1]);
        Assert.Equal("", run.Output);
    }

    [Theory]
    [InlineData("--temp", "-1")]
    [InlineData("--top-p", "2")]
    [InlineData("--max-tokens", "-5")]
    [InlineData("--keep", "-2")]
    [InlineData("--threads", "0")]
    public async Task Settings_out_of_range(string option, string value) =>
        (await MekiProgram.Run("run", Prompt, $"{option}={value}")).AssertFailed(2, value);

    [Fact]
    public async Task Truncated_gguf()
    {
        string gguf = _folder["model.gguf"];
        File.WriteAllBytes(gguf, File.ReadAllBytes(Path.Combine(MekiProgram.DemoModel, "model.gguf"))[..500_000]);
        (await MekiProgram.Run("run", Prompt, "--model", gguf)).AssertFailed(1, gguf);
    }

    [Fact]
    public async Task Rows_of_another_model()
    {
        new TinyCheckpoint().Write(_folder["c"]);
        Assert.Equal(0, (await MekiProgram.Run("convert", _folder["c"], "-o", _folder["out"])).ExitCode);
        string rows = Path.Combine(_folder["out"], "model.rows");
        File.Copy(Path.Combine(MekiProgram.DemoModel, "model.rows"), rows, overwrite: true);
        (await MekiProgram.Run("run", Prompt, "--model", _folder["out"])).AssertFailed(1, $"{rows}: header: the rows belong to another model");
    }

    [Fact]
    public async Task Prompt_longer_than_the_context() =>
        (await MekiProgram.Run("run", string.Concat(Enumerable.Repeat("x ", 4_200)))).AssertFailed(1, "tokens do not fit");

    [Fact]
    public async Task Empty_prompt() => (await MekiProgram.Run("run", "")).AssertFailed(1, "The prompt has no tokens");

    [Theory]
    [Trait("Fault", "18.5")]
    [InlineData("run", Prompt, "-n", "4", "--model")]
    [InlineData("convert", "-o", "{out}")]
    public async Task What_a_file_says_wrongly_is_a_line_on_standard_error(params string[] command)
    {
        new TinyCheckpoint().Write(_folder["c"]);
        File.WriteAllText(Path.Combine(_folder["c"], "generation_config.json"), """{"eos_token_id":100000}""");
        IEnumerable<string> words = command.Select(word => word.Replace("{out}", _folder["out"], StringComparison.Ordinal));
        ProgramResult result = await MekiProgram.Run([.. words, _folder["c"]]);
        Assert.Equal(0, result.ExitCode);
        string warning = "generation_config.json, $.eos_token_id: the id 100000 is outside the vocabulary of 300 tokens and is ignored";
        Assert.Contains($"meki: warning: {warning}", result.Errors);
    }

    [Fact]
    public async Task Checkpoint_without_a_tokenizer()
    {
        new TinyCheckpoint { HasTokenizer = false }.Write(_folder["c"]);
        (await MekiProgram.Run("run", Prompt, "--model", _folder["c"])).AssertFailed(1, $"{_folder["c"]} has no tokenizer");
    }

    [GeneratedRegex(@"^(\d+)\+(\d+) tokens \| prefill ([\d.]+) tokens/s \| decode ([\d.]+) tokens/s \| resident (\d+) MB"
        + @" \| (\d+) rows, ([\d.]+) kB read from storage \| waited ([\d.]+) ms for rows$")]
    private static partial Regex FactsLine();
}
