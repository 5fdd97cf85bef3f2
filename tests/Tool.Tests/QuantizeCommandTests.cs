using MeKi.Model.Tests.Files;
using MeKi.Tests;

namespace MeKi.Tool.Tests;

public sealed class QuantizeCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("q4_k_m")]
    [InlineData("iq4_nl")]
    public async Task A_quantised_model_runs(string type)
    {
        new TinyCheckpoint { Tied = false }.Write(_folder["c"]);
        Assert.Equal(0, (await MekiProgram.Run("convert", _folder["c"], "-o", _folder["f16"], "--type", "f16")).ExitCode);
        ProgramResult quantize = await MekiProgram.Run("quantize", _folder["f16"], _folder["out"], "--type", type);
        Assert.Equal(0, quantize.ExitCode);
        string[] lines = quantize.Output.TrimEnd().Split('\n', StringSplitOptions.TrimEntries);
        Assert.Equal(2, lines.Length);
        Assert.StartsWith(Path.Combine(_folder["out"], "model.gguf") + "  ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith(Path.Combine(_folder["out"], "model.rows") + "  ", lines[1], StringComparison.Ordinal);
        Assert.Contains(quantize.Errors, line => line.StartsWith("weights 100 %", StringComparison.Ordinal));

        ProgramResult run = await MekiProgram.Run("run", "The", "-m", _folder["out"], "-n", "10", "--temp", "0");
        Assert.Equal((0, "The".Length + 10), (run.ExitCode, run.Output.TrimEnd('\r', '\n').Length));
    }

    [Fact]
    public async Task A_quantised_model_is_refused_unless_it_is_allowed()
    {
        (await MekiProgram.Run("quantize", MekiProgram.DemoModel, _folder["out"], "--type", "q4_0")).AssertFailed(1, "is quantised already, to Q8_0");
        Assert.False(Directory.Exists(_folder["out"]));
        Assert.Equal(0, (await MekiProgram.Run("quantize", MekiProgram.DemoModel, _folder["out"], "--type", "q4_0", "--requantize")).ExitCode);
    }

    [Fact]
    public async Task Misuse()
    {
        (await MekiProgram.Run("quantize", MekiProgram.DemoModel, _folder["out"])).AssertFailed(2, "--type");
        (await MekiProgram.Run("quantize", MekiProgram.DemoModel, _folder["out"], "--type", "q3_k")).AssertFailed(2, "'q3_k'");
        (await MekiProgram.Run("quantize", MekiProgram.DemoModel, "--type", "q4_0")).AssertFailed(2, "quantize");
        (await MekiProgram.Run("quantize", _folder["none"], _folder["out"], "--type", "q4_0")).AssertFailed(1, _folder["none"]);
    }

    [SignalTheory]
    [InlineData("weights")]
    public async Task An_interrupt_leaves_nothing_behind(string stage)
    {
        // The embedding takes the slowest encoder some 300 ms of one core, the signal some 10.
        string target = "";
        ProgramResult run = await MekiProgram.RunAndInterrupt(stage, async work =>
        {
            using TemporaryFolder checkpoint = new();
            new TinyCheckpoint { Vocabulary = work * 30_000, Hidden = 256, Layers = 1, HasTokenizer = false }.Write(checkpoint["c"]);
            target = _folder[$"out-{work}"];
            string from = _folder[$"f32-{work}"];
            Assert.Equal(0, (await MekiProgram.Run("convert", checkpoint["c"], "-o", from, "--type", "f32")).ExitCode);
            return ["quantize", from, target, "--type", "iq4_nl"];
        });
        run.AssertFailed(130, "interrupted");
        Assert.False(Directory.Exists(target));
    }
}
