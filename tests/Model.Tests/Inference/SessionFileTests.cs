using System.Buffers.Binary;
using System.Diagnostics;
using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels;
using MeKi.Model.Conversion;
using MeKi.Model.Tests.BadInput;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Store;
using MeKi.Tests;

namespace MeKi.Model.Tests.Inference;

/// <summary>Sessions saved and loaded, and every way in which their files can be wrong.</summary>
public sealed class SessionFileTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private const int Vocabulary = 300, HeaderBytes = 128;

    private readonly TemporaryFolder _folder = new();

    private string FilePath => _folder["chat.session"];

    public static TheoryData<KvFormat, KvFormat> Formats
    {
        get
        {
            TheoryData<KvFormat, KvFormat> all = [];
            foreach (KvFormat keys in Enum.GetValues<KvFormat>())
            {
                foreach (KvFormat values in Enum.GetValues<KvFormat>())
                    all.Add(keys, values);
            }
            return all;
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_loaded_session_continues_with_the_same_bits(KvFormat keys, KvFormat values)
    {
        LoadOptions options = new() { KeyFormat = keys, ValueFormat = values, Threads = 1 };
        using MeKiModel model = MeKiModel.Load(tiny.Converted, options);
        using MeKiModel again = MeKiModel.Load(tiny.Converted, options with { Threads = 2 });
        Prop.ForAll(Gen.OneOf(Gen.Choose(0, 600), Gen.Elements(0, 31, 32, 33, 255, 256, 257, 512)).ToArbitrary(), length =>
        {
            using MeKiSession session = model.CreateSession();
            // Positions that were used once and forgotten lie behind those that are saved.
            session.Forward(TinyModel.Tokens(length + 40, seed: 3), []);
            session.Truncate(length / 2);
            session.Forward(TinyModel.Tokens(length - length / 2, seed: 4), []);
            session.Save(FilePath);

            using MeKiSession loaded = again.LoadSession(FilePath);
            Assert.Equal(session.Tokens.ToArray(), loaded.Tokens.ToArray());
            Assert.Equal(length, loaded.Position);
            float[] expected = new float[2 * Vocabulary], logits = new float[2 * Vocabulary];
            session.Forward([5, 6], expected);
            loaded.Forward([5, 6], logits);
            Assert.Equal(expected, logits);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(12));
    }

    [Fact]
    public void Of_a_checkpoint_and_of_a_dense_model()
    {
        using MeKiModel checkpoint = tiny.Load(converted: false);
        using MeKiModel without = MeKiModel.Load(tiny.Converted, new() { WithoutMeKi = true });
        foreach (MeKiModel model in new[] { checkpoint, without })
        {
            using MeKiSession session = model.CreateSession();
            session.Forward([1, 2, 3], []);
            session.Save(FilePath);
            using MeKiSession loaded = model.LoadSession(FilePath);
            Assert.Equal([1, 2, 3], loaded.Tokens.ToArray());
        }
        Assert.Contains("another model", Refused(checkpoint), StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_that_is_not_full_is_saved_in_part()
    {
        using MeKiModel model = tiny.Load(converted: true);
        // Two layers of 2 heads of 16 columns, filled up to 32: 256 bytes of F16 for a position, in groups of 32.
        foreach ((int tokens, int positions) in new[] { (0, 0), (1, 32), (32, 32), (33, 64), (256, 256), (257, 288) })
        {
            Save(model, tokens);
            int pages = (tokens + 255) / 256;
            Assert.Equal(HeaderBytes + 4 * tokens + 4 + 2 * (positions * 256 + 4 * pages), new FileInfo(FilePath).Length);
        }
    }

    [Fact]
    public void Every_changed_byte_is_noticed()
    {
        using MeKiModel model = tiny.Load(converted: true);
        Save(model, 3);
        byte[] good = File.ReadAllBytes(FilePath);
        // What LoadSession calls; it would identify the model each time.
        SessionHeader header = model.Loaded.DescribeSession(0);
        using (FileStream file = new(FilePath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0))
        {
            for (int at = 0; at < good.Length; at++)
            {
                Put(file, at, (byte)(good[at] ^ 1 << at % 8));
                Refused(() => SessionFile.Read(FilePath, header, model.Config).Tokens);
                Put(file, at, good[at]);
            }
        }
        AssertUsable(model);
    }

    [Fact]
    public void Every_truncation_is_noticed()
    {
        using MeKiModel model = tiny.Load(converted: true);
        Save(model, 3);
        byte[] good = File.ReadAllBytes(FilePath);
        // What LoadSession calls; it would identify the model each time.
        SessionHeader header = model.Loaded.DescribeSession(0);
        using (FileStream file = new(FilePath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0))
        {
            for (int length = good.Length - 1; length >= 0; length--)
            {
                file.SetLength(length);
                Refused(() => SessionFile.Read(FilePath, header, model.Config).Tokens);
            }
        }
        File.WriteAllBytes(FilePath, [.. good, 0]);
        Assert.Contains("its header tells", Refused(model), StringComparison.Ordinal);
        AssertUsable(model);
    }

    [Fact]
    public void Exchanged_pages_are_noticed()
    {
        using MeKiModel model = tiny.Load(converted: true);
        Save(model, 512);
        byte[] file = File.ReadAllBytes(FilePath);
        int page = 256 * 256 + 4, first = HeaderBytes + 4 * 512 + 4;
        byte[] exchanged = [.. file[..first], .. file[(first + page)..(first + 2 * page)], .. file[first..(first + page)], .. file[(first + 2 * page)..]];
        File.WriteAllBytes(FilePath, exchanged);
        Assert.Contains("layer 0, page 0", Refused(model), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("seed")]
    [InlineData("rows")]
    [InlineData("type")]
    [InlineData("norm")]
    [InlineData("training form")]
    [InlineData("without")]
    [InlineData("tokenizer")]
    public void Of_another_model(string difference)
    {
        using (MeKiModel model = tiny.Load(converted: true))
            Save(model, 10);
        TinyCheckpoint checkpoint = new() { Tied = false };
        checkpoint = difference switch
        {
            "seed" => checkpoint with { Seed = 2 },
            "norm" => checkpoint with { Damage = tensors => tensors["model.layers.1.input_layernorm.weight"].Values[7] += 0.5f },
            "tokenizer" => checkpoint with { HasTokenizer = false },
            _ => checkpoint,
        };
        string folder = checkpoint.Write(_folder["c"]), converted = _folder["m"];
        ConverterOptions options = new() { WeightType = WeightRecipe.Of(difference == "type" ? GgmlType.F16 : GgmlType.F32), RowType = difference == "rows"
            ? RowType.F16 : RowType.F32 };
        if (difference != "training form")
            Converter.Convert(folder, converted, options);
        using MeKiModel other = MeKiModel.Load(difference == "training form" ? folder : converted, new() { WithoutMeKi = difference == "without" });
        Assert.Contains("the session belongs to another model", Refused(other), StringComparison.Ordinal);
        AssertUsable(other);
    }

    [Fact]
    public void The_same_model_converted_again_continues_it()
    {
        using (MeKiModel model = tiny.Load(converted: true))
            Save(model, 10);
        Converter.Convert(tiny.Checkpoint, _folder["again"], new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.F32 });
        using MeKiModel again = MeKiModel.Load(_folder["again"]);
        using MeKiSession session = again.LoadSession(FilePath);
        Assert.Equal(10, session.Position);
    }

    [Fact]
    public void Of_other_formats()
    {
        using (MeKiModel model = tiny.Load(converted: true))
            Save(model, 10);
        using MeKiModel other = MeKiModel.Load(tiny.Converted, new() { KeyFormat = KvFormat.Q8_0 });
        Assert.Contains("keys are F16 and values F16 where the model was loaded for Q8_0 and F16", Refused(other), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_longer_context()
    {
        using (MeKiModel model = tiny.Load(converted: true))
            Save(model, 513);
        Converter.Convert((new TinyCheckpoint { Tied = false, Context = 512 }).Write(_folder["c"]), _folder["m"],
            new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.F32 });
        using MeKiModel shorter = MeKiModel.Load(_folder["m"]);
        Assert.Contains("513 tokens are more than the model's context of 512", Refused(shorter), StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_made_by_hand_is_checked()
    {
        using MeKiModel model = tiny.Load(converted: true);
        Save(model, 3);
        byte[] good = File.ReadAllBytes(FilePath);
        foreach (int at in new[] { 12, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 96, 120 })
        {
            byte[] bad = (byte[])good.Clone();
            bad[at + 1] ^= 0x40;
            // Crc32C is what the header's checksum is made of; whoever writes files can make it fit.
            BinaryPrimitives.WriteUInt32LittleEndian(bad.AsSpan(HeaderBytes - 4), Crc32C.Of(bad.AsSpan(0, HeaderBytes - 4)));
            File.WriteAllBytes(FilePath, bad);
            Refused(model);
        }
    }

    [Fact]
    public void Missing_and_unfit_files()
    {
        using MeKiModel model = tiny.Load(converted: true);
        Assert.Contains("there is no such file", Refused(model), StringComparison.Ordinal);
        Assert.Throws<SessionFileException>(() => model.LoadSession(_folder.FullName));
        File.WriteAllText(FilePath, new string('x', 1000));
        Assert.Contains("this is not a session file", Refused(model), StringComparison.Ordinal);

        using MeKiSession session = model.CreateSession();
        Assert.Throws<ModelFileException>(() => session.Save(_folder["none/chat.session"]));
        Assert.Throws<ModelFileException>(() => session.Save(_folder.FullName));
        Assert.Equal([FilePath], Directory.GetFileSystemEntries(_folder.FullName));
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Save(FilePath));
        Assert.Throws<ObjectDisposedException>(() => model.LoadSession(FilePath));
    }

    [Fact]
    [Trait("Fault", "18.12")]
    public void A_session_behind_a_link_is_loaded()
    {
        if (OperatingSystem.IsWindows())
            return;
        using MeKiModel model = tiny.Load(converted: true);
        Save(model, 10);
        File.CreateSymbolicLink(_folder["once"], FilePath);
        File.CreateSymbolicLink(_folder["twice"], "once");
        using MeKiSession session = model.LoadSession(_folder["twice"]);
        Assert.Equal(TinyModel.Tokens(10), session.Tokens.ToArray());
    }

    /// <summary>To open a pipe would wait for its writer. The longer a link's text, the more it is taken for a file's length.</summary>
    [Fact]
    [Trait("Fault", "18.12")]
    public async Task A_pipe_is_refused_and_not_waited_for()
    {
        if (OperatingSystem.IsWindows())
            return;
        using MeKiModel model = tiny.Load(converted: true);
        using (Process make = Process.Start("mkfifo", [_folder["pipe"]]))
            await make.WaitForExitAsync();
        File.CreateSymbolicLink(FilePath, string.Concat(Enumerable.Repeat("./", 100)) + "pipe");
        foreach (string path in new[] { _folder["pipe"], FilePath, "/dev/zero", "/dev/null" })
            await Assert.ThrowsAsync<SessionFileException>(() => Task.Run(() => model.LoadSession(path)).WaitAsync(TimeSpan.FromSeconds(30)));
    }

    /// <summary>What a header says of lengths is arithmetic on numbers from outside: it ends, and does not wrap into a small file's length.</summary>
    [Fact]
    [Trait("Fault", "18.15")]
    public async Task The_length_of_any_session_is_computed_at_once()
    {
        using MeKiModel model = tiny.Load(converted: true);
        SessionHeader header = model.Loaded.DescribeSession(0);
        long page = header.Kv.Layers[0].Pages.PageBytes + 4;
        foreach (int length in new[] { 0, 1, 255, 256, 257, 600, int.MaxValue - 255, int.MaxValue })
        {
            long whole = await Task.Run(() => (header with { Length = length }).FileBytes).WaitAsync(TimeSpan.FromSeconds(30));
            long least = HeaderBytes + 4L * length + 4 + header.Kv.Layers.Count * (length / 256 * page);
            Assert.InRange(whole, least, least + header.Kv.Layers.Count * page);
        }
    }

    /// <summary>A disk without room: the old session stays, and the one in memory goes on.</summary>
    [SmallDiskFact]
    public void A_session_that_cannot_be_saved_leaves_the_old_file_and_goes_on()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using SmallDisk disk = new();
        string path = Path.Combine(disk.FullName, "chat.session");
        using (MeKiSession old = model.CreateSession())
        {
            old.Forward(TinyModel.Tokens(10), []);
            old.Save(path);
        }
        byte[] bytes = File.ReadAllBytes(path);
        string filler = Path.Combine(disk.FullName, "filler");
        FileSystems.Fill(filler);
        foreach (int more in new[] { 3, 1_000 })
        {
            using MeKiSession session = model.CreateSession(), straight = model.CreateSession();
            session.Forward(TinyModel.Tokens(more), []);
            ModelFileException failure = Assert.Throws<ModelFileException>(() => session.Save(path));
            Assert.StartsWith($"{path}: the disk is full", failure.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', failure.Message);

            Assert.Equal([path, filler], Directory.GetFileSystemEntries(disk.FullName).Order(StringComparer.Ordinal));
            Assert.Equal(bytes, File.ReadAllBytes(path));
            using (MeKiSession before = model.LoadSession(path))
                Assert.Equal(TinyModel.Tokens(10), before.Tokens.ToArray());

            float[] expected = new float[Vocabulary], logits = new float[Vocabulary];
            straight.Forward([.. TinyModel.Tokens(more), 7], expected);
            session.Forward([7], logits);
            Assert.Equal(expected, logits);
            session.Save(FilePath);
            using MeKiSession loaded = model.LoadSession(FilePath);
            Assert.Equal(more + 1, loaded.Position);
        }
    }

    /// <summary>Nor does it matter what a file is called that the user has beside it.</summary>
    [Fact]
    [Trait("Fault", "18.20")]
    public void Saving_touches_no_other_file_and_replaces_a_link_instead_of_what_it_leads_to()
    {
        using MeKiModel model = tiny.Load(converted: true);
        string partial = _folder.Add("chat.session.partial", "mine"u8), precious = _folder.Add("precious", "mine"u8);
        File.CreateSymbolicLink(FilePath, precious);
        Save(model, 10);
        Assert.Equal(["mine", "mine"], [File.ReadAllText(partial), File.ReadAllText(precious)]);
        Assert.Null(new FileInfo(FilePath).LinkTarget);
        using MeKiSession loaded = model.LoadSession(FilePath);
        Assert.Equal(10, loaded.Position);
        Assert.Equal([FilePath, partial, precious], Directory.GetFiles(_folder.FullName).Order(StringComparer.Ordinal));
    }

    [Fact]
    [Trait("Fault", "18.20")]
    public void Sessions_saved_to_one_file_at_once_leave_one_of_them_whole()
    {
        using MeKiModel model = tiny.Load(converted: true);
        MeKiSession[] sessions = [.. Enumerable.Range(1, 8).Select(_ => model.CreateSession())];
        for (int i = 0; i < sessions.Length; i++)
            sessions[i].Forward(TinyModel.Tokens(300 + i), []);
        Parallel.ForEach(sessions, session => session.Save(FilePath));
        using MeKiSession loaded = model.LoadSession(FilePath);
        Assert.InRange(loaded.Position, 300, 307);
        Assert.Equal([FilePath], Directory.GetFiles(_folder.FullName));
        Array.ForEach(sessions, session => session.Dispose());
    }

    private static void Put(FileStream file, long at, byte value)
    {
        file.Position = at;
        file.WriteByte(value);
    }

    private void Save(MeKiModel model, int tokens)
    {
        using MeKiSession session = model.CreateSession();
        session.Forward(TinyModel.Tokens(tokens), []);
        session.Save(FilePath);
    }

    private string Refused(MeKiModel model) => Refused(() => model.LoadSession(FilePath));

    private string Refused(Func<object> load)
    {
        SessionFileException failure = Assert.Throws<SessionFileException>(load);
        Assert.StartsWith(FilePath + ": ", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
        return failure.Message;
    }

    private static void AssertUsable(MeKiModel model)
    {
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[Vocabulary];
        session.Forward([1, 2, 3], logits);
        Assert.All(logits, logit => Assert.True(float.IsFinite(logit)));
    }
}
