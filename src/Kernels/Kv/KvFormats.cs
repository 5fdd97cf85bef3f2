namespace MeKi.Kernels.Kv;

/// <summary>Makes something for a format of keys or values, of code that is compiled for the format.</summary>
internal interface IKvFormatUser<T>
{
    T OfFloats<TFormat>()
        where TFormat : struct, IFloatKv;

    /// <summary>For <see cref="Q8_0Kv"/>, whose arithmetic is its own.</summary>
    T OfQ8_0();
}

/// <summary>The table of formats that keys and values are kept in.</summary>
internal static class KvFormats
{
    /// <summary>How many there are.</summary>
    public const int Count = (int)KvFormat.F32 + 1;

    /// <summary>What a user makes for a format.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such format.</exception>
    public static T Of<T, TUser>(KvFormat format, TUser user)
        where TUser : struct, IKvFormatUser<T> => format switch
        {
            KvFormat.F16 => user.OfFloats<F16Kv>(),
            KvFormat.Q8_0 => user.OfQ8_0(),
            KvFormat.F32 => user.OfFloats<F32Kv>(),
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "There is no such format of the KV cache."),
        };
}
