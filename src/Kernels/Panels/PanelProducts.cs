namespace MeKi.Kernels.Panels;

/// <summary>The products of one weight format's panels in one instruction set.</summary>
internal abstract unsafe class PanelProducts
{
    /// <inheritdoc cref="PanelKernels.TakesSignMagnitudes"/>
    public virtual bool TakesSignMagnitudes => false;

    /// <inheritdoc cref="PanelKernels.MultiplyVector"/>
    public abstract void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y, NextReads after);

    /// <inheritdoc cref="PanelKernels.MultiplyTiles"/>
    public abstract void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output);

    /// <inheritdoc cref="PanelKernels.MultiplyTilesOfCodes"/>
    public virtual void MultiplyTilesOfCodes(
        PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output) =>
        MultiplyTiles(weight, panel, tokens, floats, sums, output);

    /// <summary>Asks for some memory that will be read soon.</summary>
    public virtual void Prefetch(byte* begin, byte* end)
    {
        // A wish.
    }

    /// <inheritdoc cref="PanelKernels.AddVector"/>
    public virtual void AddVector(PanelMatrix weight, int first, int count, float* u, float* y) => throw new NotSupportedException();

    /// <inheritdoc cref="PanelKernels.AddTiles"/>
    public virtual void AddTiles(PanelMatrix weight, int panel, int tokens, float* u, int strideU, float* y, int strideY) => throw new NotSupportedException();
}
