namespace MeKi.Kernels.Panels;

/// <summary>
/// Where the products of two panels by several tokens go: sixteen neighbouring columns of the output, fewer at its right border. A tile's results go there when its last columns are multiplied:
/// a pass of its own behind the last tile took 3.6 % of a prompt's time, most of it cache lines that came from memory, and of that about half is left here.
/// </summary>
/// <param name="first">The first token's results.</param>
/// <param name="stride">Distance of the tokens.</param>
/// <param name="width">Columns, at most 16.</param>
/// <param name="tokens">Tokens.</param>
internal readonly unsafe struct TileOutput(float* first, int stride, int width, int tokens)
{
    /// <summary>Results of a token.</summary>
    public const int Width = 16;

    /// <summary>Writes the results of some tokens, of those among them that there are.</summary>
    /// <param name="token">The first of them.</param>
    /// <param name="count">How many.</param>
    /// <param name="results">Theirs, [count × 16].</param>
    public void Write(int token, int count, float* results)
    {
        for (int end = Math.Min(token + count, tokens); token < end; token++, results += Width)
        {
            float* to = first + (nint)token * stride;
            // A copy of constant length is two vector moves; of unknown length it is a call.
            if (width == Width)
                new Span<float>(results, Width).CopyTo(new(to, Width));
            else
                new Span<float>(results, width).CopyTo(new(to, width));
        }
    }
}
