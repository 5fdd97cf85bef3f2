using MeKi.Model.Evaluation;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.BadInput;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Store;
using MeKi.Store.Storage;

namespace MeKi.Model.Tests.Files;

/// <summary>Only regular files are read: whatever lies in the place of a file, the program neither waits for it nor reads it without end.</summary>
public sealed class RegularFileTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Kinds =>
    [
        "gguf", "rows", "rows mapped", "rows of a model", "verify", "config.json", "tokenizer.json", "tokenizer_config.json",
        "model.safetensors", "model.safetensors.index.json", "shard", "session", "task", "text",
    ];

    public void Dispose() => _folder.Dispose();

    [FifoTheory]
    [Trait("Fault", "18.12")]
    [MemberData(nameof(Kinds))]
    public void A_pipe_is_refused_without_waiting_for_its_writer(string kind)
    {
        Refused(kind, path => Fifo.Create(path));
        Refused(kind, path =>
        {
            Fifo.Create(_folder["pipe"]);
            File.Delete(path);
            File.CreateSymbolicLink(path, _folder["pipe"]);
        });
    }

    [DeviceTheory("/dev/zero")]
    [Trait("Fault", "18.12")]
    [MemberData(nameof(Kinds))]
    public void A_device_is_refused_without_reading_it(string kind) => Refused(kind, path =>
    {
        File.Delete(path);
        File.CreateSymbolicLink(path, "/dev/zero");
    });

    [Fact]
    [Trait("Fault", "18.12")]
    public void Files_of_settings_have_a_largest_size()
    {
        foreach ((string name, long size, string limit) in new[]
        {
            ("config.json", 17L << 20, "at most 16777216"), ("tokenizer.json", 257L << 20, "at most 268435456"),
        })
        {
            string checkpoint = Copy(tiny.Checkpoint, name);
            // Only claimed: file systems keep such a file as a hole.
            using (FileStream file = File.OpenWrite(Path.Combine(checkpoint, name)))
                file.SetLength(size);
            ModelFileException failure = Assert.Throws<ModelFileException>(() => MeKiModel.Load(checkpoint));
            Assert.Equal(Path.Combine(checkpoint, name), failure.Path);
            Assert.Contains(limit, failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Links_are_followed_as_the_operating_system_does()
    {
        if (OperatingSystem.IsWindows())
            return;
        // A folder of links, itself a link elsewhere: "../x" is counted from where the folder is.
        Directory.CreateDirectory(_folder["cache/files"]);
        Directory.CreateDirectory(_folder["cache/names"]);
        _folder.Add("cache/files/1234", [1, 2, 3]);
        File.CreateSymbolicLink(_folder["cache/names/model"], "../files/./second");
        File.CreateSymbolicLink(_folder["cache/files/second"], "1234");
        Directory.CreateSymbolicLink(_folder["mine"], _folder["cache/names"]);
        Assert.Equal([1, 2, 3], RegularFile.ReadAllBytes(_folder["mine/model"], 3));

        File.CreateSymbolicLink(_folder["circle"], "circle");
        Assert.Throws<UnusableFileException>(() => RegularFile.ReadAllBytes(_folder["circle"], 3));
        File.CreateSymbolicLink(_folder["nowhere"], "none");
        Assert.Contains("is a link to no file", Assert.Throws<UnusableFileException>(() => RegularFile.ReadAllBytes(_folder["nowhere"], 3)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Fault", "18.tolerance")]
    [InlineData("gguf")]
    [InlineData("rows")]
    [InlineData("rows mapped")]
    [InlineData("rows of a model")]
    [InlineData("verify")]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("model.safetensors")]
    [InlineData("model.safetensors.index.json")]
    [InlineData("shard")]
    [InlineData("task")]
    public void What_a_download_leaves_in_the_place_of_a_file_is_named(string kind)
    {
        Assert.Contains("is a Git LFS pointer", Refused(kind, path => File.WriteAllText(path,
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n")),
                StringComparison.Ordinal);
        Assert.Contains("is an HTML page", Refused(kind, path => File.WriteAllText(path, "\uFEFF\r\n <!DOCTYPE html>\n<html><body>Log in</body></html>")),
            StringComparison.Ordinal);
        Assert.Contains("is an HTML page", Refused(kind, path => File.WriteAllText(path, "<HTML>\n" + new string('x', 10_000))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_to_evaluate_may_be_an_HTML_page() =>
        Assert.Equal("<html>x</html>", EvaluationText.Read(_folder.Add("page.html", "<html>x</html>"u8)).Content);

    /// <summary>A file is replaced again and again while it is opened: what is checked is what is mapped.</summary>
    [Fact]
    [Trait("Fault", "18.25")]
    public async Task A_file_is_opened_once()
    {
        if (OperatingSystem.IsWindows())
            return;
        string[] links = [_folder["1"], _folder["2"]];
        for (int i = 0; i < 2; i++)
        {
            // Two files that differ in where their tensor lies.
            GgufMetadata metadata = new("") { ["which"] = (byte)i, ["padding"] = new byte[i * 64] };
            byte[] data = [.. Enumerable.Repeat((byte)(i + 1), 64)];
            using MemoryStream stream = new();
            new GgufWriter(metadata, [new("t", Quant.GgmlType.I8, [64], (to, _) => to.Write(data))]).WriteTo(stream, default);
            _folder.Add($"file{i}", stream.ToArray());
        }
        string path = _folder["model.gguf"];
        File.Copy(_folder["file0"], path);
        Task flips = Task.Run(() =>
        {
            for (int i = 0; i < 1_000; i++)
            {
                File.CreateSymbolicLink(links[i % 2], _folder[$"file{i % 2}"]);
                File.Move(links[i % 2], path, overwrite: true);
            }
        });
        do
        {
            using GgufFile file = GgufFile.Open(path);
            GgufTensor tensor = file.GetTensor("t");
            Assert.All(file.File.Span(tensor.Offset, 64).ToArray(), value => Assert.Equal(file.Metadata.Get<byte>("which") + 1, value));
        }
        while (!flips.IsCompleted);
        await flips;
    }

    /// <summary>Puts something in the place of a file of some kind, and gives the message of the refusal.</summary>
    private string Refused(string kind, Action<string> replace)
    {
        string path = _folder["file"];
        Action open;
        switch (kind)
        {
            case "gguf":
                open = () => MeKiModel.Load(path).Dispose();
                break;
            case "rows":
            case "rows mapped":
                open = () => RowStore.Open(path, new() { MemoryMapped = kind != "rows" }).Dispose();
                break;
            case "verify":
                open = () => RowFileCheck.Run(path);
                break;
            case "rows of a model":
                string model = Copy(tiny.Converted, "model.rows");
                (path, open) = (Path.Combine(model, "model.rows"), () => MeKiModel.Load(model).Dispose());
                break;
            case "session":
                open = () =>
                {
                    using MeKiModel loaded = tiny.Load(converted: true, threads: 1);
                    loaded.LoadSession(path).Dispose();
                };
                break;
            case "task":
                open = () => EvaluationTask.Find("piqa").Read(path);
                break;
            case "text":
                open = () => EvaluationText.Read(path);
                break;
            default:
                string file = kind == "shard" ? "model-00002-of-00003.safetensors" : kind;
                string checkpoint = kind is "shard" or "model.safetensors.index.json"
                    ? new MeKi.Tests.TinyCheckpoint { Shards = 3 }.Write(_folder[Guid.NewGuid().ToString()]) : Copy(tiny.Checkpoint, file);
                (path, open) = (Path.Combine(checkpoint, file), () => MeKiModel.Load(checkpoint).Dispose());
                break;
        }
        replace(path);
        Task<Exception?> opening = Task.Factory.StartNew(Exception? () => Record.Exception(open), default, TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        Assert.True(opening.Wait(Patience), "the program hangs");
        MeKiException failure = Assert.IsAssignableFrom<MeKiException>(opening.Result);
        Assert.Equal(path, failure.Path);
        return failure.Message;
    }

    private string Copy(string folder, string changed)
    {
        string copy = Directory.CreateDirectory(_folder[Guid.NewGuid().ToString()]).FullName;
        foreach (string file in Directory.GetFiles(folder))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        File.Delete(Path.Combine(copy, changed));
        return copy;
    }
}
