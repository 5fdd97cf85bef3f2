namespace MeKi.Quant;

/// <summary>
/// The table of block formats: what a tensor type looks like in bytes and how it is decoded and encoded. A format exists when it stands here.
/// </summary>
internal sealed class BlockFormat
{
    private readonly Decoder _decode;
    private readonly Encoder _encode;

    private BlockFormat(GgmlType type, int blockSize, int blockBytes, float maxMagnitude, Decoder decode, Encoder encode)
    {
        (Type, BlockSize, BlockBytes, MaxMagnitude) = (type, blockSize, blockBytes, maxMagnitude);
        (_decode, _encode) = (decode, encode);
    }

    private delegate void Decoder(ReadOnlySpan<byte> blocks, Span<float> values);

    private delegate void Encoder(ReadOnlySpan<float> values, Span<byte> blocks);

    /// <summary>
    /// Every format this engine decodes, in order of its GGUF number. Products are computed from those in panels; others are encoded anew for them.
    /// </summary>
    public static IReadOnlyList<BlockFormat> All { get; } =
    [
        InPanels<F32>(), InPanels<F16>(), InPanels<Q4_0>(), InRows<Q4_1>(), InRows<Q5_0>(), InRows<Q5_1>(), InPanels<Q8_0>(),
        InRows<Q2_K>(), InPanels<Q3_K>(), InPanels<Q4_K>(), InPanels<Q5_K>(), InPanels<Q6_K>(), InRows<IQ4_NL>(), InPanels<BF16>(),
    ];

    /// <summary>The GGUF tensor type.</summary>
    public GgmlType Type { get; }

    /// <summary>The name as users write it: <c>q8_0</c>.</summary>
    public string Name => Type.ToString().ToLowerInvariant();

    /// <summary>Values in a block.</summary>
    public int BlockSize { get; }

    /// <summary>Bytes of a block.</summary>
    public int BlockBytes { get; }

    /// <summary>The panels of the format, or null where it has none.</summary>
    public PanelFormat? Panels { get; private set; }

    /// <inheritdoc cref="IBlockFormat.MaxMagnitude"/>
    public float MaxMagnitude { get; }

    /// <summary>The format of a tensor type.</summary>
    /// <exception cref="NotSupportedException">The engine does not decode the type.</exception>
    public static BlockFormat Of(GgmlType type) =>
        Find(type)
        ?? throw new NotSupportedException($"Tensor type {type} is not supported; supported are {string.Join(", ", All.Select(format => format.Type))}.");

    /// <summary>The format of a tensor type, or null when the engine does not decode it.</summary>
    // A dictionary by an enum is sixty methods to compile at the start of a process.
    public static BlockFormat? Find(GgmlType type) => All.FirstOrDefault(format => format.Type == type);

    /// <summary>Bytes of a row.</summary>
    /// <param name="columns">Values in the row: a whole number of blocks.</param>
    /// <exception cref="ArgumentException">The row is not a whole number of blocks.</exception>
    public long RowBytes(int columns) => columns % BlockSize == 0
        ? (long)columns / BlockSize * BlockBytes
        : throw new ArgumentException($"A row of {columns} values is not a whole number of {Name} blocks of {BlockSize}.", nameof(columns));

    /// <inheritdoc cref="IBlockFormat.Decode"/>
    /// <exception cref="ArgumentException">The lengths do not belong to the same whole number of blocks.</exception>
    public void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        CheckLengths(blocks.Length, values.Length);
        _decode(blocks, values);
    }

    /// <inheritdoc cref="IBlockFormat.Encode"/>
    /// <exception cref="ArgumentException">The lengths do not belong to the same whole number of blocks.</exception>
    public void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        CheckLengths(blocks.Length, values.Length);
        _encode(values, blocks);
    }

    private static BlockFormat InRows<T>()
        where T : struct, IBlockFormat
        => new(T.Type, T.BlockSize, T.BlockBytes, T.MaxMagnitude, T.Decode, T.Encode);

    private static BlockFormat InPanels<T>()
        where T : struct, IPanelFormat
    {
        BlockFormat format = InRows<T>();
        format.Panels = PanelFormat.Of<T>(format);
        return format;
    }

    private void CheckLengths(int bytes, int values)
    {
        if (bytes != RowBytes(values))
            throw new ArgumentException($"{values} {Name} values take {RowBytes(values)} bytes, not {bytes}.");
    }
}
