using System.Runtime.CompilerServices;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The products of eight Q8_0 panels and a token on machines that multiply unsigned bytes by signed ones, AVX2: the token's magnitudes are the unsigned ones,
/// and its signs go to the codes, which stay as they are in the panel (<see cref="SignMagnitudeTokens"/>). Same bits as <see cref="IntegerPanels{TVector,
/// TCodes, TKind}"/>.
/// </summary>
/// <remarks>
/// <code>
///              lane 0        lane 1   …   lane 7
/// codes        row 0: c..c+3   row 1   …   row 7     eight 32-byte operands in memory, a panel each
/// magnitudes   |x|: c..c+3     |x|     …   |x|       one broadcast for eight panels
/// signs        x &lt; 0 ? −1 : 0  likewise              another
/// </code>
/// A chunk of four columns is eight dot products: two broadcasts and four instructions for each, whose operands are all in registers or used once. Two panels
/// by four tokens, where the signs of the codes go to the tokens, are 41 instructions with the same arithmetic, and two vectors for each of codes.
/// </remarks>
internal static unsafe class SignMagnitudeTile<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    /// <summary>Panels of a tile.</summary>
    public const int Panels = PanelKernels.MostTilePanels;

    private const int Vector = 32, Chunk = Vector * Panels, Group = SignMagnitudeTokens.Chunks * Chunk;

    /// <summary>Copies a run of blocks of eight panels, chunk by chunk beside each other.</summary>
    /// <param name="first">The run's first block in the first panel.</param>
    /// <param name="step">Bytes from a panel to the next.</param>
    /// <param name="panels">Panels that there are; the last one stands for those that are missing.</param>
    /// <param name="blocks">Blocks of the run, at most <see cref="SignMagnitudeTokens.RunBlocks"/>.</param>
    /// <param name="to">Receives codes, [block][8 chunks][8 panels][8 rows × 4 columns], and scales, [block][8 panels][8 rows].</param>
    public static void Expand(byte* first, long step, int panels, int blocks, ExpandedPanels to)
    {
        for (int which = 0; which < Panels; which++)
            Expand(first + Math.Min(which, panels - 1) * step, which, blocks, to);
    }

    private static void Expand(byte* panel, int which, int blocks, ExpandedPanels to)
    {
        byte* codes = to.Codes + Vector * which;
        float* scales = to.Scales + 8 * which;
        for (byte* end = panel + (long)blocks * Q8_0Codes.BlockBytes; panel < end; panel += Q8_0Codes.BlockBytes, scales += 8 * Panels)
        {
            TVector.Store(Q8_0Codes.Scale<TVector>(panel, null, 0), (byte*)scales);
            byte* from = panel + Q8_0Codes.CodesAt;
            for (byte* groupEnd = codes + Group; codes < groupEnd; codes += Chunk, from += Vector)
                TVector.Store(TVector.Load(from), codes);
        }
    }

    /// <summary>Adds the products of eight panels and a token to [8 panels × 8] sums.</summary>
    /// <param name="panels">The panels.</param>
    /// <param name="blocks">Blocks of the run.</param>
    /// <param name="token">The token's run.</param>
    /// <param name="y">The sums, [64].</param>
    // Two chunks a turn, for where another thread shares the core. Nothing in here may be left a call: look at DOTNET_JitDisasm=Multiply.
    public static void Multiply(ExpandedPanels panels, int blocks, SignMagnitudeRun token, float* y)
    {
        byte* codes = panels.Codes;
        float* scales = panels.Scales;
        for (int block = 0; block < blocks; block++)
        {
            // A 32-bit number in every lane.
            TVector p0 = TVector.BroadcastFour((sbyte*)(token.Starts + block)), p1 = p0, p2 = p0, p3 = p0, p4 = p0, p5 = p0, p6 = p0, p7 = p0;
            sbyte* x = token.Codes + block * SignMagnitudeTokens.BlockBytes;
            for (byte* end = codes + Group; codes < end; codes += 2 * Chunk, x += 2 * SignMagnitudeTokens.ChunkBytes)
            {
                AddChunk(codes, x, ref p0, ref p1, ref p2, ref p3, ref p4, ref p5, ref p6, ref p7);
                AddChunk(codes + Chunk, x + SignMagnitudeTokens.ChunkBytes, ref p0, ref p1, ref p2, ref p3, ref p4, ref p5, ref p6, ref p7);
            }
            TVector scale = TVector.BroadcastFloat(token.Scales + block);
            TVector.Store(TVector.ScaledSum(p0, scales, scale, y), (byte*)y);
            TVector.Store(TVector.ScaledSum(p1, scales + 8, scale, y + 8), (byte*)(y + 8));
            TVector.Store(TVector.ScaledSum(p2, scales + 16, scale, y + 16), (byte*)(y + 16));
            TVector.Store(TVector.ScaledSum(p3, scales + 24, scale, y + 24), (byte*)(y + 24));
            TVector.Store(TVector.ScaledSum(p4, scales + 32, scale, y + 32), (byte*)(y + 32));
            TVector.Store(TVector.ScaledSum(p5, scales + 40, scale, y + 40), (byte*)(y + 40));
            TVector.Store(TVector.ScaledSum(p6, scales + 48, scale, y + 48), (byte*)(y + 48));
            TVector.Store(TVector.ScaledSum(p7, scales + 56, scale, y + 56), (byte*)(y + 56));
            scales += 8 * Panels;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddChunk(byte* codes, sbyte* x, ref TVector p0, ref TVector p1, ref TVector p2, ref TVector p3, ref TVector p4, ref TVector p5,
        ref TVector p6, ref TVector p7)
    {
        TVector magnitudes = TVector.BroadcastFour(x), signs = TVector.BroadcastFour(x + SignMagnitudeTokens.SignsAt);
        p0 = TVector.AddSignMagnitudeDot(p0, codes, magnitudes, signs);
        p1 = TVector.AddSignMagnitudeDot(p1, codes + Vector, magnitudes, signs);
        p2 = TVector.AddSignMagnitudeDot(p2, codes + 2 * Vector, magnitudes, signs);
        p3 = TVector.AddSignMagnitudeDot(p3, codes + 3 * Vector, magnitudes, signs);
        p4 = TVector.AddSignMagnitudeDot(p4, codes + 4 * Vector, magnitudes, signs);
        p5 = TVector.AddSignMagnitudeDot(p5, codes + 5 * Vector, magnitudes, signs);
        p6 = TVector.AddSignMagnitudeDot(p6, codes + 6 * Vector, magnitudes, signs);
        p7 = TVector.AddSignMagnitudeDot(p7, codes + 7 * Vector, magnitudes, signs);
    }
}
