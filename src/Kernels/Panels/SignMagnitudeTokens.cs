using System.Runtime.Intrinsics;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The codes of <see cref="QuantizedActivations"/> as magnitudes and signs, −1 where a code is negative: <c>w · x = (w ^ sign) · |x| + (x &lt; 0 ? |x| :
/// 0)</c>. What is added is the same for every w: sums over a block start with it.
/// </summary>
/// <remarks>
/// In runs of columns, as <see cref="SignMagnitudeTile{TVector}"/> goes through them, all tokens of a run together: [run of 8 blocks][token][block], the last
/// run shorter where it is.
/// <code>
/// codes    [column / 4][4 magnitudes, 4 signs], 64 bytes a block
/// starts   Σ of the magnitudes of negative codes
/// scales   those of the activations
/// </code>
/// </remarks>
internal sealed unsafe class SignMagnitudeTokens
{
    /// <summary>
    /// Blocks of a run: with eight panels 16 KB of codes, which stay in a first-level cache of 32 KB.
    /// </summary>
    public const int RunBlocks = 2 * ExpandedPanels.MaxColumns / (PanelKernels.MostTilePanels * QuantizedActivations.BlockColumns);

    /// <summary>Bytes of four columns.</summary>
    public const int ChunkBytes = 2 * SignsAt;

    /// <summary>Bytes from a magnitude to its sign.</summary>
    public const int SignsAt = 4;

    /// <summary>Chunks of four columns in a block.</summary>
    public const int Chunks = QuantizedActivations.BlockColumns / 4;

    /// <summary>Bytes of a block's codes.</summary>
    public const int BlockBytes = Chunks * ChunkBytes;

    private const int Interleave = QuantizedActivations.TileTokens;

    private sbyte[] _codes = [];
    private int[] _starts = [];
    private float[] _scales = [];
    private int _tokens;
    private int _blocks;

    /// <summary>Makes room.</summary>
    /// <param name="tokens">Tokens, a multiple of four.</param>
    /// <param name="blocks">Blocks of each.</param>
    public void Reserve(int tokens, int blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfNegative(blocks);
        int all = checked(tokens * blocks);
        if (_starts.Length < all)
        {
            _codes = GC.AllocateUninitializedArray<sbyte>(checked(all * BlockBytes), pinned: true);
            _scales = GC.AllocateUninitializedArray<float>(all, pinned: true);
            // Last: where memory ended before it, the others may be shorter than they are wanted, and its length is what counts.
            _starts = GC.AllocateUninitializedArray<int>(all, pinned: true);
        }
        (_tokens, _blocks) = (tokens, blocks);
    }

    /// <summary>Where a token's run of blocks lies; those of the next token follow.</summary>
    /// <param name="firstBlock">The run's first block, a multiple of <see cref="RunBlocks"/>.</param>
    /// <param name="token">The token.</param>
    public SignMagnitudeRun Run(int firstBlock, int token)
    {
        nint at = (nint)firstBlock * _tokens + token * RunLength(firstBlock);
        // The arrays are pinned.
        fixed (sbyte* codes = _codes)
        fixed (int* starts = _starts)
        fixed (float* scales = _scales)
            return new(codes + at * BlockBytes, starts + at, scales + at);
    }

    /// <summary>Separates four interleaved tokens.</summary>
    /// <param name="from">The tokens.</param>
    /// <param name="token">The first of them, a multiple of four.</param>
    public void Separate(QuantizedGroup from, int token)
    {
        for (int firstBlock = 0; firstBlock < _blocks; firstBlock += RunBlocks)
        {
            int length = RunLength(firstBlock);
            SignMagnitudeRun to = Run(firstBlock, token);
            for (int block = 0; block < length; block++)
                SeparateBlock(from.After(Interleave * (firstBlock + block)), to.After(block), length);
        }
    }

    private static void SeparateBlock(in QuantizedGroup from, SignMagnitudeRun to, int length)
    {
        // Even and odd bytes of every token: sixteen times 127 fit 16 bits.
        Vector128<ushort> negative = default;
        for (int chunk = 0; chunk < Chunks; chunk++)
        {
            Vector128<sbyte> code = Vector128.Load(from.Codes + 4 * Interleave * chunk), magnitude = Vector128.Abs(code),
                sign = Vector128.LessThan(code, Vector128<sbyte>.Zero);
            Vector128<ushort> bytes = (magnitude & sign).AsUInt16();
            negative += (bytes & Vector128.Create((ushort)0xFF)) + (bytes >>> 8);
            (Vector128<ulong> low, Vector128<ulong> high) = Vector128.Widen(magnitude.AsUInt32());
            (Vector128<ulong> lowSigns, Vector128<ulong> highSigns) = Vector128.Widen(sign.AsUInt32());
            low |= lowSigns << 32;
            high |= highSigns << 32;
            sbyte* at = to.Codes + ChunkBytes * chunk;
            *(ulong*)at = low[0];
            *(ulong*)(at + length * BlockBytes) = low[1];
            *(ulong*)(at + 2 * length * BlockBytes) = high[0];
            *(ulong*)(at + 3 * length * BlockBytes) = high[1];
        }
        Vector128<int> sums = (negative.AsInt32() & Vector128.Create(0xFFFF)) + (negative.AsInt32() >>> 16);
        for (int token = 0; token < Interleave; token++)
            (to.Starts[token * length], to.Scales[token * length]) = (sums[token], from.Scales[token]);
    }

    private int RunLength(int firstBlock) => Math.Min(RunBlocks, _blocks - firstBlock);
}

/// <summary>A run of a token's blocks.</summary>
internal readonly unsafe struct SignMagnitudeRun(sbyte* codes, int* starts, float* scales)
{
    /// <summary>Magnitudes and signs.</summary>
    public readonly sbyte* Codes = codes;

    /// <summary>What the blocks' sums start with.</summary>
    public readonly int* Starts = starts;

    /// <summary>The blocks' scales.</summary>
    public readonly float* Scales = scales;

    /// <summary>The blocks that follow so many.</summary>
    public SignMagnitudeRun After(nint blocks) => new(Codes + blocks * SignMagnitudeTokens.BlockBytes, Starts + blocks, Scales + blocks);
}
