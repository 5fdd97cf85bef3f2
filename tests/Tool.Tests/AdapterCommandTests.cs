namespace MeKi.Tool.Tests;

/// <summary><c>meki adapter</c>, and <c>--adapter</c> of the commands that compute.</summary>
public sealed class AdapterCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meki-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task An_adapter_in_either_form_changes_the_text_alike()
    {
        string peft = Path.Combine(_folder.FullName, "peft"), gguf = Path.Combine(_folder.FullName, "a.gguf");
        Assert.Equal(0, (await MekiProgram.Run("adapter", "synth", "-m", MekiProgram.DemoModel, "--type", "f32", "-o", peft)).ExitCode);
        Assert.Equal(0, (await MekiProgram.Run("adapter", "convert", peft, "-m", MekiProgram.DemoModel, "--type", "f32", "-o", gguf)).ExitCode);
        string plain = await Text(), one = await Text("--adapter", peft), other = await Text("--adapters", _folder.FullName, "--adapter", "a=1");
        Assert.NotEqual(plain, one);
        Assert.Equal(one, other);
        Assert.Equal(plain, await Text("--adapter", gguf + "=0"));
    }

    [Fact]
    public async Task One_that_is_not_there_is_a_line()
    {
        (await MekiProgram.Run("run", "ROMEO:", "-m", MekiProgram.DemoModel, "--adapter", "none")).AssertFailed(1, "has no adapter 'none'");
        (await MekiProgram.Run("run", "ROMEO:", "-m", MekiProgram.DemoModel, "--adapter", "=2")).AssertFailed(2, "is not NAME or NAME=SCALE");
    }

    private static async Task<string> Text(params string[] options)
    {
        ProgramResult run = await MekiProgram.Run(["run", "ROMEO:", "-m", MekiProgram.DemoModel, "--temp", "0", "-n", "12", .. options]);
        Assert.Equal(0, run.ExitCode);
        return run.Output;
    }
}
