namespace MeKi.Kernels.Kv;

/// <summary>
/// Where a format has one position's 32 columns within a head's part of a page. Keys lie so that eight positions are the eight lanes of a vector (scores of
/// neighbours, no horizontal addition), values so that eight columns are (p · V is a multiply-add along the head dimension):
/// <code>
/// keys    F16, F32   [32 positions][2 columns][8 positions]: column pairs, each 16 values of 8 positions
///         Q8_0       [8 positions][32 columns]: panels, as weights have them (Quant.Q8_0)
/// values  F16, F32   [32 columns][position][16 columns]: 16 values, two vectors for a position
///         Q8_0       [32 columns]: scales of all positions, then 32 bytes for each
/// </code>
/// Sixteen values of F16 are eight 32-bit lanes, the first eight in the lower halves and the second eight in the upper ones: a shift and a mask make either
/// float32. Sixteen of F32 are two vectors.
/// </summary>
internal unsafe interface IKvFormat
{
    /// <summary>Bytes of one position's 32 columns.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>Of them the bytes of a value that lie apart, in front of all positions' columns.</summary>
    static abstract int ValueScaleBytes { get; }

    /// <summary>The most columns of a key.</summary>
    static abstract int MostColumns { get; }

    /// <summary>Whether keys meet queries in 8-bit blocks; else as floats.</summary>
    static abstract bool QuantizesQueries { get; }

    /// <summary>What the other factor of a product is to be multiplied with: numbers come out of a page too small by as much.</summary>
    static abstract float Factor { get; }

    /// <summary>Stores 32 columns of a key.</summary>
    /// <param name="keys">The head's keys of the page.</param>
    /// <param name="blocks">Blocks of a head.</param>
    /// <param name="position">Position within the page.</param>
    /// <param name="block">Which 32 columns.</param>
    /// <param name="x">The columns; may be overwritten.</param>
    static abstract void StoreKey(byte* keys, int blocks, int position, int block, Span<float> x);

    /// <summary>Takes them out again.</summary>
    static abstract void LoadKey(byte* keys, int blocks, int position, int block, Span<float> x);

    /// <summary>Stores 32 columns of a value.</summary>
    /// <param name="values">The head's values of the page.</param>
    /// <param name="position">Position within the page.</param>
    /// <param name="block">Which 32 columns.</param>
    /// <param name="x">The columns; may be overwritten.</param>
    static abstract void StoreValue(byte* values, int position, int block, Span<float> x);

    /// <summary>Takes them out again.</summary>
    static abstract void LoadValue(byte* values, int position, int block, Span<float> x);
}
