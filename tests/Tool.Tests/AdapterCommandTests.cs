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
    public async Task Adapters_are_merged_clustered_and_reported()
    {
        string[] tasks = await Tasks("a", "b", "c");
        string merged = At("m.gguf"), shared = At("s.gguf"), clusters = At("k"), plot = At("plot.svg");
        await Succeeds(["adapter", "merge", .. tasks, "-m", MekiProgram.DemoModel, "--method", "ties", "-o", merged]);
        string[] hydraOpt = ["--method", "hydraopt", "--storage", "0.6", "-o", shared];
        ProgramResult hydra = await Succeeds(["adapter", "merge", .. tasks, "-m", MekiProgram.DemoModel, .. hydraOpt]);
        Assert.StartsWith("storage 0.", hydra.Output, StringComparison.Ordinal);
        Assert.NotEqual(await Text("--adapter", merged), await Text("--adapter", $"{shared}:b"));
        ProgramResult found = await Succeeds(["adapter", "cluster", .. tasks, "-m", MekiProgram.DemoModel, "-k", "2", "--starts", "1", "-o", clusters]);
        Assert.Contains("cluster-2  ", found.Output, StringComparison.Ordinal);
        // By the task's name.
        Assert.NotEqual(await Text(), await Text("--adapters", clusters, "--adapter", "c"));
        string[] options = ["--storage", "50", "-k", "2", "--starts", "1", "--plot", plot, "--scores", At("scores.json")],
            report = ["adapter", "report", .. tasks, "-m", MekiProgram.DemoModel, .. options];
        ProgramResult table = await Succeeds(report);
        foreach (string method in new[] { "model alone", "own adapters", "average", "TIES", "plain start, rank 2", "HydraOpt", "random, 2 clusters", "D2C, 2" })
            Assert.Contains($"\n{method}", table.Output, StringComparison.Ordinal);
        Assert.Equal(table.Output, (await Succeeds(report)).Output);
        Assert.EndsWith("</svg>", File.ReadAllText(plot).TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_merged_is_a_line()
    {
        string[] tasks = await Tasks("a", "b");
        string other = At("other"), to = At("out.gguf");
        (await Run("cluster", "-k", "3", "-o", other)).AssertFailed(1, "3 clusters of 2 tasks");
        (await Run("merge", tasks[0], "-o", to)).AssertFailed(1, "has the name 'a' of another");
        (await Run("merge", "--weights", "1", "-o", to)).AssertFailed(1, "--weights has 1 numbers for 2 adapters");
        (await Run("merge", "--method", "hydraopt", "-o", other)).AssertFailed(1, "one .gguf file");
        File.Delete(Path.Combine(tasks[1], "few.jsonl"));
        (await Run("report")).AssertFailed(1, "few.jsonl");
        byte[] weights = File.ReadAllBytes(Path.Combine(tasks[1], "adapter_model.safetensors"));
        File.WriteAllBytes(Path.Combine(tasks[1], "adapter_model.safetensors"), weights[..(weights.Length / 2)]);
        (await Run("merge", "-o", to)).AssertFailed(1, "adapter_model.safetensors");
        // The last value is no number.
        File.WriteAllBytes(Path.Combine(tasks[1], "adapter_model.safetensors"), [.. weights[..^4], 0, 0, 0xC0, 0x7F]);
        ProgramResult none = await Run("merge", "-o", to);
        Assert.Equal(1, none.ExitCode);
        Assert.Contains("that is not a number", none.Errors[^1], StringComparison.Ordinal);
        Assert.False(File.Exists(to));

        Task<ProgramResult> Run(string command, params string[] options) =>
            MekiProgram.Run(["adapter", command, .. tasks, "-m", MekiProgram.DemoModel, .. options]);
    }

    [Fact]
    public async Task One_that_is_not_there_is_a_line()
    {
        (await MekiProgram.Run("run", "ROMEO:", "-m", MekiProgram.DemoModel, "--adapter", "none")).AssertFailed(1, "has no adapter 'none'");
        (await MekiProgram.Run("run", "ROMEO:", "-m", MekiProgram.DemoModel, "--adapter", "=2")).AssertFailed(2, "is not NAME or NAME=SCALE");
    }

    private string At(string name) => Path.Combine(_folder.FullName, name);

    private async Task<string[]> Tasks(params string[] names)
    {
        List<string> folders = [];
        foreach (string name in names)
        {
            string folder = Path.Combine(_folder.FullName, "tasks", name);
            await Succeeds(["adapter", "synth", "-m", MekiProgram.DemoModel, "-r", "2", "-s", $"{name[0] - 'a'}", "--type", "f32", "-o", folder]);
            foreach (string file in new[] { "few.jsonl", "test.jsonl" })
            {
                File.WriteAllText(Path.Combine(folder, file), $$"""
                    {"text": "To be {{name}}, or not"}
                    {"prompt": "ROMEO:", "answer": " {{name}} so"}
                    """);
            }
            folders.Add(folder);
        }
        return [.. folders];
    }

    private static async Task<ProgramResult> Succeeds(string[] arguments)
    {
        ProgramResult result = await MekiProgram.Run(arguments);
        Assert.True(result.ExitCode == 0, string.Join('\n', result.Errors));
        return result;
    }

    private static async Task<string> Text(params string[] options)
    {
        ProgramResult run = await MekiProgram.Run(["run", "ROMEO:", "-m", MekiProgram.DemoModel, "--temp", "0", "-n", "12", .. options]);
        Assert.Equal(0, run.ExitCode);
        return run.Output;
    }
}
