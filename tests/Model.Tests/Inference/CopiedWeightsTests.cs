using MeKi.Model.Conversion;
using MeKi.Model.Files;
using MeKi.Model.Tests.BadInput;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Inference;

/// <summary>A model whose file was read into memory computes what the mapped one does, and does not need the file any more.</summary>
public sealed class CopiedWeightsTests : IDisposable
{
    private const string ShortFile = "/sys/devices/system/cpu/online";

    private static readonly int[] Tokens = TinyModel.Tokens(20);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>In panels, packed at load, and a checkpoint, whose training form computes from its tensors where they lie. A mapping that is cut short would
    /// end the test's process.</summary>
    [Theory]
    [InlineData("f32")]
    [InlineData("q5_0")]
    [InlineData("checkpoint")]
    [InlineData("shards")]
    [Trait("Fault", "18.24")]
    public void A_file_cut_short_after_it_was_read_changes_nothing(string kind)
    {
        string path = new TinyCheckpoint { Tied = false, Shards = kind == "shards" ? 3 : 1 }.Write(_folder["c"]);
        if (kind is "f32" or "q5_0")
        {
            Converter.Convert(path, _folder["m"], new() { WeightType = WeightRecipe.Of(kind == "f32" ? GgmlType.F32 : GgmlType.Q5_0) });
            path = _folder["m"];
        }
        float[] expected;
        long bytes;
        using (MeKiModel mapped = MeKiModel.Load(path))
        {
            expected = GoldenAssert.AllLogits(mapped, Tokens);
            bytes = mapped.LoadReport.MappedBytes + mapped.LoadReport.PackedBytes;
        }
        MeKiModel model = MeKiModel.Load(path, new() { CopyWeights = true });
        Assert.Equal((0, bytes), (model.LoadReport.MappedBytes, model.LoadReport.PackedBytes));
        foreach (string file in Directory.GetFiles(path, "model*").Where(file => !file.EndsWith(".rows", StringComparison.Ordinal)))
        {
            using FileStream cut = new(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            cut.SetLength(0);
        }
        Assert.Equal(expected, GoldenAssert.AllLogits(model, Tokens));
        using MeKiSession session = model.CreateSession();
        session.Forward(Tokens, []);
        session.Save(_folder["chat.session"]);
        using (MeKiSession loaded = model.LoadSession(_folder["chat.session"]))
            Assert.Equal(Tokens, loaded.Tokens.ToArray());
        model.Dispose();
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(model.CreateSession);
    }

    [Fact]
    [Trait("Fault", "18.24")]
    public unsafe void A_copy_is_the_whole_file_and_ends_with_its_last_reference()
    {
        byte[] bytes = new byte[100_001];
        new Random(3).NextBytes(bytes);
        MappedFile file = MappedFile.Open(_folder.Add("bytes", bytes), copy: true);
        File.WriteAllBytes(_folder["bytes"], [1]);
        Assert.Equal(bytes, file.Span(0, bytes.Length).ToArray());
        Assert.Equal(0, (nint)file.Pointer % Environment.SystemPageSize);
        Assert.True(file.TryAddReference());
        file.Dispose();
        Assert.Equal(bytes[7], file.Span(7, 1)[0]);
        file.ReleaseReference();
        Assert.Throws<ObjectDisposedException>(() => file.Span(7, 1)[0]);
        Assert.False(file.TryAddReference());
    }

    [Fact]
    [Trait("Fault", "18.24")]
    public void A_copy_that_is_given_back_is_not_read_any_more()
    {
        using MappedFile file = MappedFile.Open(_folder.Add("bytes", [1, 2, 3]), copy: true);
        file.FreeCopy();
        Assert.Throws<ObjectDisposedException>(() => file.Span(0, 1)[0]);
        Assert.True(file.TryAddReference());
        file.ReleaseReference();
        using MappedFile mapped = MappedFile.Open(_folder["bytes"]);
        mapped.FreeCopy();
        Assert.Equal(3, mapped.Span(2, 1)[0]);
    }

    /// <summary>Such a file says that it has 4,096 bytes and has some twenty: as one that is cut short between the question and the reading.</summary>
    [DeviceTheory(ShortFile)]
    [InlineData(ShortFile)]
    [Trait("Fault", "18.24")]
    public void A_file_that_ends_while_it_is_read_is_an_error_with_its_place(string path)
    {
        ModelFileException failure = Assert.Throws<ModelFileException>(() => MappedFile.Open(path, copy: true));
        Assert.StartsWith($"{path}: byte {File.ReadAllText(path).Length}: the file ends here", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("empty")]
    [InlineData("folder")]
    [Trait("Fault", "18.24")]
    public void What_cannot_be_mapped_cannot_be_copied(string kind)
    {
        string path = kind switch
        {
            "missing" => _folder["none"],
            "empty" => _folder.Add("empty", []),
            _ => _folder.FullName,
        };
        Assert.Equal(path, Assert.Throws<ModelFileException>(() => MappedFile.Open(path, copy: true)).Path);
    }
}
