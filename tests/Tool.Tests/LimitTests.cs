namespace MeKi.Tool.Tests;

/// <summary>Small limits of a process are no trouble. What smaller ones give: docs/reliability.md.</summary>
public sealed class LimitTests
{
    [UnixTheory]
    [InlineData("ulimit -n 128")]
    [InlineData("ulimit -s 512")]
    [InlineData("export DOTNET_GCHeapHardLimit=0x2000000")]
    public async Task A_small_limit_is_no_trouble(string limit)
    {
        ProgramResult run = await MekiProgram.RunUnder(limit, "run", "ROMEO:", "-n", "4");
        Assert.True(run.ExitCode == 0, string.Join('\n', run.Errors));
    }
}
