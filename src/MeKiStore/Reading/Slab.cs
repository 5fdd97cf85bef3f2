namespace MeKi.Store.Reading;

/// <summary>Pinned memory on a 64-byte boundary (a cache line; what the widest vector loads want), cut into records.</summary>
internal static class Slab
{
    public const int Alignment = 64;

    /// <summary>Memory for some records; it lives as long as one of the slots.</summary>
    /// <param name="records">How many.</param>
    /// <param name="bytes">Bytes of each.</param>
    /// <param name="resident">Whether they belong to the cache's budget.</param>
    /// <param name="slots">Receives a slot for each.</param>
    public static void Cut(int records, int bytes, bool resident, Stack<RecordSlot> slots)
    {
        int stride = Stride(bytes);
        byte[] slab = GC.AllocateUninitializedArray<byte>(checked(records * stride + Alignment), pinned: true);
        int first = FirstAligned(slab);
        for (int i = records - 1; i >= 0; i--)
            slots.Push(new(slab, first + i * stride, bytes, resident));
    }

    /// <summary>What a record of some bytes takes.</summary>
    public static int Stride(int bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>Pinned, aligned memory in one piece.</summary>
    public static Memory<byte> Piece(int length)
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(length + Alignment, pinned: true);
        return bytes.AsMemory(FirstAligned(bytes), length);
    }

    private static unsafe int FirstAligned(byte[] pinned) => (int)(-(nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref pinned[0]) & (Alignment - 1));
}
