namespace MeKi.Kernels.Panels;

/// <summary>Products that take panels by pairs: by one token two streams of memory, by several a tile.</summary>
internal abstract unsafe class PairProducts : PanelProducts
{
    public override void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y, NextReads after)
    {
        // A panel of a run's first half and one of its second are two streams of memory, which a core reads faster than one. Neighbours would be two streams
        // that end and begin again with every panel. Of an odd number the last is computed twice.
        int half = (count + 1) / 2;
        for (int panel = 0; panel < half; panel++)
        {
            int other = Math.Min(panel + half, count - 1);
            if (after.Bytes > 0)
                Prefetch(after.At(panel, half), after.At(panel + 1, half));
            MultiplyTwo(weight, weight.Panel(first + panel), weight.Panel(first + other), x, floats, y + 8 * panel, y + 8 * other);
        }
    }

    public override void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output)
    {
        for (int pair = 0; pair < PanelKernels.MostTilePanels / 4 && panel + 2 * pair < weight.Panels; pair++)
            MultiplyPair(weight, panel + 2 * pair, tokens, floats, sums, output.Pair(pair));
    }

    /// <summary>Two panels by one token: eight results each.</summary>
    protected abstract void MultiplyTwo(PanelMatrix weight, byte* panel, byte* second, in QuantizedGroup x, float* floats, float* y, float* z);

    /// <summary>Two neighbouring panels by several tokens.</summary>
    protected abstract void MultiplyPair(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output);
}
