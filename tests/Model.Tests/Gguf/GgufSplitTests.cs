using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;

namespace MeKi.Model.Tests.Gguf;

/// <summary>A model in several files is the model in one.</summary>
[Trait("Fault", "18.tolerance")]
public sealed class GgufSplitTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Whole => Path.Combine(tiny.Converted, "model.gguf");

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(9, false)]
    public void The_first_part_loads_the_model(int parts, bool noTensorsFirst)
    {
        string[] paths = SplitModel.Write(Whole, _folder["tiny"], parts, noTensorsFirst);
        File.Copy(Path.ChangeExtension(Whole, ".rows"), _folder["tiny.rows"]);
        using MeKiModel split = MeKiModel.Load(paths[0]), whole = MeKiModel.Load(tiny.Converted);
        Assert.Equal(whole.Config, split.Config);
        int[] tokens = TinyModel.Tokens(20);
        Assert.Equal(GoldenAssert.AllLogits(whole, tokens), GoldenAssert.AllLogits(split, tokens));
        Assert.Equal(whole.Tokenizer!.Encode("the hall"), split.Tokenizer!.Encode("the hall"));

        using GgufFile file = GgufFile.Open(paths[0]), one = GgufFile.Open(Whole);
        Assert.Equal(paths, file.Files.Select(part => part.Path));
        Assert.Equal(one.Tensors.Select(tensor => tensor.Name), file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(one.Tensors.Select(BytesOf), file.Tensors.Select(BytesOf));
        file.Dispose();
        Assert.All(file.Files, part => Assert.False(part.TryAddReference()));
    }

    [Fact]
    public void Quantising_writes_one_file_as_from_one()
    {
        string[] paths = SplitModel.Write(Whole, _folder["tiny"], 3);
        File.Copy(Path.ChangeExtension(Whole, ".rows"), _folder["tiny.rows"]);
        QuantizationResult split = Quantizer.Quantize(paths[0], _folder["split"], WeightRecipe.Q4_K_M), whole = Quantizer.Quantize(tiny.Converted,
            _folder["whole"], WeightRecipe.Q4_K_M);
        Assert.Equal(File.ReadAllBytes(whole.ModelPath), File.ReadAllBytes(split.ModelPath));
        Assert.Contains("is the input", Assert.Throws<ModelFileException>(() => Quantizer.Quantize(paths[0], paths[2],
            WeightRecipe.Q4_K_M)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_parts_are_named()
    {
        string[] paths = SplitModel.Write(Whole, _folder["tiny"], 7);
        File.Delete(paths[1]);
        Refused(paths[0], paths[0], "is part 1 of a model in 7 files, of which 1 is missing: 'tiny-00002-of-00007.gguf'. Put all parts into one folder.");
        foreach (string path in paths[2..])
            File.Delete(path);
        Refused(paths[0], paths[0], "of which 6 are missing: 'tiny-00002-of-00007.gguf', 'tiny-00003-of-00007.gguf', 'tiny-00004-of-00007.gguf' and 3 more");
    }

    [Fact]
    public void Another_part_than_the_first_names_the_first()
    {
        string[] paths = SplitModel.Write(Whole, _folder["tiny"], 3);
        Refused(paths[1], paths[1], "is part 2 of a model in 3 files. Give the first part, 'tiny-00001-of-00003.gguf'.");
        File.Move(paths[2], _folder["part.gguf"]);
        Refused(_folder["part.gguf"], _folder["part.gguf"], "is part 3 of a model in 3 files. Give the first part.");
    }

    [Fact]
    public void A_first_part_with_another_name_cannot_find_the_others()
    {
        string[] paths = SplitModel.Write(Whole, _folder["tiny"], 3);
        File.Move(paths[0], _folder["model.gguf"]);
        Refused(_folder["model.gguf"], _folder["model.gguf"], "its name does not end in '-00001-of-00003.gguf'");
    }

    [Fact]
    public void Parts_that_do_not_belong_together_are_refused()
    {
        string[] paths = SplitModel.Write(Whole, _folder["tiny"], 3);
        byte[] second = File.ReadAllBytes(paths[1]);
        File.Copy(paths[2], paths[1], overwrite: true);
        Refused(paths[0], paths[1], "metadata key 'split.no': is not that of part 2 of 3");
        File.Copy(Whole, paths[1], overwrite: true);
        Refused(paths[0], paths[1], "metadata key 'split.no': is not that of part 2 of 3");
        File.WriteAllBytes(paths[1], second[..^100]);
        Refused(paths[0], paths[1], "incomplete");

        paths = SplitModel.Write(Whole, _folder["other"], 2, change: (_, keys) => keys["split.tensors.count"] = 5);
        Refused(paths[0], paths[0], "metadata key 'split.tensors.count': tells of 5 tensors where the parts have ");
        paths = SplitModel.Write(Whole, _folder["twice"], 2);
        SplitModel.Write(Whole, _folder["all"], 1, change: (_, keys) => (keys["split.no"], keys["split.count"]) = ((ushort)1, (ushort)2));
        File.Copy(_folder["all-00001-of-00001.gguf"], paths[1], overwrite: true);
        ModelFileException failure = Assert.Throws<ModelFileException>(() => GgufFile.Open(paths[0]));
        Assert.Contains("split.tensors.count", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3, 3)]
    [InlineData(-1, 3)]
    [InlineData(0, 70_000)]
    [InlineData(0, int.MaxValue)]
    public void Numbers_out_of_range_are_refused(int number, int count)
    {
        string path = SplitModel.Write(Whole, _folder["tiny"], 1, change: (_, keys) => (keys["split.no"], keys["split.count"]) = (number, count))[0];
        Refused(path, path, "metadata key 'split.no'");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_count_of_one_is_no_split(int count)
    {
        string path = SplitModel.Write(Whole, _folder["tiny"], 1, change: (_, keys) => keys["split.count"] = (ushort)count)[0];
        using GgufFile file = GgufFile.Open(path);
        Assert.Single(file.Files);
    }

    [Fact]
    public void Nothing_stays_mapped_after_a_refusal()
    {
        string[] paths = SplitModel.Write(Whole, _folder["tiny"], 4);
        File.WriteAllBytes(paths[3], [1, 2, 3]);
        Refused(paths[0], paths[3], "");
        if (OperatingSystem.IsLinux())
            Assert.DoesNotContain(_folder.FullName, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);
    }

    private static byte[] BytesOf(GgufTensor tensor) => tensor.File!.Span(tensor.Offset, (int)tensor.ByteLength).ToArray();

    private static void Refused(string path, string file, string problem)
    {
        ModelFileException failure = Assert.Throws<ModelFileException>(() => MeKiModel.Load(path).Dispose());
        Assert.Equal(file, failure.Path);
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
    }
}
