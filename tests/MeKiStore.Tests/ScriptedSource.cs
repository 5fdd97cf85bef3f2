using MeKi.Store.Reading;
using MeKi.Store.Storage;

namespace MeKi.Store.Tests;

/// <summary>A source whose reads are noted, and fail, fall short or wait as a test says.</summary>
internal sealed class ScriptedSource(RecordSource source) : RecordSource
{
    private readonly List<(long Offset, int Length)> _reads = [];
    private readonly List<(long Offset, int Length)> _checks = [];

    /// <summary>Called before each read with its offset and length; may throw, wait, or say how many bytes the read gives at most.</summary>
    public Func<long, int, int>? Script { get; set; }

    /// <summary>Reads so far, but for those of whole groups for their checksums.</summary>
    public IReadOnlyList<(long Offset, int Length)> Reads => Copy(_reads);

    /// <summary>Reads for checksums.</summary>
    public IReadOnlyList<(long Offset, int Length)> Checks => Copy(_checks);

    public override string Path => source.Path;

    public override long Length => source.Length;

    public override int Read(Span<byte> target, long offset)
    {
        List<(long, int)> list = Thread.CurrentThread.Name == GroupVerifier.ThreadName ? _checks : _reads;
        lock (list)
            list.Add((offset, target.Length));
        return source.Read(target[..(Script?.Invoke(offset, target.Length) ?? target.Length)], offset);
    }

    public override void Dispose() => source.Dispose();

    private static (long Offset, int Length)[] Copy(List<(long Offset, int Length)> list)
    {
        lock (list)
            return [.. list];
    }
}
