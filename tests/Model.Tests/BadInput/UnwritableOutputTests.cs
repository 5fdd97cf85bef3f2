using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.BadInput;

/// <summary>An output that cannot be written or does not fit: one exception that names the folder, and nothing half-written.</summary>
public sealed class UnwritableOutputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_regular_file_in_the_place_of_the_folder()
    {
        string file = _folder.Add("taken", "mine"u8);
        foreach (string target in new[] { file, Path.Combine(file, "below") })
        {
            ModelFileException failure = Assert.Throws<ModelFileException>(() => Converter.Convert(Checkpoint(), target));
            Assert.StartsWith($"{target}: cannot be written", failure.Message, StringComparison.Ordinal);
        }
        Assert.Equal("mine", File.ReadAllText(file));
    }

    [DeviceTheory("/proc/self/status")]
    [InlineData("/proc/meki-output")]
    [InlineData("/proc/self")]
    public void A_folder_in_which_nobody_may_write(string target)
    {
        ModelFileException failure = Assert.Throws<ModelFileException>(() => Converter.Convert(Checkpoint(), target));
        Assert.StartsWith(target, failure.Message, StringComparison.Ordinal);
        Assert.Contains("cannot be written", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.gguf")]
    [InlineData("model.rows")]
    public void A_folder_in_the_place_of_a_file(string name)
    {
        string target = _folder["out"];
        Directory.CreateDirectory(Path.Combine(target, name));
        ModelFileException failure = Assert.Throws<ModelFileException>(() => Converter.Convert(Checkpoint(), target));
        Assert.Contains(Path.Combine(target, name), failure.Message, StringComparison.Ordinal);
        Assert.Equal([Path.Combine(target, name)], Directory.GetFileSystemEntries(target));
    }

    /// <summary>The reservation fails: the backbone fits on the disk, the rows do not.</summary>
    [SmallDiskFact]
    public void A_disk_too_small_for_the_rows()
    {
        using SmallDisk disk = new();
        string target = Path.Combine(disk.FullName, "out");
        string checkpoint = new TinyCheckpoint { Vocabulary = 6_000, Hidden = 32, HasTokenizer = false }.Write(_folder["c"]);
        ModelFileException failure = Assert.Throws<ModelFileException>(() => Converter.Convert(checkpoint, target));
        Assert.StartsWith(Path.Combine(target, "model.rows") + ": the disk is full: 1.", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(disk.FullName));
    }

    /// <summary>A disk that takes no byte more, met when the file is written: what a file system that reserves nothing does.</summary>
    [DeviceTheory("/dev/full")]
    [InlineData("model.gguf")]
    [InlineData("model.rows")]
    public void A_disk_that_fills_while_a_file_is_written(string name)
    {
        string target = _folder["out"], model = Path.Combine(target, "model.gguf");
        Directory.CreateDirectory(target);
        File.WriteAllText(model, "the old model");
        GgufTensorSource tensor = new("t", GgmlType.F32, [4], (stream, _) => Fill(name == "model.gguf" ? "/dev/full" : _folder["sound"], stream));
        ModelFileException failure = Assert.Throws<ModelFileException>(
            () => ModelFolder.Write(model, new(new(model), [tensor]), 16, stream => Fill("/dev/full", stream), CancellationToken.None));
        Assert.StartsWith(target, failure.Message, StringComparison.Ordinal);
        Assert.Contains("the disk is full", failure.Message, StringComparison.Ordinal);
        Assert.Equal([Path.Combine(target, "model.gguf")], Directory.GetFileSystemEntries(target));
        Assert.Equal("the old model", File.ReadAllText(Path.Combine(target, "model.gguf")));
        Assert.True(File.Exists("/dev/full"));
    }

    private static void Fill(string device, Stream stream)
    {
        stream.Write(new byte[16]);
        using FileStream full = new(device, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        full.WriteByte(1);
    }

    /// <summary>What the user keeps beside the model is not touched, whatever its name.</summary>
    [Fact]
    [Trait("Fault", "18.20")]
    public void Files_of_the_user_are_not_taken_for_temporary_ones()
    {
        string target = _folder["out"];
        Directory.CreateDirectory(target);
        string[] mine = ["model.gguf.partial", "model.rows.partial"];
        foreach (string name in mine)
            File.WriteAllText(Path.Combine(target, name), "mine");
        Converter.Convert(Checkpoint(), target);
        Assert.All(mine, name => Assert.Equal("mine", File.ReadAllText(Path.Combine(target, name))));
        Assert.Equal(["model.gguf", mine[0], "model.rows", mine[1]], Directory.GetFiles(target).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    [Trait("Fault", "18.20")]
    public void A_checkpoint_is_not_converted_into_one_of_its_own_files()
    {
        string checkpoint = Checkpoint(), weights = Path.Combine(checkpoint, "model.safetensors"), target = _folder["out"];
        Directory.CreateDirectory(target);
        File.Move(weights, Path.Combine(target, "model.gguf"));
        File.CreateSymbolicLink(weights, Path.Combine(target, "model.gguf"));
        byte[] before = File.ReadAllBytes(weights);
        Assert.Contains("is the input", Assert.Throws<ModelFileException>(() => Converter.Convert(checkpoint, target)).Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(weights));
        Assert.Throws<ArgumentException>(() => Converter.Convert(checkpoint, ""));
        Assert.Throws<ArgumentException>(() => Converter.Convert("", target));
    }

    private string Checkpoint() => new TinyCheckpoint().Write(_folder["c"]);
}
