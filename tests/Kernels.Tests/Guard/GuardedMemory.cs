using System.Runtime.InteropServices;

namespace MeKi.Kernels.Tests.Guard;

/// <summary>Which border of the memory the next page cannot be touched behind.</summary>
public enum Border
{
    /// <summary>The first byte stands right behind a page that cannot be touched.</summary>
    Before,

    /// <summary>The last byte stands right before one.</summary>
    Behind,
}

/// <summary>Memory between pages that nobody may touch: a process that reads or writes a byte beside it ends.</summary>
internal sealed unsafe partial class GuardedMemory : IDisposable
{
    private const int ReadAndWrite = 3, NoAccess = 0, PrivateAndAnonymous = 0x22;

    private readonly nint _mapping;
    private readonly nuint _bytes;

    /// <param name="length">Bytes.</param>
    /// <param name="border">Where the pages stand so close that one byte is too much; on the other side up to a page is free.</param>
    public GuardedMemory(long length, Border border)
    {
        nuint page = (nuint)Environment.SystemPageSize, inner = ((nuint)length + page - 1) / page * page;
        _bytes = inner + 2 * page;
        _mapping = MapMemory(0, _bytes, NoAccess, PrivateAndAnonymous, -1, 0);
        if (_mapping == -1 || (inner > 0 && ProtectMemory(_mapping + (nint)page, inner, ReadAndWrite) != 0))
            throw new InsufficientMemoryException("The system gives no pages.");
        Address = (byte*)_mapping + page + (border == Border.Behind ? inner - (nuint)length : 0);
        Length = length;
        // What kernels read of the rest of the page they cannot use unseen.
        new Span<byte>((byte*)_mapping + page, (int)inner).Fill(0xFF);
    }

    public static bool IsAvailable => OperatingSystem.IsLinux();

    public byte* Address { get; }

    public long Length { get; }

    public float* Floats => (float*)Address;

    public Span<byte> Bytes => new(Address, (int)Length);

    public Span<float> Values => MemoryMarshal.Cast<byte, float>(Bytes);

    /// <summary>Memory for a copy.</summary>
    public static GuardedMemory Of<T>(ReadOnlySpan<T> values, Border border)
        where T : unmanaged
    {
        GuardedMemory memory = new((long)values.Length * sizeof(T), border);
        MemoryMarshal.AsBytes(values).CopyTo(memory.Bytes);
        return memory;
    }

    public void Dispose() => _ = UnmapMemory(_mapping, _bytes);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint MapMemory(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int ProtectMemory(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int UnmapMemory(nint address, nuint length);
}
