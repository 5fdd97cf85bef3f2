using MeKi.Quant;

namespace MeKi.Kernels.Panels;

/// <summary>The panel products of one instruction set: for each weight format those that are compiled for it, made when they are first asked for.</summary>
/// <param name="make">Makes a format's.</param>
internal sealed unsafe class PanelKernels(Func<GgmlType, PanelProducts> make)
{
    /// <summary>Neighbouring panels of a call of <see cref="MultiplyTiles"/>, at most.</summary>
    public const int MostTilePanels = 8;

    private readonly PanelProducts?[] _products = new PanelProducts?[PanelFormat.All.Max(format => (int)format.Block.Type) + 1];

    /// <summary>Tokens that tiles add up sums for: up to five more than there are, so that a multiple of four and one of six fit.</summary>
    public static int PaddedTokens(int tokens) => checked(tokens + 5);

    /// <summary>Panels by one token.</summary>
    /// <param name="weight">The matrix.</param>
    /// <param name="first">First panel.</param>
    /// <param name="count">Panels.</param>
    /// <param name="x">Quantised activations, for formats of integer codes.</param>
    /// <param name="floats">The activations, [columns], for formats of floats.</param>
    /// <param name="y">Receives [8 · count].</param>
    /// <param name="after">What is read next.</param>
    public void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y, NextReads after = default) =>
        Of(weight, first, count).MultiplyVector(weight, first, count, x, floats, y, after);

    /// <summary>
    /// Whether <see cref="MultiplyTiles"/> wants magnitudes and signs apart for this matrix (<see cref="QuantizedActivations.SignMagnitudes"/>).
    /// </summary>
    public bool TakesSignMagnitudes(PanelMatrix weight) => Of(weight).TakesSignMagnitudes;

    /// <summary>Neighbouring panels that <see cref="MultiplyTiles"/> takes at once.</summary>
    public int TilePanels(PanelMatrix weight) => TakesSignMagnitudes(weight) ? MostTilePanels : MostTilePanels / 2;

    /// <summary><see cref="TilePanels"/> neighbouring panels, or those there are to the last, by several tokens.</summary>
    /// <param name="weight">The matrix.</param>
    /// <param name="panel">The first of them.</param>
    /// <param name="tokens">Quantised activations, for formats of integer codes.</param>
    /// <param name="floats">The activations, [tokens up to a multiple of 6 × columns], for formats of floats.</param>
    /// <param name="sums">Room for [<see cref="PaddedTokens"/> × <see cref="TileOutput.Width"/>].</param>
    /// <param name="output">Receives the results.</param>
    public void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output) =>
        Of(weight, panel, tokens).MultiplyTiles(weight, panel, tokens, floats, sums, output);

    /// <summary>Panels that <see cref="MultiplyTilesOfCodes"/> takes at once.</summary>
    public const int CodeTilePanels = MostTilePanels / 2;

    /// <summary>
    /// As <see cref="MultiplyTiles"/>, but by codes that nobody separated into magnitudes and signs: for a matrix of few rows, which is not worth it.
    /// </summary>
    public void MultiplyTilesOfCodes(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output) =>
        Of(weight, panel, tokens).MultiplyTilesOfCodes(weight, panel, tokens, floats, sums, output);

    /// <summary>Asks for a few panels that will be read soon: they are too short for the machine to see where they lead.</summary>
    public void Prefetch(PanelMatrix weight, int first, int count) => Of(weight).Prefetch(weight.Panel(first), weight.Panel(first + count));

    /// <summary>y ← y + W u for panels of floats: each row a chain of multiply-adds that begins with y, in the order of the columns.</summary>
    /// <param name="weight">The matrix.</param>
    /// <param name="first">The first panel.</param>
    /// <param name="count">Panels.</param>
    /// <param name="u">[columns].</param>
    /// <param name="y">[8 · count].</param>
    public void AddVector(PanelMatrix weight, int first, int count, float* u, float* y) =>
        Of(weight, first, count).AddVector(weight, first, count, u, y);

    /// <summary>Likewise for two neighbouring panels and several tokens; the same bits.</summary>
    /// <param name="weight">The matrix.</param>
    /// <param name="panel">The first of both.</param>
    /// <param name="tokens">A multiple of <see cref="AddedTokens"/>.</param>
    /// <param name="u">[tokens × columns].</param>
    /// <param name="strideU">Distance of its rows.</param>
    /// <param name="y">[tokens × 16].</param>
    /// <param name="strideY">Distance of its rows.</param>
    public void AddTiles(PanelMatrix weight, int panel, int tokens, float* u, int strideU, float* y, int strideY) =>
        Of(weight, panel, 1).AddTiles(weight, panel, tokens, u, strideU, y, strideY);

    /// <summary>Tokens of a tile of <see cref="AddTiles"/>.</summary>
    public const int AddedTokens = 6;

    // The one check of what a call reads: of addresses nothing can be checked, whoever gives them has reserved what the parameters say.
    private PanelProducts Of(PanelMatrix weight, int first, int count)
    {
        if ((uint)first > (uint)weight.Panels || (uint)count > (uint)(weight.Panels - first))
            throw new ArgumentOutOfRangeException(nameof(first), first, $"{count} panels from there on are not among the {weight.Panels}.");
        return Of(weight);
    }

    private PanelProducts Of(PanelMatrix weight, int panel, QuantizedActivations tokens)
    {
        if (weight.TakesCodes && tokens.Columns != weight.Columns)
            throw new ArgumentException($"Tokens of {tokens.Columns} columns do not fit a matrix of {weight.Columns}.", nameof(tokens));
        return Of(weight, panel, 1);
    }

    private PanelProducts Of(PanelMatrix weight) => _products[(int)weight.Format.Block.Type] ??= make(weight.Format.Block.Type);
}
