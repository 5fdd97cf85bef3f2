using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>The panel products in one vocabulary of vectors.</summary>
/// <typeparam name="TVector">Eight lanes.</typeparam>
/// <typeparam name="TWide">Sixteen.</typeparam>
internal readonly struct VectorProducts<TVector, TWide> : IWeightFormatUser<PanelProducts>
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
{
    public PanelProducts OfCodes<TCodes, TKind>()
        where TCodes : struct, IPanelCodes<TKind>
        where TKind : struct, ICodeKind
        => TKind.AreSigned && TVector.TakesSignMagnitudes ? new SignMagnitudeProducts<TVector>()
            : new CodeProducts<TVector, TCodes, TKind, EachTile<TVector, TCodes, TKind>>();

    public PanelProducts OfFloats<TFloats>()
        where TFloats : struct, IPanelFloats
        => new FloatProducts<TVector, TWide, TFloats>();
}
