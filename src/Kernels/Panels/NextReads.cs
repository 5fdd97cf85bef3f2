namespace MeKi.Kernels.Panels;

/// <summary>
/// Memory that is read right behind a product by one token. It is asked for little by little during the product: all at once it would take the room of the
/// product's own reads, and one after the other later each would wait for memory.
/// </summary>
/// <param name="begin">Its first byte.</param>
/// <param name="bytes">Its length; 0 for none.</param>
internal readonly unsafe struct NextReads(byte* begin, long bytes)
{
    private const long Line = 64;

    public long Bytes => bytes;

    /// <summary>Where the part of a step begins, and the one before ends: whole lines.</summary>
    public byte* At(int step, int steps) => begin + (step == steps ? bytes : bytes * step / steps / Line * Line);
}
