using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>The decoder of a panel format whose columns are eight floats.</summary>
internal unsafe interface IPanelFloats
{
    static abstract int ColumnBytes { get; }

    static abstract TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>;
}

/// <summary>F32.</summary>
internal readonly unsafe struct F32Floats : IPanelFloats
{
    public static int ColumnBytes => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load(column);
}

/// <summary>F16.</summary>
internal readonly unsafe struct F16Floats : IPanelFloats
{
    public static int ColumnBytes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LoadHalves(column);
}

/// <summary>BF16.</summary>
internal readonly unsafe struct BF16Floats : IPanelFloats
{
    public static int ColumnBytes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LoadBrainFloats(column);
}

/// <summary>
/// The products of a panel of floats with float32 activations. Even and odd columns have accumulators of their own, added at the end: two chains of fused multiply-adds
/// for one token, eight for four, hide the instruction's latency of four cycles. One token and four give the same bits.
/// </summary>
internal static unsafe class FloatPanels<TVector, TFloats>
    where TVector : struct, IPanelVector<TVector>
    where TFloats : struct, IPanelFloats
{
    /// <summary>One panel by one token: eight results.</summary>
    public static void MultiplyVector(byte* panel, int columns, float* x, int ahead, float* y)
    {
        TVector even = TVector.Zero, odd = TVector.Zero;
        int column = 0;
        for (; column + 2 <= columns; column += 2, panel += 2 * TFloats.ColumnBytes)
        {
            TVector.Prefetch(panel + ahead);
            even = TVector.MultiplyAdd(TFloats.Load<TVector>(panel), TVector.BroadcastFloat(x + column), even);
            odd = TVector.MultiplyAdd(TFloats.Load<TVector>(panel + TFloats.ColumnBytes), TVector.BroadcastFloat(x + column + 1), odd);
        }
        if (column < columns)
            even = TVector.MultiplyAdd(TFloats.Load<TVector>(panel), TVector.BroadcastFloat(x + column), even);
        TVector.Store(TVector.AddFloats(even, odd), (byte*)y);
    }

    /// <summary>One panel by four tokens whose rows lie <paramref name="stride"/> floats apart: 4 times 8 results, 16 apart.</summary>
    public static void MultiplyTile(byte* panel, int columns, float* x, nint stride, float* y)
    {
        TVector e0 = TVector.Zero, e1 = TVector.Zero, e2 = TVector.Zero, e3 = TVector.Zero;
        TVector o0 = TVector.Zero, o1 = TVector.Zero, o2 = TVector.Zero, o3 = TVector.Zero;
        int column = 0;
        for (; column + 2 <= columns; column += 2, panel += 2 * TFloats.ColumnBytes, x += 2)
        {
            TVector w = TFloats.Load<TVector>(panel);
            e0 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x), e0);
            e1 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x + stride), e1);
            e2 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x + 2 * stride), e2);
            e3 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x + 3 * stride), e3);
            w = TFloats.Load<TVector>(panel + TFloats.ColumnBytes);
            o0 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x + 1), o0);
            o1 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x + stride + 1), o1);
            o2 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x + 2 * stride + 1), o2);
            o3 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x + 3 * stride + 1), o3);
        }
        if (column < columns)
        {
            TVector w = TFloats.Load<TVector>(panel);
            e0 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x), e0);
            e1 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x + stride), e1);
            e2 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x + 2 * stride), e2);
            e3 = TVector.MultiplyAdd(w, TVector.BroadcastFloat(x + 3 * stride), e3);
        }
        TVector.Store(TVector.AddFloats(e0, o0), (byte*)y);
        TVector.Store(TVector.AddFloats(e1, o1), (byte*)(y + 16));
        TVector.Store(TVector.AddFloats(e2, o2), (byte*)(y + 32));
        TVector.Store(TVector.AddFloats(e3, o3), (byte*)(y + 48));
    }
}
