using MeKi.Model.Tests.Files;

namespace MeKi.Tool.Tests;

/// <summary>A command line that is wrong is one line on standard error, before any work.</summary>
[Collection("console")]
public sealed class CommandLineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(2, "There is no prompt")]
    [InlineData(2, "Give one prompt", "a", "--file", "b")]
    [InlineData(2, "Give one prompt", "a", "--tokens", "1")]
    [InlineData(2, "Give one prompt", "-", "--file", "-")]
    [InlineData(1, "none.txt: there is no such file", "--file", "none.txt")]
    [InlineData(1, "is empty or not a regular file", "--file", "/dev/null")]
    [InlineData(1, "is a folder", "--file", "/")]
    [InlineData(2, "--file takes a value that is not empty", "--file", "")]
    [InlineData(2, "--model takes a value that is not empty", "a", "-m", "")]
    [InlineData(2, "There is no option '--tmp'", "--tmp")]
    [InlineData(2, "Unrecognized command or argument '-x'", "a", "-x")]
    [Trait("Fault", "18.convenience")]
    public async Task A_prompt_that_cannot_be_had_is_one_line(int exitCode, string problem, params string[] arguments)
    {
        ProgramResult run = await ConsoleProgram.Run(["run", .. arguments]);
        run.AssertFailed(exitCode, problem);
        Assert.Single(run.Errors);
        Assert.Equal("", run.Output);
    }

    [Theory]
    [InlineData("none/play.session", "its folder does not exist")]
    [InlineData("", "it is a folder")]
    [InlineData("file/play.session", "its folder does not exist")]
    [Trait("Fault", "18.20")]
    public async Task A_prompt_cache_that_cannot_be_written_is_noticed_before_anything_is_computed(string name, string problem)
    {
        _folder.Add("file", [1]);
        ProgramResult run = await ConsoleProgram.Run("run", "ROMEO:", "-n", "4", "--prompt-cache", _folder[name]);
        run.AssertFailed(1, $"cannot be written: {problem}");
        Assert.Single(run.Errors);
        Assert.Equal("", run.Output);
    }

    [UnixTheory]
    [InlineData("/proc/play.session")]
    [Trait("Fault", "18.20")]
    public async Task A_prompt_cache_in_a_folder_that_takes_no_file_is_noticed_before_anything_is_computed(string cache)
    {
        ProgramResult run = await ConsoleProgram.Run("run", "ROMEO:", "-n", "4", "--prompt-cache", cache);
        run.AssertFailed(1, $"{cache}: cannot be written");
        Assert.Equal("", run.Output);
    }

    [Theory]
    [InlineData("There is no command 'foo'", "foo")]
    [InlineData("A command is missing: run, chat, serve, convert")]
    [Trait("Fault", "18.convenience")]
    public async Task A_command_line_without_a_command_names_them(string problem, params string[] arguments)
    {
        ProgramResult run = await ConsoleProgram.Run(arguments);
        run.AssertFailed(2, problem);
        Assert.EndsWith("Try 'meki --help'.", Assert.Single(run.Errors), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public async Task The_version_is_that_of_the_packages()
    {
        ProgramResult run = await MekiProgram.Run("--version");
        Assert.Equal((0, typeof(MeKi.Model.MeKiModel).Assembly.GetName().Version!.ToString(3)), (run.ExitCode, run.Output.TrimEnd()));
    }

    [Fact]
    [Trait("Fault", "18.6")]
    public async Task A_decimal_comma_is_one_line_that_says_what_to_write()
    {
        ProgramResult run = await ConsoleProgram.Run("run", "ROMEO:", "-n", "1", "--temp", "0,5");
        run.AssertFailed(2, "--temp takes a number from 0 to 1000, not '0,5' (decimals take a point)");
        Assert.Single(run.Errors);
        Assert.Equal("", run.Output);
    }

    [Theory]
    [InlineData("--repeat-penalty", "1e-39", "from 0.001 to 1000")]
    [InlineData("--repeat-penalty", "1e39", "from 0.001 to 1000")]
    [InlineData("--threads", "100000", "from 1 to 1024")]
    [Trait("Fault", "18.23")]
    [Trait("Fault", "18.19")]
    public async Task A_value_out_of_range_is_one_line_with_the_range(string option, string value, string range)
    {
        ProgramResult run = await ConsoleProgram.Run("run", "ROMEO:", "-n", "1", option, value);
        run.AssertFailed(2, range);
        Assert.Single(run.Errors);
    }
}
