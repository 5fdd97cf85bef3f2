using MeKi.Model.Tests.Files;
using MeKi.Tests;

namespace MeKi.Tool.Tests;

/// <summary>Where <c>meki run</c> takes its prompt from, and what it makes of it.</summary>
public sealed class PromptTests : IDisposable
{
    private const string Text = "ROMEO:\nNow";
    private static readonly string[] Greedy = ["-n", "12", "--temp", "0", "-m", MekiProgram.DemoModel];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task A_file_and_standard_input_give_the_text_of_an_argument()
    {
        ProgramResult expected = await MekiProgram.Run(["run", Text, .. Greedy]);
        Assert.Equal(0, expected.ExitCode);
        string file = _folder["prompt.txt"];
        foreach (string content in new[] { Text, Text + "\n", Text + "\r\n", "\uFEFF" + Text })
        {
            File.WriteAllText(file, content);
            Assert.Equal(expected.Output, (await MekiProgram.Run(["run", "--file", file, .. Greedy])).Output);
        }
        Assert.Equal(expected.Output, (await MekiProgram.RunWithInput(Text + "\n", ["run", "-", .. Greedy])).Output);
        Assert.Equal(expected.Output, (await MekiProgram.RunWithInput(Text, ["run", "-f", "-", .. Greedy])).Output);
        // Only one line end belongs to the file and not to the text.
        File.WriteAllText(file, Text + "\n\n");
        Assert.StartsWith(Text + "\n", (await MekiProgram.Run(["run", "--file", file, .. Greedy])).Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task Temperature_has_its_long_name()
    {
        ProgramResult greedy = await MekiProgram.Run("run", Text, "-n", "12", "--temp", "0");
        Assert.Equal((0, greedy.Output), ((await MekiProgram.Run("run", Text, "-n", "12", "--temperature", "0")) is var run ? run.ExitCode : 0, run.Output));
    }

    [Theory]
    [InlineData(2, "There is no prompt")]
    [InlineData(2, "Give one prompt", "a", "--file", "b")]
    [InlineData(2, "Give one prompt", "a", "--tokens", "1")]
    [InlineData(2, "Give one prompt", "-", "--file", "-")]
    [InlineData(1, "none.txt: there is no such file", "--file", "none.txt")]
    [InlineData(1, "is empty or not a regular file", "--file", "/dev/null")]
    [InlineData(1, "is a folder", "--file", "models")]
    [InlineData(2, "--file takes a value that is not empty", "--file", "")]
    [InlineData(2, "--model takes a value that is not empty", "a", "-m", "")]
    [InlineData(2, "There is no option '--tmp'", "--tmp")]
    [InlineData(2, "Unrecognized command or argument '-x'", "a", "-x")]
    [Trait("Fault", "18.convenience")]
    public async Task A_prompt_that_cannot_be_had_is_one_line(int exitCode, string problem, params string[] arguments)
    {
        ProgramResult run = await MekiProgram.Run(["run", .. arguments]);
        run.AssertFailed(exitCode, problem);
        Assert.Single(run.Errors);
        Assert.Equal("", run.Output);
    }

    [UnixFact]
    [Trait("Fault", "18.convenience")]
    public async Task A_closed_standard_input_and_a_pipe_in_the_place_of_a_file_do_not_hang()
    {
        (await MekiProgram.RunRedirected("<&-", "run", "-")).AssertFailed(1, "standard input is closed");
        string pipe = _folder["pipe"];
        using (System.Diagnostics.Process make = System.Diagnostics.Process.Start("mkfifo", [pipe]))
            make.WaitForExit();
        File.CreateSymbolicLink(_folder["link"], pipe);
        foreach (string path in new[] { pipe, _folder["link"] })
            (await MekiProgram.Run("run", "--file", path)).AssertFailed(1, "not a regular file");
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task Text_that_is_not_UTF_8_is_refused_with_its_place()
    {
        string file = _folder.Add("latin1.txt", [(byte)'a', 0xE4, (byte)'b']);
        (await MekiProgram.Run("run", "--file", file)).AssertFailed(1, $"{file}: byte 1: the text is not UTF-8");
        (await MekiProgram.RunRedirected($"<{file}", "run", "-")).AssertFailed(1, "standard input: byte 1: the text is not UTF-8");
    }

    [Fact]
    [Trait("Fault", "18.21")]
    public async Task What_begins_with_an_at_sign_is_text()
    {
        string secret = _folder["secret"];
        File.WriteAllText(secret, "--max-tokens\n0\n--stop\nSECRET");
        ProgramResult run = await MekiProgram.Run("run", "@" + secret, "-n", "1");
        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith("@" + secret, run.Output, StringComparison.Ordinal);
        (await MekiProgram.Run("run", "x", "-m", "@" + secret)).AssertFailed(1, $"@{secret}: there is no such file");
        (await MekiProgram.Run("verify", "@" + secret)).AssertFailed(1, $"@{secret}: ");
    }

    [Fact]
    [Trait("Fault", "18.21")]
    public async Task A_prompt_that_begins_with_a_dash_goes_behind_two()
    {
        ProgramResult run = await MekiProgram.Run("run", "-n", "1", "--", "--temp 7");
        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith("--temp 7", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("out-of-date/play.session", "its folder does not exist")]
    [InlineData("", "it is a folder")]
    [InlineData("file/play.session", "its folder does not exist")]
    [Trait("Fault", "18.20")]
    public async Task A_prompt_cache_that_cannot_be_written_is_noticed_before_anything_is_computed(string name, string problem)
    {
        _folder.Add("file", [1]);
        ProgramResult run = await MekiProgram.Run("run", Text, "-n", "4", "--prompt-cache", _folder[name]);
        run.AssertFailed(1, $"cannot be written: {problem}");
        Assert.Single(run.Errors);
        Assert.Equal("", run.Output);
    }

    [UnixTheory]
    [InlineData("/proc/play.session")]
    [Trait("Fault", "18.20")]
    public async Task A_prompt_cache_in_a_folder_that_takes_no_file_is_noticed_before_anything_is_computed(string cache)
    {
        ProgramResult run = await MekiProgram.Run("run", Text, "-n", "4", "--prompt-cache", cache);
        run.AssertFailed(1, $"{cache}: cannot be written");
        Assert.Equal("", run.Output);
    }

    [Theory]
    [InlineData("model.gguf")]
    [InlineData("model.rows")]
    [Trait("Fault", "18.20")]
    public async Task A_prompt_cache_is_never_written_over_another_file(string name)
    {
        foreach (string file in new[] { "model.gguf", "model.rows" })
            File.Copy(Path.Combine(MekiProgram.DemoModel, file), _folder[file]);
        byte[] before = File.ReadAllBytes(_folder[name]);
        (await MekiProgram.Run("run", Text, "-n", "4", "-m", _folder.FullName, "--prompt-cache", _folder[name])).AssertFailed(1, "this is not a session file");
        Assert.Equal(before, File.ReadAllBytes(_folder[name]));
    }

    [Fact]
    [Trait("Fault", "18.20")]
    public async Task Runs_that_share_a_prompt_cache_do_not_disturb_each_other_nor_a_file_of_the_user()
    {
        string cache = _folder["play.session"], partial = _folder.Add("play.session.partial", "mine"u8);
        string[] arguments = ["run", Text, "-n", "8", "--temp", "0", "--prompt-cache", cache];
        ProgramResult[] runs = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => MekiProgram.Run(arguments)));
        Assert.All(runs, run => Assert.Equal((0, runs[0].Output), (run.ExitCode, run.Output)));
        Assert.Equal(0, (await MekiProgram.Run(arguments)).ExitCode);
        Assert.Equal("mine", File.ReadAllText(partial));
        Assert.Equal([cache, partial], Directory.GetFiles(_folder.FullName).Order(StringComparer.Ordinal));
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task The_end_of_the_context_is_named()
    {
        new TinyCheckpoint { Tied = false, Context = 24 }.Write(_folder["c"]);
        ProgramResult full = await MekiProgram.Run("run", "The other", "-m", _folder["c"], "-n", "60", "--temp", "0");
        Assert.Equal((0, 2), (full.ExitCode, full.Errors.Length));
        Assert.Equal("the context of 24 tokens is full: the text ends here; --context-shift would go on", full.Errors[0]);
        ProgramResult kept = await MekiProgram.Run("run", "The other", "-m", _folder["c"], "-n", "60", "--temp", "0", "--context-shift", "--keep", "-1");
        Assert.DoesNotContain(kept.Errors, line => kept.Errors[^1].Contains("+60 tokens", StringComparison.Ordinal) && line.Contains("is full", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task The_version_is_that_of_the_packages()
    {
        ProgramResult run = await MekiProgram.Run("--version");
        Assert.Equal((0, typeof(MeKi.Model.MeKiModel).Assembly.GetName().Version!.ToString(3)), (run.ExitCode, run.Output.TrimEnd()));
    }

    [Theory]
    [InlineData("There is no command 'foo'", "foo")]
    [InlineData("A command is missing: run, convert")]
    [Trait("Fault", "18.convenience")]
    public async Task A_command_line_without_a_command_names_them(string problem, params string[] arguments)
    {
        ProgramResult run = await MekiProgram.Run(arguments);
        run.AssertFailed(2, problem);
        Assert.EndsWith("Try 'meki --help'.", Assert.Single(run.Errors), StringComparison.Ordinal);
    }
}
