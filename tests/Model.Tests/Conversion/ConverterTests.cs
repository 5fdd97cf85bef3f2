using MeKi.Model.Conversion;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Store;
using MeKi.Tests;

namespace MeKi.Model.Tests.Conversion;

/// <summary>The same checkpoint gives the same bytes, and a conversion that does not end leaves nothing.</summary>
public sealed class ConverterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(GgmlType.F32, RowType.F32)]
    [InlineData(GgmlType.F16, RowType.F16)]
    [InlineData(GgmlType.Q8_0, RowType.Int8)]
    [InlineData(GgmlType.Q4_0, RowType.Int4)]
    public void The_same_checkpoint_gives_the_same_bytes(GgmlType weights, RowType rows)
    {
        string checkpoint = new TinyCheckpoint { ProjectionNorm = true }.Write(_folder["c"]);
        ConverterOptions options = new() { WeightType = WeightRecipe.Of(weights), RowType = rows };
        ConversionResult first = Converter.Convert(checkpoint, _folder["first"], options);
        ConversionResult second = Converter.Convert(checkpoint + Path.DirectorySeparatorChar, _folder["second"], options);
        Assert.Equal(first.Identity, second.Identity);
        Assert.Equal(File.ReadAllBytes(first.ModelPath), File.ReadAllBytes(second.ModelPath));
        Assert.Equal(File.ReadAllBytes(first.RowsPath!), File.ReadAllBytes(second.RowsPath!));
        Assert.Equal((first.ModelBytes, first.RowsBytes), (new FileInfo(first.ModelPath).Length, new FileInfo(first.RowsPath!).Length));
        Assert.Equal(["model.gguf", "model.rows"], Directory.GetFiles(_folder["first"]).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("a weight")]
    [InlineData("the configuration")]
    [InlineData("the tokenizer")]
    public void Another_checkpoint_has_another_identity(string difference)
    {
        TinyCheckpoint checkpoint = new();
        ModelIdentity first = Converter.Convert(checkpoint.Write(_folder["c"]), _folder["first"]).Identity;
        string other = difference switch
        {
            "a weight" => (checkpoint with { Damage = tensors => tensors["model.layers.1.meki.memory.weight"].Values[77] += 1 }).Write(_folder["d"]),
            "the configuration" => (checkpoint with { GateInput = "residual" }).Write(_folder["d"]),
            _ => checkpoint.Write(_folder["d"]),
        };
        if (difference == "the tokenizer")
            File.AppendAllText(Path.Combine(other, "tokenizer.json"), "\n");
        Assert.NotEqual(first, Converter.Convert(other, _folder["second"]).Identity);
    }

    [Fact]
    public void A_new_pair_replaces_the_old()
    {
        Converter.Convert(new TinyCheckpoint().Write(_folder["c"]), _folder["out"]);
        ConversionResult second = Converter.Convert(new TinyCheckpoint { Seed = 2 }.Write(_folder["d"]), _folder["out"],
            new() { WeightType = WeightRecipe.Of(GgmlType.F16) });
        using RowStore rows = RowStore.Open(second.RowsPath!);
        Assert.Equal(second.Identity, rows.Layout.Identity);
        using MeKiModel model = MeKiModel.Load(_folder["out"]);
        Assert.Equal(300, model.Config.VocabularySize);
    }

    /// <summary>Cancels at every report of a conversion in turn, the last one included.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_cancelled_conversion_leaves_nothing_behind(bool hasOldPair)
    {
        string checkpoint = new TinyCheckpoint().Write(_folder["c"]);
        string target = _folder["out"];
        Dictionary<string, byte[]> old = [];
        if (hasOldPair)
        {
            Converter.Convert(new TinyCheckpoint { Seed = 2 }.Write(_folder["d"]), target);
            old = Contents(target);
            Assert.Equal(2, old.Count);
        }
        using CancelAt counting = new(int.MaxValue);
        Converter.Convert(checkpoint, _folder["other"], null, counting, counting.Token);
        Assert.Equal(["check", "fold", "weights"], counting.Stages.Order());
        Assert.True(counting.Reports > 50);

        foreach (int at in new[] { 1, counting.Reports / 4, counting.Reports / 2, counting.Reports - 3, counting.Reports - 1, counting.Reports })
        {
            using CancelAt progress = new(at);
            Assert.ThrowsAny<OperationCanceledException>(() => Converter.Convert(checkpoint, target, null, progress, progress.Token));
            if (hasOldPair)
                Assert.Equal(old, Contents(target));
            else
                Assert.False(Directory.Exists(target), $"the folder stays after report {at} of {counting.Reports}");
        }
    }

    [Fact]
    public void A_cancelled_conversion_removes_every_folder_it_made_and_no_other()
    {
        string checkpoint = new TinyCheckpoint().Write(_folder["c"]);
        Directory.CreateDirectory(_folder["mine"]);
        using CancelAt progress = new(20);
        Assert.ThrowsAny<OperationCanceledException>(() =>
            Converter.Convert(checkpoint, Path.Combine(_folder["mine"], "a", "b"), null, progress, progress.Token));
        Assert.Empty(Directory.GetFileSystemEntries(_folder["mine"]));
    }

    [Fact]
    public void Progress_reaches_its_end_in_every_stage()
    {
        Dictionary<string, WorkProgress> last = [];
        using CancelAt progress = new(int.MaxValue, report => last[report.Stage] = report.Done >= last.GetValueOrDefault(report.Stage).Done ? report
            : last[report.Stage]);
        Converter.Convert(new TinyCheckpoint().Write(_folder["c"]), _folder["out"], null, progress);
        Assert.Equal(3, last.Count);
        Assert.All(last.Values, report => Assert.Equal(report.Total, report.Done));
    }

    private static Dictionary<string, byte[]> Contents(string folder) =>
        Directory.GetFiles(folder).ToDictionary(path => Path.GetFileName(path), File.ReadAllBytes);
}
