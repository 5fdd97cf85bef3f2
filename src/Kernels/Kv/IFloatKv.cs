using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Kv;

/// <summary>
/// A format of floats as vectors read it: sixteen values of a page as two times eight, of keys eight positions' two columns, of values eight columns and the
/// eight after them. Two pairs at a time fill two vectors.
/// </summary>
internal unsafe interface IFloatKv : IKvFormat
{
    /// <summary>Bytes of a pair.</summary>
    static abstract int PairBytes { get; }

    /// <summary>The first eight values of two pairs, one behind the other.</summary>
    static abstract TWide First<TWide>(byte* pairs)
        where TWide : struct, IWideVector<TWide>;

    /// <summary>The second eight values of two pairs.</summary>
    static abstract TWide Second<TWide>(byte* pairs)
        where TWide : struct, IWideVector<TWide>;
}
