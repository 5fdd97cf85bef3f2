using MeKi.Kernels.Kv;

namespace MeKi.Kernels.Attending;

/// <summary>
/// What attention does with one head's part of one page, in one instruction set; the same bits from every set, for any number of rows and however positions are
/// cut:
/// <code>
/// scores   F16, F32   s ← fma(q, k, s) in the order of the columns
///          Q8_0       s ← fma(float(Σ code · code of q), d · a, s) in the order of the blocks, Σ exact in 32 bits
/// weights             w = exp(s − the row's largest in this page); their sum in eight lanes of positions, then lane by lane
/// values   F16, F32   y ← fma(w, v, y) in the order of the positions
///          Q8_0       y ← fma(w · d, code, y)
/// </code>
/// F16 is widened by moving bits, which leaves numbers too small by 2^112; queries and weights that meet it are larger by as much, which changes no bit of a
/// product. A row is a query of one token and one head. Rows of scores lie <see cref="KvPage.Positions"/> floats apart.
/// </summary>
internal abstract unsafe class AttentionKernels
{
    /// <summary>Positions that scores are computed in groups of: bounds are multiples of it.</summary>
    public const int ScorePositions = 32;

    private readonly PageKernels?[] _pages = new PageKernels?[KvFormats.Count];

    /// <summary>Rows that the kernels may write results for: four interleaved queries or six rows of a tile at a time.</summary>
    public static int PaddedRows(int rows) => rows < 8 ? (rows + 3) / 4 * 4 : (rows + 11) / 12 * 12;

    /// <summary>The scores of rows at some positions of a page.</summary>
    /// <param name="layout">The page's layout.</param>
    /// <param name="keys">The head's keys.</param>
    /// <param name="first">First position, a multiple of <see cref="ScorePositions"/>.</param>
    /// <param name="end">One past the last position, a multiple of <see cref="ScorePositions"/>.</param>
    /// <param name="queries">Every row's query.</param>
    /// <param name="kvHead">Which KV head's queries.</param>
    /// <param name="row">The first row, a multiple of four.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="scores">Receives [padded rows × page length], of which these positions.</param>
    public void Score(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores) =>
        Of(layout.Keys).Score(layout, keys, first, end, queries, kvHead, row, rows, scores);

    /// <summary>Makes one row's scores weights, and zero where the row sees nothing.</summary>
    /// <param name="scores">The row's scores at the positions <paramref name="first"/> … <paramref name="end"/> − 1.</param>
    /// <param name="first">First position, a multiple of <see cref="ScorePositions"/>.</param>
    /// <param name="end">One past the last position, a multiple of <see cref="ScorePositions"/>.</param>
    /// <param name="firstSeen">The first position that the row sees.</param>
    /// <param name="endSeen">One past the last; equal to <paramref name="firstSeen"/> where the row sees none.</param>
    /// <param name="largest">The largest score; −∞ where the row sees nothing.</param>
    /// <param name="sum">The sum of the weights.</param>
    public abstract void Weigh(float* scores, int first, int end, int firstSeen, int endSeen, out float largest, out float sum);

    /// <summary>The weighted sums of the values.</summary>
    /// <param name="layout">The page's layout.</param>
    /// <param name="values">The head's values.</param>
    /// <param name="first">First position.</param>
    /// <param name="end">One past the last.</param>
    /// <param name="weights">Every row's weights, [padded rows × page length]; undefined afterwards.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="sums">Receives [padded rows × columns], rows <paramref name="stride"/> apart.</param>
    /// <param name="stride">Distance of the rows of <paramref name="sums"/>.</param>
    public void Sum(KvLayout layout, byte* values, int first, int end, float* weights, int rows, float* sums, int stride) =>
        Of(layout.Values).Sum(layout, values, first, end, weights, rows, sums, stride);

    /// <summary><c>to ← to · scale + part · partScale</c>: joins what two runs of positions gave.</summary>
    public abstract void Join(float* to, float scale, float* part, float partScale, int columns);

    /// <summary>Makes the kernels over pages in a format.</summary>
    protected abstract PageKernels Make(KvFormat format);

    private PageKernels Of(KvFormat format) => _pages[(int)format] ??= Make(format);
}
