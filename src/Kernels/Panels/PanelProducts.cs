namespace MeKi.Kernels.Panels;

/// <summary>The products of one weight format's panels in one instruction set.</summary>
internal abstract unsafe class PanelProducts
{
    /// <inheritdoc cref="PanelKernels.TakesSignMagnitudes"/>
    public virtual bool TakesSignMagnitudes => false;

    /// <inheritdoc cref="PanelKernels.MultiplyVector"/>
    public abstract void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y);

    /// <inheritdoc cref="PanelKernels.MultiplyTiles"/>
    public abstract void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output);
}
