using MeKi.Model.Tests.Files;
using MeKi.Tests;

namespace MeKi.Tool.Tests;

public sealed class ConvertCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("q8_0", "int8")]
    [InlineData("f32", "f32")]
    public async Task A_converted_checkpoint_runs(string type, string rows)
    {
        new TinyCheckpoint { Tied = false }.Write(_folder["c"]);
        ProgramResult convert = await MekiProgram.Run("convert", _folder["c"], "-o", _folder["out"], "--type", type, "--rows", rows);
        Assert.Equal(0, convert.ExitCode);
        string[] lines = convert.Output.TrimEnd().Split('\n', StringSplitOptions.TrimEntries);
        Assert.Equal(3, lines.Length);
        Assert.StartsWith(Path.Combine(_folder["out"], "model.gguf") + "  ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith(Path.Combine(_folder["out"], "model.rows") + "  ", lines[1], StringComparison.Ordinal);
        Assert.Matches("^identity [0-9a-f]{64}$", lines[2]);

        ProgramResult converted = await MekiProgram.Run("run", "The", "-m", _folder["out"], "-n", "10", "--temp", "0");
        Assert.Equal((0, "The".Length + 10), (converted.ExitCode, converted.Output.TrimEnd('\r', '\n').Length));
        if (type == "f32")
            Assert.Equal((await MekiProgram.Run("run", "The", "-m", _folder["c"], "-n", "10", "--temp", "0")).Output, converted.Output);
    }

    [Theory]
    [InlineData("--type", "q3")]
    [InlineData("--rows", "int2")]
    public async Task Unknown_type(string option, string value)
    {
        ProgramResult run = await MekiProgram.Run("convert", _folder["c"], "-o", _folder["out"], option, value);
        run.AssertFailed(2, $"'{value}'");
        Assert.Equal("", run.Output);
    }

    [Fact]
    public async Task No_output_folder() => (await MekiProgram.Run("convert", _folder["c"])).AssertFailed(2, "--output");

    [Fact]
    public async Task Missing_checkpoint() => (await MekiProgram.Run("convert", _folder["c"], "-o", _folder["out"])).AssertFailed(1, _folder["c"]);

    [Fact]
    public async Task Output_that_cannot_be_written()
    {
        string target = Path.Combine(_folder.Add("file", [1]), "below");
        new TinyCheckpoint().Write(_folder["c"]);
        (await MekiProgram.Run("convert", _folder["c"], "-o", target)).AssertFailed(1, $"{target}: cannot be written");
    }

    [Fact]
    public async Task Weight_that_is_not_a_number()
    {
        const string Name = "model.layers.1.mlp.down_proj.weight";
        new TinyCheckpoint { Damage = tensors => tensors[Name].Values[3 * 96 + 4] = float.NaN }.Write(_folder["c"]);
        (await MekiProgram.Run("convert", _folder["c"], "-o", _folder["out"])).AssertFailed(1, $"tensor '{Name}': the value at row 3, column 4 is NaN");
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [UnixTheory]
    [InlineData("check")]
    [InlineData("weights")]
    [InlineData("fold")]
    public async Task An_interrupt_leaves_nothing_behind(string stage)
    {
        new TinyCheckpoint().Write(_folder["c"]);
        (await MekiProgram.RunAndInterrupt(stage, "convert", _folder["c"], "-o", _folder["out"])).AssertFailed(130, "interrupted");
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    [Trait("Fault", "18.20")]
    public async Task An_empty_name_is_no_folder()
    {
        new TinyCheckpoint().Write(_folder["c"]);
        (await MekiProgram.Run("convert", _folder["c"], "--output=")).AssertFailed(2, "--output");
        (await MekiProgram.Run("convert", _folder["c"], "-o", "")).AssertFailed(2, "--output takes a value that is not empty");
        (await MekiProgram.Run("convert", "", "-o", _folder["out"])).AssertFailed(2, "<checkpoint> must not be empty");
        Assert.False(File.Exists(Path.Combine(SharedMaterial.Repository, "model.gguf")));
    }
}
