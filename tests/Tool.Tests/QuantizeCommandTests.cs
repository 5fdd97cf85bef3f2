using System.Diagnostics;
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
        (await MekiProgram.Run("quantize", MekiProgram.DemoModel, _folder["out"], "--type", "iq3_s")).AssertFailed(2, "'iq3_s'");
        (await MekiProgram.Run("quantize", MekiProgram.DemoModel, "--type", "q4_0")).AssertFailed(2, "quantize");
        (await MekiProgram.Run("quantize", _folder["none"], _folder["out"], "--type", "q4_0")).AssertFailed(1, _folder["none"]);
    }

    [UnixTheory]
    [InlineData("weights")]
    [InlineData("rows")]
    public async Task An_interrupt_leaves_nothing_behind(string stage)
    {
        new TinyCheckpoint().Write(_folder["c"]);
        Assert.Equal(0, (await MekiProgram.Run("convert", _folder["c"], "-o", _folder["f32"], "--type", "f32")).ExitCode);
        (await MekiProgram.RunAndInterrupt(stage, "quantize", _folder["f32"], _folder["out"], "--type", "q4_0")).AssertFailed(130, "interrupted");
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Theory]
    [InlineData("the folder's link")]
    [InlineData("the file's link")]
    [InlineData("a hard link")]
    [Trait("Fault", "18.20")]
    public async Task A_model_is_not_quantised_into_itself_by_another_name(string name)
    {
        new TinyCheckpoint { HasTokenizer = false }.Write(_folder["c"]);
        Assert.Equal(0, (await MekiProgram.Run("convert", _folder["c"], "-o", _folder["in"], "--type", "f32")).ExitCode);
        string model = Path.Combine(_folder["in"], "model.gguf"), input = _folder["in"], output = _folder["out"];
        byte[] before = File.ReadAllBytes(model);
        if (name == "the folder's link")
            Directory.CreateSymbolicLink(output, input);
        else if (name == "the file's link")
        {
            // The rows, too, are found beside the link.
            File.CreateSymbolicLink(_folder["link.gguf"], model);
            File.CreateSymbolicLink(_folder["link.rows"], Path.ChangeExtension(model, ".rows"));
            (input, output) = (_folder["link.gguf"], model);
        }
        else
            HardLink(model, output = _folder["out.gguf"]);
        (await MekiProgram.Run("quantize", input, output, "--type", "q8_0")).AssertFailed(1, "is the input");
        Assert.Equal(before, File.ReadAllBytes(model));
    }

    private static void HardLink(string existing, string link)
    {
        using Process process = OperatingSystem.IsWindows()
            ? Process.Start("cmd", ["/c", "mklink", "/h", link, existing])
            : Process.Start("ln", [existing, link]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
