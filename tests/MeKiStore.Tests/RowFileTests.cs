using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using MeKi.Quant;
using MeKi.Store.Reading;

namespace MeKi.Store.Tests;

/// <summary>Row files written and read back, and every way in which one can be damaged.</summary>
public sealed class RowFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meki-test-");

    private string FilePath => Path.Combine(_folder.FullName, "model.rows");

    public static TheoryData<RowType> Types => [.. Enum.GetValues<RowType>()];

    private static readonly Arbitrary<(int Vocabulary, int Layers, int Dimension, RowType Type, int Seed)> Tables =
        (from vocabulary in Gen.Choose(1, 700)
         from layers in Gen.Choose(1, 5)
         from dimension in Gen.Choose(1, 80)
         from type in Gen.Elements(Enum.GetValues<RowType>())
         from seed in Gen.Choose(0, int.MaxValue)
         select (vocabulary, layers, dimension, type, seed)).ToArbitrary();

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Any_table_is_read_back_as_it_was_written() => Prop.ForAll(Tables, table =>
    {
        RowFileLayout layout = Layout(table.Vocabulary, table.Layers, table.Dimension, table.Type);
        float[][] rows = Write(layout, table.Seed);
        using RowStore store = RowStore.Open(FilePath);
        Assert.Equal(layout, store.Layout);
        Random random = new(table.Seed);
        int[] tokens = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(table.Vocabulary))];
        using RowLease lease = store.Lease(tokens);
        Assert.True(lease.IsFor(tokens));
        float[] row = new float[table.Dimension];
        for (int i = 0; i < tokens.Length; i++)
        {
            for (int layer = 0; layer < table.Layers; layer++)
            {
                lease.Decode(i, layer, row);
                float[] expected = rows[tokens[i] * table.Layers + layer];
                float tolerance = table.Type switch { RowType.F32 => 0, RowType.F16 => 1 / 2048f, RowType.Int8 => expected.Max(Math.Abs) / 254 * 1.001f, _ =>
                    expected.Max(Math.Abs) / 4 };
                Assert.All(row.Zip(expected), pair => Assert.InRange(pair.First, pair.Second - tolerance, pair.Second + tolerance));
            }
        }
        int distinct = tokens.Distinct().Count();
        Assert.Equal((long)distinct * table.Layers, store.Counters.RowsRead);
        // Merged reads bring whole records that lie between, some of them twice.
        Assert.InRange(store.Counters.BytesRead, (long)distinct * layout.RecordStride, store.Counters.Reads * ReadQueue.StagingBytes);
        Assert.Equal(0, store.Counters.BytesRead % layout.RecordStride);
    }).QuickCheckThrowOnFailure();

    [Theory]
    [MemberData(nameof(Types))]
    public void Rows_and_records_are_aligned_to_64_bytes(RowType type)
    {
        RowFileLayout layout = Layout(300, 3, 33, type);
        Assert.All(new[] { layout.RowStride, layout.ScaleBytes, layout.RecordStride, (int)RowFileLayout.DataOffset }, bytes => Assert.Equal(0, bytes % 64));
        Write(layout, 1);
        Assert.Equal(layout.FileBytes, new FileInfo(FilePath).Length);
    }

    [Fact]
    public void Checksums_cover_the_groups_of_records()
    {
        RowFileLayout layout = Layout(RowFileLayout.GroupRecords + 1, 1, 16, RowType.F16);
        Write(layout, 1);
        byte[] file = File.ReadAllBytes(FilePath);
        int first = (int)layout.RecordOffset(0), second = (int)layout.RecordOffset(RowFileLayout.GroupRecords), end = (int)layout.ChecksumOffset;
        Assert.Equal(Crc32CTests.BitByBit(file.AsSpan(first..second)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(end)));
        Assert.Equal(Crc32CTests.BitByBit(file.AsSpan(second..end)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(end + 4)));
    }

    [Fact]
    public void An_int4_record_has_its_golden_bytes()
    {
        // 40 values are two blocks, the second with 24 to spare. Scales of 0.5 and 1: f16 0x3800 and 0x3C00.
        float[] row = [.. Enumerable.Range(0, 32).Select(i => (i % 16 - 8) * 0.5f), -8, -7, -6, -5, -4, -3, -2, -1];
        RowFileLayout layout = Layout(1, 2, row.Length, RowType.Int4);
        Assert.Equal((32, 64, 64, 192), (layout.RowBytes, layout.RowStride, layout.ScaleBytes, layout.RecordStride));
        byte[] record = new byte[layout.RecordStride];
        RowCodec.Encode(layout, row, 1, record);
        byte[] expected = new byte[layout.RecordStride];
        Convert.FromHexString("0038003C").CopyTo(expected, 4);
        Convert.FromHexString("00112233445566778899AABBCCDDEEFF" + "80818283848586878888888888888888").CopyTo(expected, 128);
        Assert.Equal(expected, record);
        float[] decoded = new float[row.Length];
        RowCodec.Decode(layout, record, 1, decoded);
        Assert.Equal(row, decoded);
    }

    [Theory]
    [InlineData(RowType.Int8)]
    [InlineData(RowType.Int4)]
    public void Every_changed_byte_of_the_header_is_noticed(RowType type)
    {
        Write(Layout(10, 2, 8, type), 1);
        byte[] good = File.ReadAllBytes(FilePath);
        for (int at = 0; at < 4096; at += at < 128 || at > 4080 ? 1 : 37)
        {
            byte[] bad = [.. good];
            bad[at] ^= 0x10;
            File.WriteAllBytes(FilePath, bad);
            RowFileException failure = Assert.Throws<RowFileException>(() => RowStore.Open(FilePath));
            Assert.Contains(FilePath, failure.Message, StringComparison.Ordinal);
            Assert.NotEmpty(failure.Place);
        }
    }

    [Fact]
    public void Any_other_length_is_refused()
    {
        Write(Layout(10, 2, 8, RowType.Int8), 1);
        byte[] good = File.ReadAllBytes(FilePath);
        foreach (int length in new[] { 0, 1, 4095, 4096, good.Length - 1, good.Length + 1 })
        {
            File.WriteAllBytes(FilePath, [.. good.Take(length), .. new byte[Math.Max(0, length - good.Length)]]);
            Assert.Contains("bytes", Assert.Throws<RowFileException>(() => RowStore.Open(FilePath)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Contains("does not exist", Assert.Throws<RowFileException>(() => RowStore.Open(Path.Combine(_folder.FullName, "absent.rows"))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_file_truncated_while_open_fails_the_read_and_not_the_next()
    {
        RowFileLayout layout = Layout(100, 2, 32, RowType.F32);
        Write(layout, 1);
        using RowStore store = RowStore.Open(FilePath);
        using (FileStream file = new(FilePath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(layout.RecordOffset(50) + 3);
        float[] row = new float[32];
        using (RowLease lease = store.Lease([50]))
            Assert.Contains("truncated", Assert.Throws<RowFileException>(() => lease.Decode(0, 0, row)).Message, StringComparison.Ordinal);
        using RowLease other = store.Lease([49]);
        other.Decode(0, 1, row);
    }

    [Fact]
    public void Tokens_outside_the_vocabulary_are_refused()
    {
        Write(Layout(10, 2, 8, RowType.F16), 1);
        using RowStore store = RowStore.Open(FilePath);
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Lease([3, 10]));
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Lease([-1]));
    }

    [Fact]
    public void A_closed_store_fails_reads_cleanly()
    {
        Write(Layout(10, 2, 8, RowType.F16), 1);
        RowStore store = RowStore.Open(FilePath);
        store.Dispose();
        using RowLease lease = store.Lease([1]);
        Assert.Throws<ObjectDisposedException>(() => lease.Decode(0, 0, new float[8]));
    }

    [Fact]
    public void The_writer_refuses_too_few_too_many_and_broken_records()
    {
        RowFileLayout layout = Layout(3, 1, 8, RowType.F16);
        RowFileWriter writer = new(new MemoryStream(), layout);
        Assert.Throws<ArgumentException>(() => writer.Append(new byte[layout.RecordStride + 1]));
        Assert.Throws<ArgumentException>(() => writer.Append(new byte[4 * layout.RecordStride]));
        writer.Append(new byte[2 * layout.RecordStride]);
        Assert.Throws<InvalidOperationException>(writer.Complete);
    }

    private static RowFileLayout Layout(int vocabulary, int layers, int dimension, RowType type) => new()
    {
        Identity = new([.. Enumerable.Range(1, 32).Select(i => (byte)i)]),
        VocabularySize = vocabulary,
        Layers = layers,
        Dimension = dimension,
        Type = type,
    };

    private float[][] Write(RowFileLayout layout, int seed)
    {
        Random random = new(seed);
        float[][] rows = new float[layout.VocabularySize * layout.Layers][];
        using FileStream stream = File.Create(FilePath);
        RowFileWriter writer = new(stream, layout);
        for (int token = 0; token < layout.VocabularySize; token++)
        {
            byte[] record = new byte[layout.RecordStride];
            for (int layer = 0; layer < layout.Layers; layer++)
            {
                float[] row = rows[token * layout.Layers + layer] = [.. Enumerable.Range(0, layout.Dimension).Select(_ => random.NextSingle() * 2 - 1)];
                RowCodec.Encode(layout, row, layer, record);
            }
            writer.Append(record);
        }
        writer.Complete();
        return rows;
    }
}
