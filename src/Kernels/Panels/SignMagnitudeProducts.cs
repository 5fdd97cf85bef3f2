using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>The products of Q8_0 where several tokens come with magnitudes and signs apart; one token meets the codes as they are.</summary>
internal sealed unsafe class SignMagnitudeProducts<TVector> : PanelProducts
    where TVector : struct, IPanelVector<TVector>
{
    private readonly CodeProducts<TVector, Q8_0Codes, SignedCodes, EachTile<TVector, Q8_0Codes, SignedCodes>> _ofOne = new();

    public override bool TakesSignMagnitudes => true;

    public override void Prefetch(byte* begin, byte* end) => _ofOne.Prefetch(begin, end);

    public override void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y, NextReads after) =>
        _ofOne.MultiplyVector(weight, first, count, x, floats, y, after);

    public override void MultiplyTilesOfCodes(
        PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output) =>
        _ofOne.MultiplyTiles(weight, panel, tokens, floats, sums, output);

    public override void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output)
    {
        const int Width = TileOutput.Width;
        ExpandedPanels expanded = ExpandedPanels.OfThread;
        new Span<float>(sums, Width * tokens.Tokens).Clear();
        int block = 0, all = weight.Blocks;
        do
        {
            int blocks = Math.Min(SignMagnitudeTokens.RunBlocks, all - block);
            SignMagnitudeTile<TVector>.Expand(weight.Panel(panel) + (long)block * Q8_0Codes.BlockBytes, weight.PanelBytes, weight.Panels - panel, blocks,
                expanded);
            const int BlockColumns = QuantizedActivations.BlockColumns;
            ComingPanels coming = ComingPanels.After(weight, panel, SignMagnitudeTile<TVector>.Panels, block * BlockColumns, blocks * BlockColumns,
                tokens.Tokens);
            SignMagnitudeRun first = tokens.SignMagnitudes.Run(block, 0);
            for (int token = 0; token < tokens.Tokens; token++)
            {
                coming.Ask<TVector>(token);
                float* tile = sums + Width * token;
                SignMagnitudeTile<TVector>.Multiply(expanded, blocks, first.After(token * blocks), tile);
                if (block + blocks == all)
                    output.Write(token, 1, tile, Width);
            }
            block += blocks;
        }
        while (block < all);
    }
}
