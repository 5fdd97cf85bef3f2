namespace MeKi.Quant;

/// <summary>
/// One block format: a struct without state whose static members are its arithmetic, so that generic code over it is specialised and inlined.
/// The layouts are those of the GGUF specification.
/// </summary>
public interface IBlockFormat
{
    /// <summary>The GGUF tensor type.</summary>
    static abstract GgmlType Type { get; }

    /// <summary>Values in a block.</summary>
    static abstract int BlockSize { get; }

    /// <summary>Bytes of a block.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>Decodes whole blocks.</summary>
    /// <param name="blocks">A whole number of blocks.</param>
    /// <param name="values">As many values as the blocks hold.</param>
    static abstract void Decode(ReadOnlySpan<byte> blocks, Span<float> values);

    /// <summary>Encodes whole blocks, deterministically.</summary>
    /// <param name="values">A whole number of blocks of finite values.</param>
    /// <param name="blocks">The bytes of as many blocks.</param>
    static abstract void Encode(ReadOnlySpan<float> values, Span<byte> blocks);
}
