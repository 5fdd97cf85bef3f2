namespace MeKi.Kernels.Allocation;

/// <summary>
/// Room for float32 numbers, which grows to the most ever asked for and never moves. It begins at a cache line: of rows that begin anywhere every second vector
/// lies in two.
/// </summary>
internal sealed unsafe class PinnedFloats
{
    private const int LineBytes = 64, LineFloats = LineBytes / sizeof(float);

    [ThreadStatic]
    private static PinnedFloats? t_own;

    private float[] _array = [];
    private int _first;

    /// <summary>A thread's own, for what a kernel needs until it returns.</summary>
    public static PinnedFloats OfThread => t_own ??= new();

    /// <summary>Makes room; contents are undefined where it grows.</summary>
    /// <param name="count">How many numbers.</param>
    /// <returns>The first of them.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A negative number: somebody's product overflowed.</exception>
    /// <exception cref="OverflowException">More than an array holds.</exception>
    public float* Reserve(long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (_array.LongLength < count + LineFloats)
        {
            _array = GC.AllocateUninitializedArray<float>(checked((int)(count + LineFloats)), pinned: true);
            // The array is pinned.
            fixed (float* start = _array)
                _first = (int)(-(nint)start & (LineBytes - 1)) / sizeof(float);
        }
        fixed (float* start = _array)
            return start + _first;
    }

    /// <summary>The most numbers ever asked for.</summary>
    public long Count => Math.Max(0, _array.LongLength - LineFloats);

    /// <summary>Some of the numbers.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They are not all there.</exception>
    public Span<float> Slice(long first, long count)
    {
        // Not before the first: those of the array in front of it are nobody's.
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        return _array.AsSpan(checked((int)(_first + first)), checked((int)count));
    }
}
