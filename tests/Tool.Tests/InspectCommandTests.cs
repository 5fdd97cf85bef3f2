using System.Text;
using MeKi.Model.Gguf;

namespace MeKi.Tool.Tests;

/// <summary><c>meki inspect</c> of files that are not what they should be.</summary>
public sealed class InspectCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meki-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    [Trait("Fault", "18.16")]
    public async Task Keys_and_values_reach_the_terminal_as_plain_text()
    {
        const string Escape = "\u001b]0;owned\u0007\u202e\u009b2J\u200b";
        GgufMetadata metadata = new("") { [Escape + "key"] = Escape, ["template"] = "one\ntwo\r\n" + Escape, ["long"] = new string('x', 5_000),
            [new string('k', 5_000)] = 1 };
        string path = Path.Combine(_folder.FullName, "model.gguf");
        using (FileStream file = File.Create(path))
            new GgufWriter(metadata, []).WriteTo(file, default);
        ProgramResult run = await MekiProgram.Run("inspect", path);
        Assert.Equal(0, run.ExitCode);
        Assert.DoesNotContain(run.Output,
            each => each is not ('\r' or '\n') && (char.IsControl(each) || char.GetUnicodeCategory(each) == System.Globalization.UnicodeCategory.Format));
        Assert.Matches(@"(?m)^\?\]0;owned\?\?\?2J\?key +\?\]0;owned\?\?\?2J\?\r?$", run.Output);
        Assert.Matches(@"(?m)^template +one two  \?\]0;owned", run.Output);
        Assert.All(run.Output.Split('\n'), line => Assert.InRange(line.Length, 0, 250));
    }

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public async Task A_model_in_several_files_is_inspected_as_one()
    {
        string[] paths = [.. Enumerable.Range(1, 2).Select(part => Path.Combine(_folder.FullName, $"m-{part:d5}-of-00002.gguf"))];
        for (int part = 0; part < 2; part++)
        {
            GgufMetadata metadata = new("") { ["split.no"] = (ushort)part, ["split.count"] = (ushort)2, ["split.tensors.count"] = 2 };
            using FileStream file = File.Create(paths[part]);
            new GgufWriter(metadata, [new($"t{part}", Quant.GgmlType.F32, [8], (stream, _) => stream.Write(new byte[32]))]).WriteTo(file, default);
        }
        string facts = (await MekiProgram.Run("inspect", paths[0])).Output;
        Assert.Matches(@"(?m)^tensors, F32 +2, 64 bytes\r?$", facts);
        Assert.Matches(@"(?m)^files +2\r?$", facts);
        (await MekiProgram.Run("inspect", paths[1])).AssertFailed(1, "is part 2 of a model in 2 files. Give the first part, 'm-00001-of-00002.gguf'.");
    }

    [Fact]
    public async Task What_stays_in_memory_and_what_on_storage_is_told_of_a_pair_and_of_a_file_with_a_table()
    {
        string facts = (await MekiProgram.Run("inspect", MekiProgram.DemoModel)).Output;
        Assert.Matches(@"(?m)^stays in memory +[\d,]+ bytes of weights\r?$", facts);
        Assert.Matches(@"(?m)^stays on storage +[\d,]+ bytes of rows: a token reads [\d,]+\r?$", facts);
        string path = Path.Combine(_folder.FullName, "gemma.gguf");
        using (FileStream file = File.Create(path))
        {
            new GgufWriter(new(""), [new("per_layer_token_embd.weight", Quant.GgmlType.Q8_0, [64, 10], (stream, _) => stream.Write(new byte[680])),
                new("token_embd.weight", Quant.GgmlType.F16, [8, 10], (stream, _) => stream.Write(new byte[160])),
                new("v.patch.weight", Quant.GgmlType.F16, [8], (stream, _) => stream.Write(new byte[16]))]).WriteTo(file, default);
        }
        facts = (await MekiProgram.Run("inspect", path)).Output;
        Assert.Matches(@"(?m)^stays in memory +160 bytes of weights\r?$", facts);
        Assert.Matches(@"(?m)^stays on storage +680 bytes of per_layer_token_embd\.weight, Q8_0: a token reads 68\r?$", facts);
    }

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public async Task What_a_download_left_is_named()
    {
        string path = Path.Combine(_folder.FullName, "model.gguf");
        File.WriteAllText(path, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
        (await MekiProgram.Run("inspect", path)).AssertFailed(1, "is a Git LFS pointer");
        File.WriteAllText(path, "<html>", Encoding.ASCII);
        (await MekiProgram.Run("inspect", path)).AssertFailed(1, "is an HTML page");
    }
}
