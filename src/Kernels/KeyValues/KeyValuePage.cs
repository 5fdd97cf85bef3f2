using System.Runtime.InteropServices;

namespace MeKi.Kernels.KeyValues;

/// <summary>
/// The keys and values of <see cref="KeyValuePages.PageLength"/> positions of one layer, in native memory: kernels hold addresses, and the memory goes back when
/// the last sequence lets go of the page, not when a collection comes. Sequences that share a prefix share its pages; a page that is shared is only read.
/// </summary>
public sealed unsafe class KeyValuePage
{
    private const int Alignment = 64;

    private readonly KeyValueLayout _layout;
    private byte* _allocation;
    private int _references = 1;

    /// <summary>Allocates a page of zeros, referenced once. The operating system gives memory as positions are stored.</summary>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public KeyValuePage(KeyValueLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        _layout = layout;
        _allocation = (byte*)NativeMemory.AllocZeroed((nuint)layout.PageBytes + Alignment);
        // Of sessions that nobody disposed, the collector should know what their finalizers would free.
        GC.AddMemoryPressure(layout.PageBytes);
    }

    /// <summary>Frees a page whose sequence was not disposed.</summary>
    ~KeyValuePage() => Free();

    /// <summary>Whether several sequences hold the page.</summary>
    public bool IsShared => Volatile.Read(ref _references) > 1;

    /// <summary>All bytes of the page, for saving and loading; see <see cref="KeyValueLayout"/>. Valid until the page is released.</summary>
    public Span<byte> Bytes => new(Memory, checked((int)_layout.PageBytes));

    private byte* Memory => _allocation + (-(nint)_allocation & (Alignment - 1));

    /// <summary>Adds a sequence that holds the page.</summary>
    public void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>Takes a sequence away; the last one frees the memory.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
            Free();
    }

    /// <summary>The keys of a head.</summary>
    internal byte* Keys(int head) => Memory + head * _layout.HeadBytes;

    /// <summary>The values of a head.</summary>
    internal byte* Values(int head) => Keys(head) + _layout.KeyBytes;

    private void Free()
    {
        if (_allocation is null)
            return;
        NativeMemory.Free(_allocation);
        _allocation = null;
        GC.RemoveMemoryPressure(_layout.PageBytes);
    }
}
