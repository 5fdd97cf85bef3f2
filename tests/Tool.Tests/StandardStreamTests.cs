using System.Diagnostics;
using MeKi.Model.Tests.Files;

namespace MeKi.Tool.Tests;

/// <summary>Standard streams that are closed, full or without a reader, and a terminal that wants no escape sequences.</summary>
public sealed class StandardStreamTests : IDisposable
{
    private static readonly string[] Endless = ["run", "ROMEO:", "-n", "2000000000", "--context-shift", "--temp", "0"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [UnixTheory]
    [InlineData("2>&-")]
    [InlineData("2>/dev/full")]
    [InlineData("<&- 2>&-")]
    [Trait("Fault", "18.19")]
    public async Task Nobody_need_hear_standard_error(string redirection)
    {
        ProgramResult run = await MekiProgram.RunRedirected(redirection, "run", "ROMEO:", "-n", "4");
        Assert.Equal((0, 0), (run.ExitCode, run.Errors.Length));
    }

    [UnixTheory]
    [InlineData("2>&-")]
    [InlineData("2>/dev/full")]
    [Trait("Fault", "18.19")]
    public async Task A_failure_that_nobody_hears_has_its_exit_code(string redirection)
    {
        // Progress first, on several threads.
        File.WriteAllBytes(_folder["damaged"], [.. File.ReadAllBytes(Path.Combine(MekiProgram.DemoModel, "model.rows"))[..^1], 0xFF]);
        Assert.Equal(1, (await MekiProgram.RunRedirected(redirection, "verify", _folder["damaged"])).ExitCode);
    }

    [UnixTheory]
    [InlineData(">&-", "it is closed")]
    [InlineData("<&- >&-", "it is closed")]
    [InlineData(">/dev/full", "No space left on device")]
    [Trait("Fault", "18.19")]
    public async Task Output_that_cannot_be_written_is_one_line(string redirection, string problem)
    {
        foreach (string[] arguments in new string[][] { Endless, ["--help"] })
        {
            ProgramResult run = await MekiProgram.RunRedirected(redirection, arguments);
            Assert.Equal($"meki: standard output cannot be written: {problem}.", run.Errors[^1]);
            Assert.Equal(1, run.ExitCode);
            Assert.DoesNotContain("Exception", string.Concat(run.Errors), StringComparison.Ordinal);
        }
    }

    [UnixFact]
    [Trait("Fault", "18.19")]
    public async Task A_text_ends_when_its_reader_is_gone()
    {
        string cache = _folder["play.session"];
        ProgramResult run = await MekiProgram.RunUntil(20, process => process.StandardOutput.Dispose(), [.. Endless, "--prompt-cache", cache]);
        Assert.Equal(141, run.ExitCode);
        Assert.DoesNotContain(run.Errors, line => line.StartsWith("meki: ", StringComparison.Ordinal) || line.Contains("   at ", StringComparison.Ordinal));
        Assert.True(File.Exists(cache));
    }

    [UnixFact]
    public async Task Other_writers_of_one_file_go_on_where_the_text_ends()
    {
        string file = _folder["log"];
        File.WriteAllText(file, "");
        foreach (string mode in new[] { ">", ">>" })
        {
            using Process process = Process.Start("/bin/sh", ["-c", $"{{ echo first; \"$@\"; echo last; }} {mode} \"$0\" 2>&1", file, "dotnet",
                Path.Combine(AppContext.BaseDirectory, "meki.dll"), "run", "ROMEO:", "-n", "0", "-m", MekiProgram.DemoModel]);
            await process.WaitForExitAsync();
            string[] lines = File.ReadAllLines(file);
            Assert.Equal(["first", "ROMEO:", "last"], [lines[^4], lines[^3], lines[^1]]);
            Assert.Contains("+0 tokens", lines[^2], StringComparison.Ordinal);
        }
    }

    [UnixTheory]
    [InlineData(MekiProgram.HangUp, 129)]
    [InlineData(MekiProgram.Interrupt, 130)]
    [InlineData(MekiProgram.Terminate, 143)]
    [Trait("Fault", "18.22")]
    public async Task A_signal_keeps_the_prompt_cache(int signal, int exitCode)
    {
        string cache = _folder["play.session"];
        ProgramResult run = await MekiProgram.RunUntil(20, process => MekiProgram.Signal(process, signal), [.. Endless, "--prompt-cache", cache]);
        run = run with { Errors = [.. run.Errors.Where(line => line.StartsWith("meki: ", StringComparison.Ordinal))] };
        run.AssertFailed(exitCode, "interrupted");
        Assert.EndsWith("\n", run.Output, StringComparison.Ordinal);
        ProgramResult again = await MekiProgram.Run("run", "ROMEO:", "-n", "1", "--prompt-cache", cache);
        Assert.Matches(@"^prompt cache: [1-9]\d* of \d+ tokens reused", again.Errors[0]);
        Assert.Equal([cache], Directory.GetFiles(_folder.FullName));
    }

    /// <summary>What <c>dotnet run</c> hides: it keeps the output of a build to itself.</summary>
    [UnixFact]
    [Trait("Fault", "18.convenience")]
    public async Task The_first_build_says_on_standard_error_that_it_builds()
    {
        if (!OperatingSystem.IsLinux())
            return;
        ProgramResult build = await MekiProgram.RunBuild("tools/meki/meki.csproj", "-t:SayThatItBuilds", $"-p:TargetPath={_folder["none"]}", "-v:q", "-nologo");
        Assert.Equal((0, ""), (build.ExitCode, build.Output));
        Assert.Equal("meki: building first, which may take a minute", Assert.Single(build.Errors));
    }

    [Theory]
    [InlineData("xterm-256color", null, true)]
    [InlineData("xterm", "", true)]
    [InlineData("xterm", "1", false)]
    [InlineData("xterm", "0", false)]
    [InlineData("dumb", null, false)]
    [InlineData("", null, false)]
    [Trait("Fault", "18.22")]
    public void Only_a_terminal_that_takes_them_gets_escape_sequences(string? terminal, string? noColor, bool expected) =>
        Assert.Equal(expected, StageProgress.AllowsEscapeSequences(terminal, noColor));

    [TerminalTheory]
    [InlineData("TERM=dumb")]
    [InlineData("TERM=xterm-256color NO_COLOR=1")]
    [Trait("Fault", "18.22")]
    public async Task No_escape_sequence_reaches_a_terminal_that_wants_none(string environment)
    {
        foreach (string command in new[] { $"verify {MekiProgram.DemoModel}", "run --help" })
        {
            string program = $"env {environment} dotnet {Path.Combine(AppContext.BaseDirectory, "meki.dll")} {command}";
            ProcessStartInfo start = new(TerminalTheoryAttribute.Program, ["-qc", program, "/dev/null"])
            {
                RedirectStandardOutput = true,
                RedirectStandardInput = true,
            };
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            string screen = await process.StandardOutput.ReadToEndAsync();
            Assert.NotEqual("", screen);
            Assert.DoesNotContain('\u001b', screen);
        }
    }
}

/// <summary>A theory that needs a terminal; reported as skipped where the program <c>script</c>, which makes one, is not.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TerminalTheoryAttribute : TheoryAttribute
{
    public const string Program = "/usr/bin/script";

    public TerminalTheoryAttribute()
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(Program))
            Skip = $"needs {Program} of util-linux";
    }
}
