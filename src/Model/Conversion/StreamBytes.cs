namespace MeKi.Model.Conversion;

/// <summary>Reads the next bytes.</summary>
/// <param name="offset">How many were read before.</param>
/// <param name="bytes">Receives them, all of them.</param>
internal delegate void ReadBytes(long offset, Span<byte> bytes);

/// <summary>Copies bytes unchanged, a megabyte at a time, whatever their number.</summary>
internal static class StreamBytes
{
    private const int BlockBytes = 1 << 20;

    /// <param name="read">Gives the bytes in order.</param>
    /// <param name="count">How many.</param>
    /// <param name="to">Receives them.</param>
    /// <param name="advance">Told the bytes written.</param>
    /// <param name="cancellationToken">Stops between blocks.</param>
    public static void Copy(ReadBytes read, long count, Stream to, Action<long> advance, CancellationToken cancellationToken)
    {
        byte[] block = new byte[(int)Math.Min(BlockBytes, count)];
        for (long offset = 0; offset < count; offset += BlockBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Span<byte> bytes = block.AsSpan(0, (int)Math.Min(BlockBytes, count - offset));
            read(offset, bytes);
            to.Write(bytes);
            advance(bytes.Length);
        }
    }
}
