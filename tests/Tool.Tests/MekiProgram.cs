using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using MeKi.Tests;

namespace MeKi.Tool.Tests;

/// <summary>What a run of the program gave.</summary>
internal sealed record ProgramResult(int ExitCode, string Output, string[] Errors)
{
    /// <summary>Asserts that the run failed with one line that says why; a conversion may have shown its progress before.</summary>
    public void AssertFailed(int exitCode, string problem)
    {
        string all = string.Join('\n', Errors);
        Assert.True(Errors.Length > 0, "nothing on standard error");
        Assert.StartsWith("meki: ", Errors[^1], StringComparison.Ordinal);
        Assert.Contains(problem, Errors[^1], StringComparison.Ordinal);
        Assert.All(Errors[..^1],
            line => Assert.Matches(@"^(check|weights|fold|rows) +(0 % of [\d.,]+ MB|\d+ % of [\d.,]+ MB, [\d.,]+ MB/s, \d+:\d\d:\d\d left)$", line));
        Assert.DoesNotContain("   at ", all, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", all, StringComparison.Ordinal);
        Assert.Equal(exitCode, ExitCode);
    }
}

/// <summary>The built program <c>meki</c>, run as a process of its own.</summary>
internal static partial class MekiProgram
{
    // Signals of every Unix.
    public const int HangUp = 1, Interrupt = 2, Terminate = 15;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static string DemoModel { get; } = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    private static string Host { get; } = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "meki.dll");

    public static Task<ProgramResult> Run(params string[] arguments) => RunAsync(Start(Host, [Program, .. arguments]), null);

    /// <summary>Runs the program with one environment variable more.</summary>
    public static Task<ProgramResult> RunWith(string variable, string value, params string[] arguments)
    {
        ProcessStartInfo start = Start(Host, [Program, .. arguments]);
        start.Environment[variable] = value;
        return RunAsync(start, null);
    }

    /// <summary>Runs the program as a shell does that opens its standard streams so: <c>2&gt;&amp;-</c>, <c>&gt;/dev/full</c>.</summary>
    public static Task<ProgramResult> RunRedirected(string redirection, params string[] arguments) =>
        RunAsync(Start("/bin/sh", ["-c", $"exec \"$@\" {redirection}", "sh", Host, Program, .. arguments]), null);

    /// <summary>Runs the program as a shell does that has set a limit before.</summary>
    public static Task<ProgramResult> RunUnder(string limit, params string[] arguments) =>
        RunAsync(Start("/bin/sh", ["-c", $"{limit}; exec \"$@\"", "sh", Host, Program, .. arguments]), null);

    /// <summary>Runs the program with a text on its standard input.</summary>
    public static Task<ProgramResult> RunWithInput(string input, params string[] arguments) => RunAsync(Start(Host, [Program, .. arguments]), null, input);

    /// <summary>Runs MSBuild, which leaves no process behind.</summary>
    public static Task<ProgramResult> RunBuild(params string[] arguments)
    {
        ProcessStartInfo start = Start(Host, ["msbuild", "-nodeReuse:false", .. arguments]);
        start.Environment["DOTNET_NOLOGO"] = "1";
        return RunAsync(start, null);
    }

    /// <summary>Runs the program, has it wait at the first line on standard error that begins so, and sends it SIGINT there.</summary>
    public static Task<ProgramResult> RunAndInterrupt(string lineBegin, params string[] arguments) => RunAndSignal(Interrupt, lineBegin, arguments);

    /// <summary>Likewise with another signal.</summary>
    public static Task<ProgramResult> RunAndSignal(int signal, string lineBegin, params string[] arguments) =>
        RunAsync(Start(Host, [Path.Combine(AppContext.BaseDirectory, "MeKi.Tool.Tests.dll"), lineBegin, .. arguments]), lineBegin, signal: signal);

    /// <summary>Runs the program as a shell does that was told something before: <c>ulimit -f 8</c>.</summary>
    public static Task<ProgramResult> RunBehind(string command, params string[] arguments) =>
        RunAsync(Start("/bin/sh", ["-c", $"{command}; exec \"$@\"", "sh", Host, Program, .. arguments]), null);

    /// <summary>
    /// Runs the program until it has written so many characters to standard output, does something to it and gives what came of it. The program must not end
    /// before.
    /// </summary>
    public static async Task<ProgramResult> RunUntil(int characters, Action<Process> act, params string[] arguments)
    {
        using Process process = Process.Start(Start(Host, [Program, .. arguments]))!;
        using CancellationTokenSource patience = new(Patience);
        try
        {
            process.StandardInput.Close();
            Task<string> errors = process.StandardError.ReadToEndAsync(patience.Token);
            char[] first = new char[characters];
            int read = await process.StandardOutput.ReadBlockAsync(first, patience.Token);
            act(process);
            string rest = "";
            try
            {
                rest = await process.StandardOutput.ReadToEndAsync(patience.Token);
            }
            catch (ObjectDisposedException)
            {
                // The test closed its end.
            }
            await process.WaitForExitAsync(patience.Token);
            return new(process.ExitCode, new string(first, 0, read) + rest, (await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    /// <summary>Runs the program, talks with it over its standard streams, and gives what came of it; its standard input is closed then.</summary>
    public static async Task<ProgramResult> Converse(Func<Process, CancellationToken, Task> talk, params string[] arguments)
    {
        using Process process = Process.Start(Start(Host, [Program, .. arguments]))!;
        using CancellationTokenSource patience = new(Patience);
        try
        {
            Task<string> errors = process.StandardError.ReadToEndAsync(patience.Token);
            await talk(process, patience.Token);
            process.StandardInput.Close();
            string output = await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return new(process.ExitCode, output, (await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    /// <summary>Runs the program, does something once a line on standard error begins so behind "meki: ", and gives what came of it.</summary>
    /// <param name="lineBegin">How the line begins.</param>
    /// <param name="act">Gets the line; is to see to it that the program ends.</param>
    /// <param name="arguments">The command line.</param>
    public static async Task<ProgramResult> Converse(string lineBegin, Func<string, Process, CancellationToken, Task> act, params string[] arguments)
    {
        using Process process = Process.Start(Start(Host, [Program, .. arguments]))!;
        using CancellationTokenSource patience = new(Patience);
        try
        {
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token);
            List<string> errors = [];
            while (await process.StandardError.ReadLineAsync(patience.Token) is { } line)
            {
                errors.Add(line);
                if (!line.StartsWith($"meki: {lineBegin}", StringComparison.Ordinal))
                    continue;
                Task<string> rest = process.StandardError.ReadToEndAsync(patience.Token);
                await act(line, process, patience.Token);
                errors.AddRange((await rest).Split('\n', StringSplitOptions.RemoveEmptyEntries));
            }
            await process.WaitForExitAsync(patience.Token);
            return new(process.ExitCode, await output, [.. errors]);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    /// <summary>Sends a signal to a process. It fails if the process has ended, which its exit code tells.</summary>
    // Not the program kill: it may take longer to start than what it is to interrupt.
    public static void Signal(Process process, int signal) => _ = Kill(process.Id, signal);

    /// <summary>How to start a program beside the repository's files, its streams in the hands of the test.</summary>
    // Hundreds of processes that live for a second: their loops are compiled when they have run a while. InheritedSettingsTests hold what users have.
    private static ProcessStartInfo Start(string program, IEnumerable<string> arguments) => new(program, arguments)
    {
        Environment = { ["DOTNET_TC_QuickJitForLoops"] = "1", ["DOTNET_TieredPGO"] = "0" },
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        RedirectStandardInput = true,
        StandardOutputEncoding = Encoding.UTF8,
        StandardErrorEncoding = Encoding.UTF8,
        StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
        WorkingDirectory = SharedMaterial.Repository,
    };

    private static async Task<ProgramResult> RunAsync(ProcessStartInfo start, string? interruptAt, string input = "", int signal = Interrupt)
    {
        using Process process = Process.Start(start)!;
        using CancellationTokenSource patience = new(Patience);
        try
        {
            await process.StandardInput.WriteAsync(input.AsMemory(), patience.Token);
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token);
            List<string> errors = [];
            while (await process.StandardError.ReadLineAsync(patience.Token) is { } line)
            {
                errors.Add(line);
                if (interruptAt is not null && line.StartsWith(interruptAt, StringComparison.Ordinal))
                {
                    interruptAt = null;
                    Signal(process, signal);
                }
            }
            await process.WaitForExitAsync(patience.Token);
            return new(process.ExitCode, await output, [.. errors]);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

/// <summary>A theory that needs a shell and the signals or devices of Unix; reported as skipped on Windows.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnixTheoryAttribute : TheoryAttribute
{
    public UnixTheoryAttribute()
    {
        if (OperatingSystem.IsWindows())
            Skip = "needs what only Unix has";
    }
}

/// <summary>A fact that needs a shell and the signals or devices of Unix; reported as skipped on Windows.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute()
    {
        if (OperatingSystem.IsWindows())
            Skip = "needs what only Unix has";
    }
}
