namespace MeKi.Model.Files;

/// <summary>Passes bytes on to another stream and lets exactly so many through. Does not close the other stream.</summary>
/// <param name="inner">Where the bytes go.</param>
/// <param name="length">How many there must be.</param>
/// <param name="place">What the bytes are, for messages.</param>
internal sealed class ExactLengthStream(Stream inner, long length, string place) : Stream
{
    private long _written;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _written;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length > length - _written)
            throw new InvalidOperationException($"{place}: its source writes more than {length} bytes.");
        inner.Write(buffer);
        _written += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <exception cref="InvalidOperationException">Bytes are missing.</exception>
    internal void RequireComplete()
    {
        if (_written != length)
            throw new InvalidOperationException($"{place}: its source wrote {_written} of {length} bytes.");
    }
}
