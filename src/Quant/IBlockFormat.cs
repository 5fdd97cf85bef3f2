namespace MeKi.Quant;

/// <summary>
/// One block format: a struct without state whose static members are its arithmetic, so that generic code over it is specialised and inlined.
/// The layouts are those of the GGUF specification.
/// </summary>
internal interface IBlockFormat
{
    /// <summary>The GGUF tensor type.</summary>
    static abstract GgmlType Type { get; }

    /// <summary>Values in a block.</summary>
    static abstract int BlockSize { get; }

    /// <summary>Bytes of a block.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>
    /// Every value up to this magnitude can be encoded: all numbers of its block that are kept in half precision stay finite. Where encoding searches the
    /// scale, the bound is that of half precision itself, which no weight comes near, and not the largest possible.
    /// </summary>
    static abstract float MaxMagnitude { get; }

    /// <summary>Decodes whole blocks.</summary>
    /// <param name="blocks">A whole number of blocks.</param>
    /// <param name="values">As many values as the blocks hold.</param>
    static abstract void Decode(ReadOnlySpan<byte> blocks, Span<float> values);

    /// <summary>
    /// Encodes whole blocks; the same values give the same bytes on every machine. F32, F16 and BF16 keep NaN and infinities. In the other formats a value that
    /// is not finite or beyond <see cref="MaxMagnitude"/> spoils its block, whose values are then unspecified, and no other; nothing is thrown.
    /// </summary>
    /// <param name="values">A whole number of blocks.</param>
    /// <param name="blocks">The bytes of as many blocks.</param>
    static abstract void Encode(ReadOnlySpan<float> values, Span<byte> blocks);
}
