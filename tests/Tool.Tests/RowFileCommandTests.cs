namespace MeKi.Tool.Tests;

/// <summary><c>meki verify</c> and <c>meki inspect</c> as a user meets them.</summary>
public sealed class RowFileCommandTests : IDisposable
{
    private static readonly string Rows = Path.Combine(MekiProgram.DemoModel, "model.rows");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meki-test-");

    private string FilePath => Path.Combine(_folder.FullName, "copy.rows");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_sound_file_is_verified_with_progress()
    {
        ProgramResult run = await MekiProgram.Run("verify", Rows);
        Assert.Equal(0, run.ExitCode);
        Assert.EndsWith("bytes of records are sound", run.Output.TrimEnd(), StringComparison.Ordinal);
        Assert.StartsWith("verify 100 %", run.Errors[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damaged_records_are_named()
    {
        byte[] bytes = File.ReadAllBytes(Rows);
        // The demo has 2,048 records in eight groups.
        int stride = (bytes.Length - 4096 - 8 * 4) / 2048;
        bytes[4096 + 300 * stride] ^= 1;
        bytes[4096 + 2047 * stride + 70] ^= 0x80;
        File.WriteAllBytes(FilePath, bytes);
        ProgramResult run = await MekiProgram.Run("verify", FilePath);
        Assert.Equal(1, run.ExitCode);
        const string Problem = "records 256 to 511; records 1792 to 2047: checksums do not match: the rows are damaged";
        Assert.Equal($"meki: {FilePath}: {Problem}. Copy the file again or convert again.", run.Errors[^1]);
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("verify")]
    [InlineData("inspect")]
    public async Task What_is_no_row_file_is_one_line(string verb)
    {
        File.WriteAllText(FilePath, new string('x', 5000));
        (await MekiProgram.Run(verb, FilePath)).AssertFailed(1, "this is not a row file");
        (await MekiProgram.Run(verb, FilePath + ".absent")).AssertFailed(1, "does not exist");
        (await MekiProgram.Run(verb, _folder.FullName)).AssertFailed(1, verb == "verify" ? "does not exist" : "is a folder");
    }

    [Fact]
    public async Task A_folder_stands_for_its_files()
    {
        Assert.StartsWith(Rows, (await MekiProgram.Run("verify", MekiProgram.DemoModel)).Output, StringComparison.Ordinal);
        string facts = (await MekiProgram.Run("inspect", MekiProgram.DemoModel)).Output;
        Assert.Matches(@"(?m)^general\.architecture +qwen3meki\r?$", facts);
        Assert.Matches(@"(?m)^records +2,048, ", facts);
    }

    [Fact]
    public async Task The_facts_of_both_files_of_a_model()
    {
        ProgramResult rows = await MekiProgram.Run("inspect", Rows),
            model = await MekiProgram.Run("inspect", Path.Combine(MekiProgram.DemoModel, "model.gguf"));
        Assert.Equal((0, 0), (rows.ExitCode, model.ExitCode));
        Assert.Matches(@"(?m)^records +2,048, ", rows.Output);
        Assert.Matches(@"(?m)^rows of a record +6 of 64 values, Int8\r?$", rows.Output);
        Assert.Matches(@"(?m)^general\.architecture +qwen3meki\r?$", model.Output);
        Assert.Matches(@"(?m)^tokenizer\.ggml\.tokens +2,048 values\r?$", model.Output);
        Assert.Matches(@"(?m)^tensors, Q8_0 in panels +\d+, ", model.Output);
        Assert.Matches(@"(?m)^tensors, F32 +\d+, ", model.Output);
        string identity = rows.Output.Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1].Trim();
        Assert.Contains(identity, model.Output, StringComparison.Ordinal);
    }
}
