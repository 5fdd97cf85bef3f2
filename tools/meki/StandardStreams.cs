using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Tool;

/// <summary>Standard output cannot be written: its reader is gone, or it is full or closed.</summary>
/// <param name="cause">The failure.</param>
internal sealed class StandardOutputException(Exception cause)
    : IOException($"standard output cannot be written: {(cause is UnauthorizedAccessException ? "it is closed" : cause.Message.TrimEnd('.'))}.", cause)
{
    private const int BrokenPipe = 32; // EPIPE, on Linux and on macOS

    /// <summary>Whether there is nobody left to read, as behind <c>head</c>: no failure of this program's.</summary>
    public bool ReaderIsGone => InnerException!.HResult == BrokenPipe;
}

/// <summary>
/// The program's standard streams. .NET's own would hide from a writer that the reader of its pipe is gone, let a broken standard error end the process, and
/// send a terminal the sequence that prepares its keypad. On Windows they are .NET's own but for failures.
/// </summary>
internal static class StandardStreams
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Has <see cref="Console.Out"/> and <see cref="Console.Error"/> write to them.</summary>
    public static void Install()
    {
        Console.SetOut(new StreamWriter(new OutputStream(Open(1, Console.OpenStandardOutput), reports: true), Utf8) { AutoFlush = true });
        Console.SetError(new StreamWriter(new OutputStream(Open(2, Console.OpenStandardError), reports: false), Utf8) { AutoFlush = true });
    }

    /// <summary>Standard input.</summary>
    /// <exception cref="IOException">It was closed when the program began.</exception>
    public static Stream OpenInput()
    {
        // The runtime's own pipe takes the place of what is closed, and nothing ever comes from it.
        if (Pipe(0) is { } pipe && Enumerable.Range(1, 9).Any(other => Pipe(other) == pipe && IsWritable(other)))
            throw new IOException("standard input is closed.");
        return OperatingSystem.IsWindows()
            ? Console.OpenStandardInput()
            : new FileStream(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0);
    }

    private static Stream? Open(int descriptor, Func<Stream> console)
    {
        if (OperatingSystem.IsWindows())
            return console();
        // Two ends of one pipe: both were closed when the program began, and the runtime's own took their place.
        if (descriptor == 1 && Pipe(1) is { } pipe && Pipe(0) == pipe)
            return null;
        try
        {
            FileStream stream = new(new SafeFileHandle(descriptor, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            // In a file, .NET keeps a place of its own, which other writers of the file do not know.
            return stream.CanSeek ? console() : stream;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return console();
        }
    }

    private static string? Pipe(int descriptor)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        try
        {
            return new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget is { } target && target.StartsWith("pipe:", StringComparison.Ordinal) ? target : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsWritable(int descriptor) =>
        File.ReadLines($"/proc/self/fdinfo/{descriptor}").Any(line => line.StartsWith("flags:", StringComparison.Ordinal) && line[^1] is '1' or '2');

    /// <summary>Passes bytes on. A failure is reported as <see cref="StandardOutputException"/>, or, where there is nobody to tell, nothing.</summary>
    private sealed class OutputStream(Stream? to, bool reports) : Stream
    {
        private const int TryAgain = 11;
        private const int TryAgainDarwin = 35;

        // POSIX promises that so many bytes go into a pipe together or not at all.
        private const int Together = 512;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            while (buffer.Length > 0)
            {
                ReadOnlySpan<byte> part = buffer[..Math.Min(Together, buffer.Length)];
                try
                {
                    (to ?? throw new UnauthorizedAccessException()).Write(part);
                }
                catch (IOException failure) when (failure.HResult is TryAgain or TryAgainDarwin)
                {
                    // Somebody who shares the terminal or the pipe made it one that does not wait.
                    Thread.Sleep(1);
                    continue;
                }
                catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
                {
                    if (!reports)
                        return;
                    throw new StandardOutputException(failure);
                }
                buffer = buffer[part.Length..];
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
            // Nothing is held back.
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
