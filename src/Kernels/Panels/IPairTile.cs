using System.Runtime.CompilerServices;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>How two expanded panels meet four tokens.</summary>
internal unsafe interface IPairTile
{
    /// <summary>Adds the products of two expanded panels and four interleaved tokens to [4 tokens × 2 panels × 8] sums.</summary>
    /// <param name="panels">The panels.</param>
    /// <param name="groups">Groups of 32 columns.</param>
    /// <param name="tokens">The tokens, from the first of these groups on.</param>
    /// <param name="y">The sums, [4 × 16].</param>
    /// <param name="coming">What is asked for meanwhile.</param>
    static abstract void Multiply(ExpandedPanels panels, int groups, in QuantizedGroup tokens, float* y, in ComingPanels coming);
}

/// <summary>In vectors of eight rows.</summary>
internal readonly unsafe struct EachTile<TVector, TCodes, TKind> : IPairTile
    where TVector : struct, IPanelVector<TVector>
    where TCodes : struct, IPanelCodes<TKind>
    where TKind : struct, ICodeKind
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(ExpandedPanels panels, int groups, in QuantizedGroup tokens, float* y, in ComingPanels coming) =>
        IntegerPanels<TVector, TCodes, TKind>.MultiplyTile(panels, groups, tokens, y, coming);
}
