using MeKi.Kernels.Operations;

namespace MeKi.Kernels.Panels;

/// <summary>
/// Activations in 8-bit blocks of 32 columns: <c>x ≈ scale · code</c>, scale = max|x| / 127, codes rounded to nearest, ties to even. With each block go the
/// sums of its codes, which correct for weights that are stored with an offset or a minimum. A block with an infinity or NaN gets the scale NaN.
/// </summary>
/// <remarks>
/// One token lies in order. Several are interleaved by fours, the last four filled with zeros, so that one 16-byte load holds the same four columns of four
/// tokens:
/// <code>
/// codes   [group of 4 tokens][column / 4][token][4 columns]
/// others  [group of 4 tokens][block][token]
/// </code>
/// </remarks>
internal sealed unsafe class QuantizedActivations
{
    /// <summary>Columns of a block.</summary>
    public const int BlockColumns = QuantizedGroup.BlockColumns;

    /// <summary>Tokens that are interleaved.</summary>
    public const int TileTokens = 4;

    private sbyte[] _codes = [];
    private float[] _scales = [];
    private float[] _scaledSums = [];
    private int[] _sums = [];
    private int[] _centreCorrections8 = [];
    private int[] _centreCorrections32 = [];
    private int _firstGroup;

    /// <summary>Columns of a token.</summary>
    public int Columns { get; private set; }

    /// <summary>Tokens.</summary>
    public int Tokens { get; private set; }

    /// <summary>1 for a single token, else <see cref="TileTokens"/>.</summary>
    public int Interleave { get; private set; } = TileTokens;

    /// <summary>Groups of <see cref="Interleave"/> tokens.</summary>
    public int Groups => (Tokens + Interleave - 1) / Interleave;

    /// <summary>Magnitudes and signs.</summary>
    public SignMagnitudeTokens SignMagnitudes { get; } = new();

    /// <summary>Whether <see cref="ReserveSignMagnitudes"/> was called for these tokens.</summary>
    public bool HasSignMagnitudes { get; private set; }

    /// <summary>Makes room for tokens of so many columns, a multiple of 32, and fills the last group up with zeros.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative number.</exception>
    /// <exception cref="OverflowException">More codes than an array holds.</exception>
    public void Reserve(int tokens, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        int interleave = tokens == 1 ? 1 : TileTokens;
        long padded = ((long)tokens + interleave - 1) / interleave * interleave, blocks = padded * (columns / BlockColumns);
        if (_codes.Length < padded * columns)
            _codes = GC.AllocateUninitializedArray<sbyte>(checked((int)(padded * columns)), pinned: true);
        if (_scales.Length < blocks)
        {
            int all = checked((int)blocks);
            _scaledSums = GC.AllocateUninitializedArray<float>(all, pinned: true);
            _sums = GC.AllocateUninitializedArray<int>(all, pinned: true);
            _centreCorrections8 = GC.AllocateUninitializedArray<int>(all, pinned: true);
            _centreCorrections32 = GC.AllocateUninitializedArray<int>(checked(2 * all), pinned: true);
            // Last: where memory ended before it, the others may be shorter than they are wanted, and its length is what counts.
            _scales = GC.AllocateUninitializedArray<float>(all, pinned: true);
        }
        (Tokens, Columns, Interleave, HasSignMagnitudes, _firstGroup) = (tokens, columns, interleave, false, 0);
        for (int token = tokens; token < padded; token++)
            ClearToken(token);
    }

    /// <summary>Becomes a part of others, in their memory, until these are reserved again: no magnitudes and signs.</summary>
    /// <param name="others">The others.</param>
    /// <param name="firstGroup">Its first group of tokens.</param>
    /// <param name="tokens">Tokens from there on.</param>
    public void See(QuantizedActivations others, int firstGroup, int tokens)
    {
        (_codes, _scales, _scaledSums, _sums) = (others._codes, others._scales, others._scaledSums, others._sums);
        (_centreCorrections8, _centreCorrections32) = (others._centreCorrections8, others._centreCorrections32);
        (Tokens, Columns, Interleave, HasSignMagnitudes, _firstGroup) = (tokens, others.Columns, others.Interleave, false, firstGroup);
    }

    /// <summary>Where a group of tokens lies, from a block of columns on.</summary>
    public QuantizedGroup Group(int group, int firstBlock = 0)
    {
        nint blocks = Interleave * ((nint)(_firstGroup + group) * (Columns / BlockColumns) + firstBlock);
        // The arrays are pinned.
        fixed (sbyte* codes = _codes)
        fixed (float* scales = _scales, scaledSums = _scaledSums)
        fixed (int* sums = _sums, centreCorrections8 = _centreCorrections8, centreCorrections32 = _centreCorrections32)
            return new QuantizedGroup(codes, scales, scaledSums, sums, centreCorrections8, centreCorrections32).After(blocks);
    }

    /// <summary>Whether a group is for <see cref="FourTokens"/>.</summary>
    public bool QuantizesTogether(int group) => FourTokens.IsSupported && Interleave == TileTokens && (group + 1) * TileTokens <= Tokens;

    /// <summary>Quantises a group of tokens: rows group · <see cref="Interleave"/> and following of <paramref name="x"/>.</summary>
    public void Quantize(ActivationMatrix x, int group)
    {
        if (QuantizesTogether(group))
        {
            fixed (float* first = x.Rows(group * TileTokens, TileTokens))
                FourTokens.Quantize(first, Columns / BlockColumns, Group(group));
            return;
        }
        for (int token = group * Interleave; token < Math.Min((group + 1) * Interleave, Tokens); token++)
        {
            QuantizedRow to = Row(token);
            fixed (float* values = x.Row(token))
            {
                for (int block = 0; block < Columns / BlockColumns; block++)
                    to.Quantize(block, values + block * BlockColumns);
            }
        }
    }

    /// <summary>Makes room for magnitudes and signs of several tokens, to be made of each group by <see cref="SeparateSigns"/> once it is quantised.</summary>
    public void ReserveSignMagnitudes()
    {
        SignMagnitudes.Reserve(Groups * TileTokens, Columns / BlockColumns);
        HasSignMagnitudes = true;
    }

    /// <summary>Separates a group of tokens.</summary>
    public void SeparateSigns(int group) => SignMagnitudes.Separate(Group(group), group * TileTokens);

    /// <summary>Where a token's blocks are to be written, from one on.</summary>
    public QuantizedRow Row(int token, int firstBlock = 0) => new(Group(token / Interleave, firstBlock), token % Interleave, Interleave);

    /// <summary>A token's values as the codes have them, [columns].</summary>
    public void DecodeRow(int token, Span<float> values)
    {
        QuantizedGroup from = Group(token / Interleave);
        int t = token % Interleave;
        for (int column = 0; column < Columns; column++)
        {
            int code = from.Codes[(column / 4 * Interleave + t) * 4 + column % 4];
            values[column] = from.Scales[column / BlockColumns * Interleave + t] * code;
        }
    }

    private void ClearToken(int token)
    {
        int stride = Interleave, t = token % stride;
        QuantizedGroup to = Group(token / stride);
        for (int chunk = 0; chunk < Columns / 4; chunk++)
            *(int*)(to.Codes + (chunk * stride + t) * 4) = 0;
        for (int block = 0; block < Columns / BlockColumns; block++)
        {
            int at = block * stride + t;
            (to.Scales[at], to.ScaledSums[at], to.Sums[at], to.CentreCorrections8[at]) = (0, 0, 0, 0);
            (to.CentreCorrections32[block * 2 * stride + t], to.CentreCorrections32[(block * 2 + 1) * stride + t]) = (0, 0);
        }
    }
}
