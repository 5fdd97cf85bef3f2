using MeKi.Kernels.Allocation;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Tests;

/// <summary>No size that kernels write to is the remainder of an overflow: it is refused before memory is touched.</summary>
[Trait("Fault", "18.10")]
public unsafe class SizeTests
{
    [Fact]
    public void A_negative_count_is_no_room()
    {
        PinnedFloats floats = new();
        Assert.Throws<ArgumentOutOfRangeException>(() => { floats.Reserve(-1); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { floats.Reserve(unchecked((int)(8_388_608L * KvPage.Positions))); });
        floats.Reserve(64);
        Assert.Throws<ArgumentOutOfRangeException>(() => { floats.Slice(-1, 1); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { new ActivationMatrix(8).Reserve(-1); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { new QuantizedActivations().Reserve(-4, 32); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { new QuantizedActivations().Reserve(4, -32); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { new SignMagnitudeTokens().Reserve(-4, -1); });
    }

    [Fact]
    public void A_row_whose_place_is_beyond_32_bits_is_not_another_row()
    {
        ActivationMatrix x = new(1 << 16);
        x.Reserve(1);
        Assert.ThrowsAny<Exception>(() => { x.Row(1 << 16); });
        Assert.ThrowsAny<Exception>(() => { x.Rows(0, 1 << 16); });
    }

    [Fact]
    public void Products_beyond_32_bits_are_not_reserved_as_their_remainder()
    {
        Assert.Throws<OverflowException>(() => { new QuantizedActivations().Reserve(1 << 26, 64); });
        Assert.Throws<OverflowException>(() => { new SignMagnitudeTokens().Reserve(1 << 16, 1 << 16); });
        Assert.Throws<OverflowException>(() => { new ActivationMatrix(1 << 16).Reserve(1 << 16); });
    }

    [Theory]
    [InlineData(1 << 23, 1, 0)]
    [InlineData(1, -1, 0)]
    [InlineData(1, 1, -1)]
    [InlineData(1, 1, int.MaxValue)]
    public void Attention_over_more_than_it_can_count_is_refused(int heads, int tokens, int firstPosition)
    {
        using ComputePool pool = new(1);
        using LayerCache cache = new(new(new(1, 32, KvFormat.F16, KvFormat.F16), layers: 1));
        cache.Reserve(0, 1);
        // Refused before memory for them is asked for.
        ActivationMatrix queries = new(32 * heads), output = new(32 * heads);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Attention(pool).Run(queries, 0, tokens, firstPosition, cache, output));
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, -1)]
    [InlineData(int.MaxValue - 10, 100)]
    public void Positions_that_are_none_are_not_reserved(int first, int count)
    {
        using LayerCache cache = new(new(new(1, 32, KvFormat.F16, KvFormat.F16), layers: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Reserve(first, count));
        Assert.Empty(cache.Pages);
    }

    [Fact]
    [Trait("Fault", "18.17")]
    public void A_cache_that_no_kernel_reads_is_refused_before_the_first_token()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new PageAllocator(new(1, 1056, KvFormat.Q8_0, KvFormat.F16), layers: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PageAllocator(new(1 << 23, 128, KvFormat.F16, KvFormat.F16), layers: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PageAllocator(new(0, 128, KvFormat.F16, KvFormat.F16), layers: 1));
        _ = new PageAllocator(new(1, 1024, KvFormat.Q8_0, KvFormat.F16), layers: 1);
        _ = new PageAllocator(new(1, 1056, KvFormat.F16, KvFormat.Q8_0), layers: 1);
    }

    [Fact]
    public void Memory_that_no_machine_has_is_refused_before_it_is_cut()
    {
        Arena arena = new(1 << 16, hugePages: false);
        Assert.ThrowsAny<OutOfMemoryException>(() => arena.Allocate(long.MaxValue - 10));
        Assert.Throws<ArgumentOutOfRangeException>(() => arena.Allocate(-1));
    }

    [Fact]
    public void Rows_that_a_matrix_has_not_are_not_sliced_from_it()
    {
        byte* none = null;
        WeightMatrix matrix = new(BlockFormat.Of(GgmlType.F32), 4, 4, none);
        Assert.Throws<ArgumentException>(() => matrix.Slice(4, int.MaxValue, 4));
        Assert.Throws<ArgumentException>(() => matrix.Slice(0, -1, 4));
        Assert.Throws<ArgumentException>(() => matrix.Slice(0, 1, 0));
        Assert.Throws<ArgumentException>(() => matrix.Take(-1));
    }
}
