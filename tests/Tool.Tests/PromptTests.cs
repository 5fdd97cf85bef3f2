using MeKi.Model;
using MeKi.Model.Tests.Files;
using MeKi.Tests;

namespace MeKi.Tool.Tests;

/// <summary>Where <c>meki run</c> takes its prompt from, and what it makes of it.</summary>
[Collection("console")]
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
        ProgramResult expected = await ConsoleProgram.Run(["run", Text, .. Greedy]);
        Assert.Equal(0, expected.ExitCode);
        string file = _folder["prompt.txt"];
        foreach (string content in new[] { Text, Text + "\n", Text + "\r\n", "\uFEFF" + Text })
        {
            File.WriteAllText(file, content);
            Assert.Equal(expected.Output, (await ConsoleProgram.Run(["run", "--file", file, .. Greedy])).Output);
        }
        Assert.Equal(expected.Output, (await MekiProgram.RunWithInput(Text + "\n", ["run", "-", .. Greedy])).Output);
        Assert.Equal(expected.Output, (await MekiProgram.RunWithInput(Text, ["run", "-f", "-", .. Greedy])).Output);
        // Only one line end belongs to the file and not to the text.
        File.WriteAllText(file, Text + "\n\n");
        Assert.StartsWith(Text + "\n", (await ConsoleProgram.Run(["run", "--file", file, .. Greedy])).Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task Temperature_has_its_long_name()
    {
        ProgramResult greedy = await ConsoleProgram.Run("run", Text, "-n", "12", "--temp", "0");
        Assert.Equal((0, greedy.Output), ((await ConsoleProgram.Run("run", Text, "-n", "12", "--temperature", "0")) is var run ? run.ExitCode : 0, run.Output));
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task Token_ids_continue_as_their_text_does()
    {
        string ids;
        using (MeKiModel model = MeKiModel.Load(MekiProgram.DemoModel))
            ids = string.Join(',', model.Tokenizer!.Encode(Text));
        ProgramResult text = await ConsoleProgram.Run(["run", Text, .. Greedy]), tokens = await ConsoleProgram.Run(["run", "--tokens", ids, .. Greedy]);
        Assert.Equal((0, text.Output), (tokens.ExitCode, Text + tokens.Output));
        (await ConsoleProgram.Run(["run", "--tokens", "1,2048", .. Greedy])).AssertFailed(1, "outside the vocabulary");
        (await ConsoleProgram.Run(["run", "--tokens", "1,,2", .. Greedy])).AssertFailed(2, "--tokens takes a whole number");
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task Special_tokens_are_plain_text_on_demand()
    {
        const string Turn = "<|im_start|>";
        ProgramResult special = await ConsoleProgram.Run(["run", Turn, .. Greedy]), plain = await ConsoleProgram.Run(["run", Turn, "--no-special", .. Greedy]);
        Assert.StartsWith("1+", special.Errors[^1], StringComparison.Ordinal);
        Assert.Matches(@"^([2-9]|\d\d)\+", plain.Errors[^1]);
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task Weights_in_memory_of_the_process_write_the_same_text()
    {
        ProgramResult mapped = await ConsoleProgram.Run(["run", Text, .. Greedy]);
        ProgramResult copied = await ConsoleProgram.Run(["run", Text, "--no-mmap", "--stats", .. Greedy]);
        Assert.Equal((0, mapped.Output), (copied.ExitCode, copied.Output));
        Assert.Contains("| weights 0.0 MB mapped,", copied.Errors[0], StringComparison.Ordinal);
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
        ProgramResult run = await ConsoleProgram.Run("run", "@" + secret, "-n", "1");
        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith("@" + secret, run.Output, StringComparison.Ordinal);
        (await ConsoleProgram.Run("run", "x", "-m", "@" + secret)).AssertFailed(1, $"@{secret}: there is no such file");
        (await ConsoleProgram.Run("verify", "@" + secret)).AssertFailed(1, $"@{secret}: ");
    }

    [Fact]
    [Trait("Fault", "18.21")]
    public async Task A_prompt_that_begins_with_a_dash_goes_behind_two()
    {
        ProgramResult run = await ConsoleProgram.Run("run", "-n", "1", "--", "--temp 7");
        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith("--temp 7", run.Output, StringComparison.Ordinal);
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
        ProgramResult run = await ConsoleProgram.Run("run", Text, "-n", "4", "-m", _folder.FullName, "--prompt-cache", _folder[name]);
        run.AssertFailed(1, "this is not a session file");
        Assert.Equal(before, File.ReadAllBytes(_folder[name]));
    }

    [Fact]
    [Trait("Fault", "18.20")]
    public async Task Runs_that_share_a_prompt_cache_do_not_disturb_each_other_nor_a_file_of_the_user()
    {
        string cache = _folder["play.session"], partial = _folder.Add("play.session.partial", "mine"u8);
        string[] arguments = ["run", Text, "-n", "8", "--temp", "0", "--prompt-cache", cache];
        ProgramResult[] runs = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => MekiProgram.Run(arguments)));
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
        ProgramResult full = await ConsoleProgram.Run("run", "The other", "-m", _folder["c"], "-n", "60", "--temp", "0");
        Assert.Equal((0, 2), (full.ExitCode, full.Errors.Length));
        Assert.Equal("the context of 24 tokens is full: the text ends here; --context-shift would go on", full.Errors[0]);
        ProgramResult kept = await ConsoleProgram.Run("run", "The other", "-m", _folder["c"], "-n", "60", "--temp", "0", "--context-shift", "--keep", "-1");
        Assert.Contains("+60 tokens", Assert.Single(kept.Errors), StringComparison.Ordinal);
    }
}
