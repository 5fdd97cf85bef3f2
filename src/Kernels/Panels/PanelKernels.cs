namespace MeKi.Kernels.Panels;

/// <summary>The panel products of one instruction set.</summary>
internal abstract unsafe class PanelKernels
{
    /// <summary>Neighbouring panels of a call of <see cref="MultiplyTiles"/>, at most.</summary>
    public const int MostTilePanels = 8;

    /// <summary>Tokens that tiles add up sums for: up to five more than there are, so that a multiple of four and one of six fit.</summary>
    public static int PaddedTokens(int tokens) => checked(tokens + 5);

    /// <summary>Panels by one token.</summary>
    /// <param name="weight">The matrix.</param>
    /// <param name="first">First panel.</param>
    /// <param name="count">Panels.</param>
    /// <param name="x">Quantised activations, for formats of integer codes.</param>
    /// <param name="floats">The activations, [columns], for formats of floats.</param>
    /// <param name="y">Receives [8 · count].</param>
    public abstract void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y);

    /// <summary>Whether <see cref="MultiplyTiles"/> wants magnitudes and signs apart for this matrix (<see cref="QuantizedActivations.SignMagnitudes"/>).</summary>
    public virtual bool TakesSignMagnitudes(PanelMatrix weight) => false;

    /// <summary>Neighbouring panels that <see cref="MultiplyTiles"/> takes at once.</summary>
    public int TilePanels(PanelMatrix weight) => TakesSignMagnitudes(weight) ? MostTilePanels : MostTilePanels / 2;

    /// <summary><see cref="TilePanels"/> neighbouring panels, or those there are to the last, by several tokens.</summary>
    /// <param name="weight">The matrix.</param>
    /// <param name="panel">The first of them.</param>
    /// <param name="tokens">Quantised activations, for formats of integer codes.</param>
    /// <param name="floats">The activations, [tokens up to a multiple of 6 × columns], for formats of floats.</param>
    /// <param name="sums">Room for [<see cref="PaddedTokens"/> × <see cref="TileOutput.Width"/>].</param>
    /// <param name="output">Receives the results.</param>
    public abstract void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output);
}
