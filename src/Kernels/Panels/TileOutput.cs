using MeKi.Quant;

namespace MeKi.Kernels.Panels;

/// <summary>
/// Where the products of some panels by several tokens go: neighbouring columns of the output, cut at its right border. A tile's results go there when its last
/// columns are multiplied: a pass of its own behind the last tile would wait for cache lines from memory.
/// </summary>
/// <param name="first">The first token's results.</param>
/// <param name="stride">Distance of the tokens.</param>
/// <param name="width">Columns from there to the border.</param>
/// <param name="tokens">Tokens.</param>
internal readonly unsafe struct TileOutput(float* first, int stride, int width, int tokens)
{
    /// <summary>Results of a token, at most.</summary>
    public const int Width = PanelKernels.MostTilePanels * PanelFormat.Rows;

    /// <summary>Results of a token and two panels.</summary>
    public const int PairWidth = 2 * PanelFormat.Rows;

    /// <summary>Where those of one pair of panels go.</summary>
    public TileOutput Pair(int pair) => new(first + PairWidth * pair, stride, width - PairWidth * pair, tokens);

    /// <summary>Writes the results of some tokens, of those among them that there are.</summary>
    /// <param name="token">The first of them.</param>
    /// <param name="count">How many.</param>
    /// <param name="results">Theirs, [count × <paramref name="columns"/>].</param>
    /// <param name="columns">Columns of theirs; those beyond the border are left out.</param>
    public void Write(int token, int count, float* results, int columns)
    {
        int within = Math.Min(columns, width);
        for (int end = Math.Min(token + count, tokens); token < end; token++, results += columns)
        {
            float* to = first + (nint)token * stride;
            int column = 0;
            // A copy of constant length is two vector moves; of unknown length it is a call.
            for (; column + PairWidth <= within; column += PairWidth)
                new Span<float>(results + column, PairWidth).CopyTo(new(to + column, PairWidth));
            if (column < within)
                new Span<float>(results + column, within - column).CopyTo(new(to + column, within - column));
        }
    }
}
