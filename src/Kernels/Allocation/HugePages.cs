namespace MeKi.Kernels.Allocation;

/// <summary>
/// Asks Linux to map memory that is read from end to end for every token by 2 MB instead of 4 KB, so that an address is not looked up in tables for each 4 KB.
/// A wish, which needs no rights: where the system has it switched off or has no such pages, nothing changes. Distributions differ in what they give without
/// being asked; most give nothing. Mapped files are not asked for: some formats gained by it, others lost (docs/lab/2026-11-28-redesign.md).
/// </summary>
/// <remarks>
/// Linux, Documentation/admin-guide/mm/transhuge.rst; madvise(2), MADV_HUGEPAGE.
/// </remarks>
internal static unsafe class HugePages
{
    /// <summary>
    /// Bytes of a huge page where ordinary ones have 4 KB; memory that begins at a multiple has no part that is too short for one before its end.
    /// </summary>
    public const int Alignment = 2 << 20;

    private const int Wish = 14; // MADV_HUGEPAGE

    /// <summary>Asks for huge pages where memory is touched from now on.</summary>
    /// <param name="address">The first byte.</param>
    /// <param name="length">Bytes. The system's pages that they begin and end in are meant as a whole.</param>
    /// <returns>Whether the system took the wish.</returns>
    public static bool Advise(byte* address, long length)
    {
        nint page = Environment.SystemPageSize, first = (nint)address & -page, end = ((nint)address + (nint)length + page - 1) & -page;
        return length > 0 && MemoryAdvice.Give(first, end, Wish);
    }
}
