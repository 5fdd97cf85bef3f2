using MeKi.Kernels.Allocation;

namespace MeKi.Kernels.Tests.Allocation;

public sealed unsafe class ArenaTests
{
    private const int Chunk = 4 << 20;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Pieces_are_zeros_aligned_and_apart(bool hugePages)
    {
        Arena arena = new(Chunk, hugePages);
        List<ArenaPiece> pieces = [];
        foreach (int bytes in (int[])[1, 63, 64, 65, 0, 1 << 20, (3 << 20) - 1, Chunk, Chunk + 1, 7])
        {
            ArenaPiece piece = arena.Allocate(bytes);
            Assert.Equal((bytes, 0), (piece.Length, (int)((nint)piece.Address % 64)));
            Span<byte> all = new(piece.Address, bytes);
            Assert.False(all.ContainsAnyExcept((byte)0));
            all.Fill((byte)(pieces.Count + 1));
            pieces.Add(piece);
        }
        for (int i = 0; i < pieces.Count; i++)
        {
            Assert.False(new Span<byte>(pieces[i].Address, (int)pieces[i].Length).ContainsAnyExcept((byte)(i + 1)));
            pieces[i].Dispose();
        }
    }

    [Fact]
    public void Small_pieces_share_a_chunk_and_begin_a_huge_page()
    {
        Arena arena = new(Chunk, hugePages: true);
        using ArenaPiece first = arena.Allocate(100), second = arena.Allocate(Chunk - 128), third = arena.Allocate(64);
        Assert.Equal(0, (nint)first.Address % HugePages.Alignment);
        Assert.Equal(128, second.Address - first.Address);
        Assert.True(third.Address < first.Address || third.Address >= first.Address + Chunk);
    }

    [Fact]
    public void A_chunk_stays_until_its_last_piece_goes()
    {
        Arena arena = new(Chunk, hugePages: false);
        ArenaPiece first = arena.Allocate(1000), second = arena.Allocate(1000);
        new Span<byte>(second.Address, 1000).Fill(7);
        first.Dispose();
        first.Dispose();
        using ArenaPiece third = arena.Allocate(1000);
        Assert.Equal(1024, third.Address - second.Address);
        Assert.False(new Span<byte>(second.Address, 1000).ContainsAnyExcept((byte)7));
        second.Dispose();
        Assert.False(new Span<byte>(third.Address, 1000).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Memory_comes_and_goes_with_pieces_of_any_thread()
    {
        // 16 GB in all, of which a machine with less has to get back what went, that of pieces nobody disposed too.
        Arena arena = new(Chunk, hugePages: true);
        Parallel.For(0, 4000, i =>
        {
            ArenaPiece piece = arena.Allocate(Chunk);
            new Span<byte>(piece.Address, Chunk).Fill(1);
            if (i % 50 != 0)
                piece.Dispose();
        });
        Parallel.For(0, 100_000, _ =>
        {
            using ArenaPiece piece = arena.Allocate(100_000);
            Assert.False(new Span<byte>(piece.Address, 100).ContainsAnyExcept((byte)0));
            *piece.Address = 1;
        });
    }

    [Fact]
    public void Advice_is_taken_on_any_memory_of_the_process_and_refused_elsewhere()
    {
        byte[] few = GC.AllocateUninitializedArray<byte>(3, pinned: true);
        fixed (byte* address = few)
            HugePages.Advise(address, few.Length);
        Assert.False(HugePages.Advise(null, 0));
        Assert.False(HugePages.Advise((byte*)0x1000, 1 << 20));
    }
}
