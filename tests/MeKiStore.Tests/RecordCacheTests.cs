using FsCheck;
using FsCheck.Fluent;
using MeKi.Quant;

namespace MeKi.Store.Tests;

/// <summary>Whatever is asked for, evicted, merged or in flight: every record handed out is the file's.</summary>
public sealed class RecordCacheTests
{
    private static readonly Arbitrary<(int Vocabulary, int Layers, int Dimension, RowType Type, int CachedRecords, int Owners, int MostTokens, int Seed)> Uses =
        (from vocabulary in Gen.Choose(1, 600)
         from layers in Gen.Choose(1, 4)
         from dimension in Gen.Choose(1, 80)
         from type in Gen.Elements(Enum.GetValues<RowType>())
         from cached in Gen.Frequency((1, Gen.Constant(0)), (1, Gen.Constant(1)), (2, Gen.Choose(2, 30)), (1, Gen.Choose(100, 1000)))
         from owners in Gen.Choose(1, 4)
         from most in Gen.Elements(1, 2, 40)
         from seed in Gen.Choose(0, int.MaxValue)
         select (vocabulary, layers, dimension, type, cached, owners, most, seed)).ToArbitrary();

    [Fact]
    public void Every_record_handed_out_is_the_files_and_stays_so_while_it_is_leased() => Prop.ForAll(Uses, use =>
    {
        using TableFile table = new(use.Vocabulary, use.Layers, use.Dimension, use.Type, use.Seed);
        RowFileLayout layout = table.Layout;
        using RecordStore store = table.Open(out ScriptedSource source, (long)use.CachedRecords * layout.RecordStride);
        // Devices may give fewer bytes than asked for.
        source.Script = (offset, length) => offset % 3 == 0 ? length : 1 + (length - 1) / 2;
        long asked = 0;
        Parallel.For(0, use.Owners, new ParallelOptions { MaxDegreeOfParallelism = use.Owners }, owner =>
        {
            Random random = new(unchecked(use.Seed + owner));
            using RowLease first = store.Lease([]), second = store.Lease([]);
            int[] kept = [];
            for (int round = 0; round < 120; round++)
            {
                // Small ids are common, as in text. Some batches are never looked at.
                int[] tokens = [.. Enumerable.Range(0, random.Next(1, use.MostTokens + 1))
                    .Select(_ => (int)(Math.Pow(random.NextDouble(), 3) * use.Vocabulary))];
                second.Renew(tokens);
                Interlocked.Add(ref asked, tokens.Distinct().Count());
                if (random.Next(4) > 0)
                    table.AssertRecords(second, tokens);
                table.AssertRecords(first, kept);
                if (random.Next(2) == 0)
                {
                    first.Renew(tokens);
                    Interlocked.Add(ref asked, tokens.Distinct().Count());
                    kept = tokens;
                }
            }
        });
        Assert.Equal(asked, store.Counters.Hits + store.Counters.Misses);
        Assert.True(store.Counters.RowsRead <= store.Counters.Misses * layout.Layers, $"{store.Counters}");
        Assert.All(source.Reads.Concat(source.Checks), read => Assert.True(read.Offset + read.Length <= layout.FileBytes, $"{read} of {layout.FileBytes}"));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_read_of_records_begins_and_ends_with_a_record()
    {
        using TableFile table = new(400, layers: 3, dimension: 33);
        using RecordStore store = table.Open(out ScriptedSource source);
        int opening = source.Reads.Count;
        int[] tokens = [7, 8, 9, 11, 300, 399, 0, 7];
        using RowLease lease = store.Lease(tokens);
        table.AssertRecords(lease, tokens);
        int stride = table.Layout.RecordStride;
        Assert.All(source.Reads.Skip(opening), read =>
        {
            Assert.Equal(0, (read.Offset - RowFileLayout.DataOffset) % stride);
            Assert.Equal(0, read.Length % stride);
            Assert.True(read.Offset + read.Length <= table.Layout.ChecksumOffset);
        });
    }

    [Fact]
    public void Neighbours_are_read_at_once_and_what_lies_far_apart_is_not()
    {
        using TableFile table = new(1000, layers: 4, dimension: 256);
        using RecordStore store = table.Open(out ScriptedSource _);
        // Records of 4 KB: 10, 11 and 13 lie within a gap of one; 500 is 2 MB away.
        int[] tokens = [500, 11, 10, 13];
        using RowLease lease = store.Lease(tokens);
        // Who needs a record that no worker has come to reads it alone.
        Assert.True(SpinWait.SpinUntil(() => store.Counters.RowsRead == 4 * 4, TimeSpan.FromMinutes(1)));
        table.AssertRecords(lease, tokens);
        Assert.Equal((2, 4 * 4), (store.Counters.Reads, store.Counters.RowsRead));
        Assert.Equal(5 * 4096, store.Counters.BytesRead);
    }

    [Fact]
    public async Task Two_requests_for_a_token_cost_one_read()
    {
        using TableFile table = new(100);
        using RecordStore store = table.Open(out ScriptedSource source);
        using ManualResetEventSlim go = new();
        source.Script = (_, length) =>
        {
            go.Wait();
            return length;
        };
        using RowLease one = store.Lease([3, 40]), other = store.Lease([40, 3, 40]);
        Task[] waits = [.. new[] { one, other }.Select(lease => Task.Run(() => lease.Record(1)[0]))];
        go.Set();
        await Task.WhenAll(waits);
        table.AssertRecords(one, [3, 40]);
        table.AssertRecords(other, [40, 3, 40]);
        Assert.Equal((2, 2, 4), (store.Counters.Hits, store.Counters.Misses, store.Counters.RowsRead));
    }

    [Fact]
    public void What_was_read_is_not_read_again_while_the_budget_lasts()
    {
        using TableFile table = new(300);
        using RecordStore store = table.Open(out _, 300L * table.Layout.RecordStride);
        int[] all = [.. Enumerable.Range(0, 300)];
        for (int round = 0; round < 3; round++)
        {
            using RowLease lease = store.Lease(all);
            table.AssertRecords(lease, all);
        }
        Assert.Equal((600, 300, 600), (store.Counters.Hits, store.Counters.Misses, store.Counters.RowsRead));
    }

    [Fact]
    public void Words_met_once_do_not_displace_the_common_ones()
    {
        using TableFile table = new(1000);
        using RecordStore store = table.Open(out _, 100L * table.Layout.RecordStride);
        using RowLease lease = store.Lease([]);
        for (int rare = 0; rare < 900; rare++)
        {
            Ask(900 + rare % 20);
            Ask(rare);
        }
        // After the first rounds the twenty common ones are always there; of the 900 rare ones each is read once.
        Assert.InRange(store.Counters.Misses, 920, 960);

        void Ask(int token)
        {
            lease.Renew([token]);
            table.AssertRecords(lease, [token]);
        }
    }

    [Fact]
    public void A_batch_larger_than_the_budget_stays_whole()
    {
        using TableFile table = new(500);
        using RecordStore store = table.Open(out _, 10L * table.Layout.RecordStride);
        int[] all = [.. Enumerable.Range(0, 500).Reverse()];
        using RowLease lease = store.Lease(all), other = store.Lease([5, 499]);
        table.AssertRecords(lease, all);
        table.AssertRecords(other, [5, 499]);
        lease.Dispose();
        table.AssertRecords(other, [5, 499]);
    }

    [Fact]
    public void Records_lie_on_cache_lines_wherever_they_are_kept()
    {
        using TableFile table = new(300);
        using RowStore store = RowStore.Open(table.Path, new() { CacheBytes = 3L * table.Layout.RecordStride });
        int[] tokens = [.. Enumerable.Range(0, 40)];
        // Three in the budget, the others in the lease's own slots.
        using RowLease lease = store.Lease(tokens);
        for (int i = 0; i < tokens.Length; i++)
            Assert.Equal(0, Address(lease.Record(i)) % 64);

        static unsafe long Address(ReadOnlySpan<byte> record)
        {
            // The slabs are pinned.
            fixed (byte* first = record)
                return (long)first;
        }
    }

    [Fact]
    public void A_lease_keeps_no_more_slots_than_its_batch_has()
    {
        using TableFile table = new(600);
        using RowStore store = RowStore.Open(table.Path, new() { CacheBytes = 0 });
        // The second follows the first through a text and is always the last to let go of a record that the first brought.
        using RowLease first = store.Lease([]), second = store.Lease([]);
        for (int token = 0; token < 600; token++)
        {
            first.Renew([token]);
            table.AssertRecords(first, [token]);
            second.Renew([token]);
            table.AssertRecords(second, [token]);
            Assert.InRange(first.OwnRecords, 0, 1);
            Assert.InRange(second.OwnRecords, 0, 1);
        }
    }
}
