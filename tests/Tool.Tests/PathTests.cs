using MeKi.Model.Tests.Files;

namespace MeKi.Tool.Tests;

/// <summary>Files may have any name that the system allows.</summary>
public sealed class PathTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("with spaces and 'quotes'")]
    [InlineData("größer, модель, 模型, é, I ı İ i")]
    [InlineData("100% #1 & [x] {y} $HOME ~")]
    public async Task A_model_a_prompt_and_a_session_lie_in_a_folder_of_any_name(string name)
    {
        string folder = Directory.CreateDirectory(_folder[name]).FullName, session = Path.Combine(folder, "ß.session");
        foreach (string file in Directory.GetFiles(MekiProgram.DemoModel))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        string prompt = Path.Combine(folder, "a prompt.txt");
        File.WriteAllText(prompt, "ROMEO:");
        ProgramResult run = await MekiProgram.Run("run", "-m", folder, "-f", prompt, "-n", "4", "--prompt-cache", session);
        Assert.True(run.ExitCode == 0, run.Errors.LastOrDefault());
        Assert.True(File.Exists(session));
        Assert.Equal(0, (await MekiProgram.Run("verify", folder)).ExitCode);
        ProgramResult written = await MekiProgram.Run("inspect", Path.Combine(folder, "model.gguf"));
        Assert.Contains("to run", written.Output, StringComparison.Ordinal);
        (await MekiProgram.Run("run", "x", "-m", Path.Combine(folder, "none"))).AssertFailed(1, "there is no such file or folder");
    }
}
