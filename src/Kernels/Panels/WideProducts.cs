using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The panel products where there are vectors as wide as two panels: unsigned codes of several tokens are multiplied in them, sums of signed ones join in them
/// what there is so far; all else is as in <see cref="VectorProducts{TVector, TWide}"/>.
/// </summary>
/// <typeparam name="TVector">Eight lanes.</typeparam>
/// <typeparam name="TWide">Sixteen.</typeparam>
/// <typeparam name="THalf">Eight lanes, as half of <typeparamref name="TCodeVector"/> computes.</typeparam>
/// <typeparam name="TCodeVector">Sixteen, for codes.</typeparam>
/// <typeparam name="TJoin">Makes one of two <typeparamref name="TVector"/>.</typeparam>
internal readonly struct WideProducts<TVector, TWide, THalf, TCodeVector, TJoin> : IWeightFormatUser<PanelProducts>
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
    where THalf : struct, IPanelVector<THalf>
    where TCodeVector : struct, ICodeVector<TCodeVector>
    where TJoin : struct, IJoin<TVector, TCodeVector>
{
    public PanelProducts OfCodes<TCodes, TKind>()
        where TCodes : struct, IPanelCodes<TKind>
        where TKind : struct, ICodeKind
        => !TKind.AreSigned ? new WideCodeProducts<TVector, THalf, TCodeVector, TCodes, TKind>()
            : TVector.TakesSignMagnitudes ? new SignMagnitudeProducts<TVector>()
            : new CodeProducts<TVector, TCodes, TKind, JoinedTile<TVector, TCodeVector, TJoin, TKind>>();

    public PanelProducts OfFloats<TFloats>()
        where TFloats : struct, IPanelFloats
        => new FloatProducts<TVector, TWide, TFloats>();
}
