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
        Assert.All(Errors[..^1], line => Assert.Matches(@"^(check|weights|fold|rows) +(0 % of [\d.,]+ MB|\d+ % of [\d.,]+ MB, [\d.,]+ MB/s, \d+:\d\d:\d\d left)$", line));
        Assert.DoesNotContain("   at ", all, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", all, StringComparison.Ordinal);
        Assert.Equal(exitCode, ExitCode);
    }
}

/// <summary>The built program <c>meki</c>, run as a process of its own.</summary>
internal static partial class MekiProgram
{
    // SIGINT of every Unix.
    private const int Interrupt = 2;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static string DemoModel { get; } = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    public static Task<ProgramResult> Run(params string[] arguments) => RunAsync(arguments, null);

    /// <summary>Runs the program with one environment variable more.</summary>
    public static Task<ProgramResult> RunWith(string variable, string value, params string[] arguments) => RunAsync(arguments, null, (variable, value));

    /// <summary>
    /// Runs the program and sends it SIGINT at the first line on standard error that begins so. On a starved machine the signal may come after the work is done; then the
    /// program runs again with twice the work, up to 32 times the first.
    /// </summary>
    /// <param name="lineBegin">What the line begins with.</param>
    /// <param name="prepare">Prepares so many times the first run's work; gives the arguments.</param>
    public static async Task<ProgramResult> RunAndInterrupt(string lineBegin, Func<int, Task<string[]>> prepare)
    {
        ProgramResult run;
        int work = 1;
        do
            run = await RunAsync(await prepare(work), lineBegin);
        while (run.ExitCode == 0 && (work *= 2) <= 32);
        return run;
    }

    private static async Task<ProgramResult> RunAsync(string[] arguments, string? interruptAt, (string Name, string Value)? variable = null)
    {
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = SharedMaterial.Repository,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "meki.dll"));
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        if (variable is var (name, value))
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        using CancellationTokenSource patience = new(Patience);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token);
            List<string> errors = [];
            while (await process.StandardError.ReadLineAsync(patience.Token) is { } line)
            {
                errors.Add(line);
                if (interruptAt is not null && line.StartsWith(interruptAt, StringComparison.Ordinal))
                {
                    interruptAt = null;
                    // Not the program kill: it may take longer to start than what it is to interrupt. It fails if the program has ended, which the exit code tells.
                    _ = Kill(process.Id, Interrupt);
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

/// <summary>A theory that sends a signal; reported as skipped on Windows, which has none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SignalTheoryAttribute : TheoryAttribute
{
    public SignalTheoryAttribute()
    {
        if (OperatingSystem.IsWindows())
            Skip = "needs the signal SIGINT, which Windows has not";
    }
}
