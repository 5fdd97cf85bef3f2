namespace MeKi.Quant;

/// <summary>How many values a block of each <see cref="GgmlType"/> holds and how many bytes it takes.</summary>
internal static class GgmlTypeLayout
{
    /// <summary>
    /// What is added to the id of a matrix's type where its rows lie in panels of eight (docs/formats.md): ids of MeKi's own, which other engines refuse as
    /// unknown.
    /// </summary>
    public const uint PanelIds = 1024;

    /// <summary>The type of the matrix's blocks, whether its rows lie one after the other or in panels.</summary>
    public static GgmlType BlockType(GgmlType type) => IsPanels(type) ? type - PanelIds : type;

    /// <summary>Whether a matrix of this type lies in panels.</summary>
    public static bool IsPanels(GgmlType type) => (uint)type is >= PanelIds and < 2 * PanelIds && PanelFormat.Find(type - PanelIds) is not null;

    /// <summary>Looks up the block layout of a type. A row of a tensor is always a whole number of blocks.</summary>
    /// <param name="type">The type; may be an id read from a file that no type has.</param>
    /// <param name="blockSize">Values per block.</param>
    /// <param name="blockBytes">Bytes per block.</param>
    /// <returns>False when the id is unknown.</returns>
    public static bool TryGetLayout(GgmlType type, out int blockSize, out int blockBytes)
    {
        (blockSize, blockBytes) = BlockFormat.Find(BlockType(type)) is { } format ? (format.BlockSize, format.BlockBytes) : type switch
        {
            GgmlType.F64 => (1, 8),
            GgmlType.I8 => (1, 1),
            GgmlType.I16 => (1, 2),
            GgmlType.I32 => (1, 4),
            GgmlType.I64 => (1, 8),
            GgmlType.Q8_1 => (32, 36),
            GgmlType.Q8_K => (256, 292),
            GgmlType.IQ2_XXS => (256, 66),
            GgmlType.IQ2_XS => (256, 74),
            GgmlType.IQ2_S => (256, 82),
            GgmlType.IQ3_XXS => (256, 98),
            GgmlType.IQ3_S => (256, 110),
            GgmlType.IQ1_S => (256, 50),
            GgmlType.IQ1_M => (256, 56),
            GgmlType.IQ4_XS => (256, 136),
            GgmlType.TQ1_0 => (256, 54),
            GgmlType.TQ2_0 => (256, 66),
            GgmlType.MXFP4 => (32, 17),
            _ => (0, 0),
        };
        return blockSize != 0;
    }
}
