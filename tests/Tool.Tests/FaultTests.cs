using MeKi.Model.Tests.Files;

namespace MeKi.Tool.Tests;

/// <summary>Limits, signals and other processes in the midst of work: one clear error and an exit code, and nothing half-written.</summary>
public sealed class FaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // The runtime maps its own code through a file unless it is told not to, which the limit would end.
    [UnixTheory]
    [InlineData("quantize", "MODEL", "OUT.gguf", "--type", "q4_0", "--requantize")]
    [InlineData("synth", "--shape", "tiny", "-o", "OUT")]
    public async Task A_limit_of_file_sizes_is_one_error_and_leaves_nothing(params string[] arguments)
    {
        string output = _folder["out"];
        Directory.CreateDirectory(output);
        arguments = [.. arguments.Select(each => each.Replace("MODEL", Path.Combine(MekiProgram.DemoModel, "model.gguf"), StringComparison.Ordinal)
            .Replace("OUT", Path.Combine(output, "x"), StringComparison.Ordinal))];
        ProgramResult run = await MekiProgram.RunBehind("ulimit -f 8; export DOTNET_EnableWriteXorExecute=0", arguments);
        run.AssertFailed(1, output);
        Assert.Contains("would be larger than", run.Errors[^1], StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(output, "*", SearchOption.AllDirectories));
    }

    [UnixTheory]
    [InlineData(MekiProgram.HangUp, 129)]
    [InlineData(MekiProgram.Terminate, 143)]
    public async Task A_signal_in_the_midst_of_writing_leaves_nothing(int signal, int exitCode)
    {
        ProgramResult run = await MekiProgram.RunAndSignal(signal, "weights", "synth", "--shape", "tiny", "-o", _folder["out"]);
        run.AssertFailed(exitCode, "interrupted");
        Assert.Empty(Directory.Exists(_folder["out"]) ? Directory.GetFileSystemEntries(_folder["out"]) : []);
    }

    [UnixFact]
    public async Task Two_processes_run_one_model_and_keep_one_prompt_cache()
    {
        string cache = _folder["play.session"];
        string[] arguments = ["run", "ROMEO:", "-n", "12", "--temp", "0", "--prompt-cache", cache];
        ProgramResult[] runs = await Task.WhenAll(MekiProgram.Run(arguments), MekiProgram.Run(arguments));
        Assert.All(runs, run => Assert.Equal((0, runs[0].Output), (run.ExitCode, run.Output)));
        ProgramResult again = await MekiProgram.Run(arguments);
        Assert.Equal((0, runs[0].Output), (again.ExitCode, again.Output));
        Assert.Equal([cache], Directory.GetFiles(_folder.FullName));
    }

    [UnixFact]
    public async Task A_model_that_is_replaced_while_it_runs_is_run_on_as_it_was()
    {
        CopyDemo();
        string[] arguments = ["run", "ROMEO:", "-n", "150", "--temp", "0", "-m", _folder.FullName];
        ProgramResult alone = await MekiProgram.Run(arguments);
        ProgramResult run = await MekiProgram.RunUntil(20, _ =>
        {
            foreach (string name in new[] { "model.gguf", "model.rows" })
                File.Move(_folder.Add(name + ".new", "another file"u8), _folder[name], overwrite: true);
        }, arguments);
        Assert.Equal((0, alone.Output), (run.ExitCode, run.Output));
        (await MekiProgram.Run(arguments)).AssertFailed(1, _folder["model.gguf"]);
    }

    [UnixFact]
    public async Task Rows_that_are_cut_short_while_the_model_runs_are_one_error()
    {
        CopyDemo();
        ProgramResult run = await MekiProgram.RunUntil(20, _ =>
        {
            using FileStream rows = new(_folder["model.rows"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            rows.SetLength(4096);
        }, "run", "ROMEO:", "-n", "2000000000", "--context-shift", "--temp", "3", "--top-k", "0", "--top-p", "1", "-m", _folder.FullName);
        run = run with { Errors = [.. run.Errors.Where(line => line.StartsWith("meki: ", StringComparison.Ordinal))] };
        run.AssertFailed(1, "model.rows");
    }

    private void CopyDemo()
    {
        foreach (string name in new[] { "model.gguf", "model.rows" })
            File.Copy(Path.Combine(MekiProgram.DemoModel, name), _folder[name]);
    }
}
