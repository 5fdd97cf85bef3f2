using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using MeKi.Quant;
using MeKi.Store.Storage;

namespace MeKi.Store.Tests;

/// <summary>Rows read where they lie in a model file, against the tensor's own bytes decoded block by block.</summary>
public sealed class RowTableTests
{
    private static readonly Arbitrary<Use> Uses =
        (from format in Gen.Elements(BlockFormat.All.ToArray())
         from vocabulary in Gen.Choose(1, 300)
         from layers in Gen.Choose(1, 5)
         from blocks in Gen.Choose(1, format.BlockSize == 1 ? 70 : 3)
         from offset in Gen.Choose(0, 5000)
         from cached in Gen.Frequency((1, Gen.Constant(0)), (1, Gen.Constant(1)), (2, Gen.Choose(2, 30)), (1, Gen.Choose(100, 1000)))
         from owners in Gen.Choose(1, 4)
         from mapped in Gen.Elements(false, true)
         from seed in Gen.Choose(0, int.MaxValue)
         select new Use(format, vocabulary, layers, blocks * format.BlockSize, offset, cached, owners, mapped, seed)).ToArbitrary();

    private sealed record Use(
        BlockFormat Format, int Vocabulary, int Layers, int Dimension, int Offset, int CachedRecords, int Owners, bool Mapped, int Seed);

    [Fact]
    public void Every_row_of_every_format_is_the_tensors_to_the_last_bit() => Prop.ForAll(Uses, use =>
    {
        using TensorFile table = new(use.Vocabulary, use.Layers, use.Dimension, use.Format.Type, use.Seed, use.Offset);
        ScriptedSource? scripted = null;
        using RowTableStore store = table.Open(new()
        {
            CacheBytes = (long)use.CachedRecords * table.Layout.RecordStride,
            MemoryMapped = use.Mapped,
            // Devices may give fewer bytes than asked for.
            Before = file => scripted = new(file) { Script = (offset, length) => offset % 3 == 0 ? length : 1 + (length - 1) / 2 },
        });
        Parallel.For(0, use.Owners, new ParallelOptions { MaxDegreeOfParallelism = use.Owners }, owner =>
        {
            Random random = new(unchecked(use.Seed + owner));
            using RowLease lease = store.Lease([]);
            float[] row = new float[use.Dimension], rows = new float[use.Layers * use.Dimension];
            for (int round = 0; round < 25; round++)
            {
                int[] tokens = [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => (int)(Math.Pow(random.NextDouble(), 3) * use.Vocabulary))];
                lease.Renew(tokens);
                for (int i = 0; i < tokens.Length; i++)
                {
                    float[] expected = BlockByBlock(use.Format, table.Record(tokens[i]));
                    store.Layout.Decode(lease.Record(i), 0, rows);
                    AssertSameBits(expected, rows);
                    int layer = random.Next(use.Layers);
                    lease.Decode(i, layer, row);
                    AssertSameBits(expected.AsSpan(layer * use.Dimension, use.Dimension), row);
                }
            }
        });
        long end = use.Offset + (long)use.Vocabulary * table.Layout.RecordStride;
        Assert.All(scripted!.Reads, read =>
            Assert.True(read.Offset >= use.Offset && read.Offset + read.Length <= end, $"{read} is not within {use.Offset} to {end}"));
        Assert.Empty(scripted.Checks);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_token_costs_one_read_of_its_row_wherever_that_lies()
    {
        // The row of Gemma 4 E2B in Q6_K: 7,350 bytes.
        using TensorFile table = new(300, layers: 35, dimension: 256, type: GgmlType.Q6_K, offset: 4099);
        using RecordStore store = table.Open(out ScriptedSource source);
        using RowLease lease = store.Lease([]);
        foreach (int token in new[] { 0, 150, 299 })
        {
            lease.Renew([token]);
            table.AssertRecords(lease, [token]);
        }
        Assert.Equal([(4099, 7350), (4099 + 150 * 7350, 7350), (4099 + 299 * 7350, 7350)], source.Reads);
        Assert.Equal((3, 3 * 35, 3 * 7350), (store.Counters.Reads, store.Counters.RowsRead, store.Counters.BytesRead));
    }

    [Fact]
    public void A_prompts_rows_are_read_in_order_of_their_place_and_neighbours_at_once()
    {
        using TensorFile table = new(1000, layers: 20, dimension: 256, type: GgmlType.Q4_K);
        using RecordStore store = table.Open(out ScriptedSource source);
        // Rows of 2,880 bytes: 10, 11 and 13 lie within a gap of one; 500 is 1.4 MB away.
        int[] tokens = [500, 11, 10, 13, 11];
        using RowLease lease = store.Lease(tokens);
        // Who needs a record that no worker has come to reads it alone.
        Assert.True(SpinWait.SpinUntil(() => store.Counters.RowsRead == 4 * 20, TimeSpan.FromMinutes(1)));
        table.AssertRecords(lease, tokens);
        Assert.Equal((2, 4 * 20), (store.Counters.Reads, store.Counters.RowsRead));
        Assert.Equal(5 * 2880, store.Counters.BytesRead);
        Assert.Contains((table.Layout.RecordOffset(10), 4 * 2880), source.Reads);
    }

    [Fact]
    public void Rows_beyond_four_gigabytes_are_found()
    {
        using TensorFile small = new(1, layers: 42, dimension: 256, type: GgmlType.BF16);
        RowTable table = small.Table with { Rows = 262_144, Offset = 3_000_000_001, FileBytes = 9_000_000_000 };
        using RowTableStore store = RowTableStore.Open(table, 262_144, 42, 256, new() { Before = file => new Pattern(file, table.FileBytes) });
        int[] tokens = [262_143, 100_000, 7];
        using RowLease lease = store.Lease(tokens);
        for (int i = 0; i < tokens.Length; i++)
        {
            ReadOnlySpan<byte> record = lease.Record(i);
            long at = 3_000_000_001 + tokens[i] * 21_504L;
            Assert.Equal((Pattern.At(at), Pattern.At(at + 21_503), 21_504), (record[0], record[^1], record.Length));
        }
    }

    [Fact]
    public void Reading_and_decoding_a_row_allocates_nothing()
    {
        using TensorFile table = new(300, layers: 3, dimension: 256, type: GgmlType.Q5_K);
        using RowTableStore store = table.Open(new() { CacheBytes = 0 });
        using RowLease lease = store.Lease([5, 6, 7]);
        float[] rows = new float[3 * 256];
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 20 && least > 0; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int round = 0; round < 300; round++)
            {
                lease.Renew([round, 17]);
                store.Layout.Decode(lease.Record(0), 0, rows);
                lease.Decode(1, 2, rows.AsSpan(0, 256));
            }
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(0, least);
    }

    [Fact]
    public void A_file_truncated_while_open_fails_the_read_and_not_the_next()
    {
        using TensorFile table = new(100, type: GgmlType.Q8_0, dimension: 64);
        using RowTableStore store = table.Open(new() { CacheBytes = 0 });
        using (FileStream file = new(table.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(table.Layout.RecordOffset(50) + 3);
        using RowLease lease = store.Lease([50]), other = store.Lease([49]);
        RowFileException failure = Assert.Throws<RowFileException>(() => lease.Record(0));
        Assert.Contains("truncated", failure.Message, StringComparison.Ordinal);
        Assert.Equal(table.Path, failure.Path);
        table.AssertRecords(other, [49]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_that_was_replaced_since_its_header_was_read_is_refused(bool mapped)
    {
        using TensorFile table = new(100);
        using (FileStream file = new(table.Path, FileMode.Append))
            file.WriteByte(0);
        Refuses("it was replaced", () => table.Open(new() { MemoryMapped = mapped }));
        File.Delete(table.Path);
        Refuses("the model file does not exist. Load the model again", () => table.Open(new() { MemoryMapped = mapped }));

        void Refuses(string problem, Action open)
        {
            RowFileException failure = Assert.Throws<RowFileException>(open);
            Assert.StartsWith(table.Path, failure.Message, StringComparison.Ordinal);
            Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(GgmlType.Q4_K, 35, 128, "blocks of 256 values (q4_k): the 128 values of a layer's row are no whole number of them. Quantise it to one of "
        + "f32, f16, q4_0, q4_1, q5_0, q5_1, q8_0, iq4_nl, bf16")]
    [InlineData(GgmlType.Q8_0, 2, 48, "blocks of 32 values (q8_0): the 48 values of a layer's row are no whole number of them. Quantise it to one of "
        + "f32, f16, bf16")]
    [InlineData(GgmlType.IQ2_XS, 2, 256, "has type IQ2_XS, whose rows cannot be read one by one")]
    [InlineData((GgmlType)12345, 2, 256, "has type 12345, whose rows cannot be read one by one")]
    public void A_format_whose_blocks_do_not_end_with_a_layers_values_is_refused(GgmlType type, int layers, int dimension, string problem) =>
        Refuses(problem, Table(type, 1000, (long)layers * dimension), 1000, layers, dimension);

    [Fact]
    public void A_table_with_fewer_rows_than_the_vocabulary_is_refused_and_one_with_more_is_not()
    {
        Refuses("has 999 rows, fewer than the 1000 tokens of the vocabulary", Table(GgmlType.Q8_0, 999, 2 * 64), 1000, 2, 64);
        Assert.Equal(1000, RowTableLayout.Of(Table(GgmlType.Q8_0, 1001, 2 * 64), 1000, 2, 64).VocabularySize);
    }

    [Theory]
    [InlineData(127)]
    [InlineData(129)]
    [InlineData(64)]
    [InlineData(0)]
    [InlineData(-128)]
    [InlineData(long.MaxValue)]
    public void A_row_of_another_size_is_refused(long columns) =>
        Refuses($"has rows of {columns} values where 2 layers of 64 make 128", Table(GgmlType.F16, 1000, columns), 1000, 2, 64);

    [Fact]
    public void A_table_that_ends_beyond_its_file_is_refused()
    {
        RowTable table = Table(GgmlType.F32, 1000, 2 * 64) with { Offset = 7, FileBytes = 7 + 1000 * 512 };
        Assert.Equal(table.FileBytes, RowTableLayout.Of(table, 1000, 2, 64).RecordOffset(1000));
        foreach (long offset in new[] { 8, -1, long.MaxValue, long.MinValue })
            Refuses("ends beyond the file's 512007 bytes", table with { Offset = offset }, 1000, 2, 64);
        Refuses("larger than 2 GiB", table with { Columns = 1L << 40 }, 1000, 1 << 20, 1 << 20);
    }

    [Fact]
    public void A_hostile_name_does_not_break_the_line()
    {
        RowTable table = Table(GgmlType.F16, 1, 1) with { Name = "a\nb\u001b[2J" + new string('x', 5000) };
        RowFileException failure = Assert.Throws<RowFileException>(() => RowTableLayout.Of(table, 1, 1, 2));
        Assert.DoesNotContain('\n', failure.Message);
        Assert.DoesNotContain('\u001b', failure.Message);
        Assert.InRange(failure.Message.Length, 1, 500);
    }

    private static RowTable Table(GgmlType type, long rows, long columns) =>
        new("model.gguf", "per_layer_token_embd.weight", type, rows, columns, 0, long.MaxValue);

    private static void Refuses(string problem, RowTable table, int vocabulary, int layers, int dimension)
    {
        RowFileException failure = Assert.Throws<RowFileException>(() => RowTableLayout.Of(table, vocabulary, layers, dimension));
        Assert.StartsWith("model.gguf: tensor 'per_layer_token_embd.weight': ", failure.Message, StringComparison.Ordinal);
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
    }

    private static float[] BlockByBlock(BlockFormat format, ReadOnlySpan<byte> record)
    {
        float[] values = new float[record.Length / format.BlockBytes * format.BlockSize];
        for (int block = 0; block < record.Length / format.BlockBytes; block++)
            format.Decode(record.Slice(block * format.BlockBytes, format.BlockBytes), values.AsSpan(block * format.BlockSize, format.BlockSize));
        return values;
    }

    // Random bytes are, here and there, no number: which of many it is says nothing.
    private static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        if (MemoryMarshal.AsBytes(expected).SequenceEqual(MemoryMarshal.AsBytes(actual)))
            return;
        for (int i = 0; i < expected.Length; i++)
        {
            bool same = BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]);
            Assert.True(same || (float.IsNaN(expected[i]) && float.IsNaN(actual[i])), $"value {i}");
        }
    }

    /// <summary>A large file whose bytes follow from their place.</summary>
    private sealed class Pattern(RecordSource source, long length) : RecordSource
    {
        public override string Path => source.Path;

        public override long Length => length;

        public static byte At(long offset) => (byte)(offset * 2_654_435_761 >> 13);

        public override int Read(Span<byte> target, long offset)
        {
            for (int i = 0; i < target.Length; i++)
                target[i] = At(offset + i);
            return target.Length;
        }

        public override void Dispose() => source.Dispose();
    }
}
