using System.Runtime.CompilerServices;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>How the integers of a group, of two panels and one token, join the float sums.</summary>
internal unsafe interface IPairSums<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    /// <summary>Adds them to sixteen sums.</summary>
    /// <param name="y">The sums.</param>
    /// <param name="first">The first panel's integers.</param>
    /// <param name="second">The second's.</param>
    /// <param name="scales">The group's scales, [16].</param>
    /// <param name="minima">Its minima, [16].</param>
    /// <param name="scale">The token's scale.</param>
    /// <param name="scaledSum">Its product with the sum of the token's codes.</param>
    static abstract void Add(float* y, TVector first, TVector second, float* scales, float* minima, float* scale, float* scaledSum);
}

/// <summary>Eight by eight.</summary>
internal readonly unsafe struct EachSums<TVector, TKind> : IPairSums<TVector>
    where TVector : struct, IPanelVector<TVector>
    where TKind : struct, ICodeKind
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* y, TVector first, TVector second, float* scales, float* minima, float* scale, float* scaledSum)
    {
        TVector a = TVector.BroadcastFloat(scale);
        TKind.Add(y, first, scales, minima, a, scaledSum);
        TKind.Add(y + 8, second, scales + 8, minima + 8, a, scaledSum);
    }
}

/// <summary>Sixteen at once: half the multiplications, which are executed where dot products are.</summary>
internal readonly unsafe struct JoinedSums<TVector, TWide, TJoin, TKind> : IPairSums<TVector>
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, ICodeVector<TWide>
    where TJoin : struct, IJoin<TVector, TWide>
    where TKind : struct, ICodeKind
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* y, TVector first, TVector second, float* scales, float* minima, float* scale, float* scaledSum) =>
        TKind.Add(y, TJoin.Join(first, second), scales, minima, TWide.BroadcastFloat(scale), scaledSum);
}

/// <summary>Two vectors of eight lanes as one of sixteen.</summary>
internal interface IJoin<TVector, TWide>
{
    static abstract TWide Join(TVector low, TVector high);
}
