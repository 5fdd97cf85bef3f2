using System.Numerics.Tensors;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Kv;

/// <summary>Q8_0. Infinities and NaN saturate.</summary>
internal readonly unsafe struct Q8_0Kv : IKvFormat
{
    /// <summary>Bytes of the scales before 32 columns' values.</summary>
    public const int ScaleBytes = Q8_0.CodesAt * KvPage.Positions;

    private const int PanelBlockBytes = Q8_0.Bytes * PanelFormat.Rows, CodesOfPanel = Q8_0.PanelCodesAt, Lanes = PanelFormat.Rows;

    public static int BlockBytes => Q8_0.Bytes;

    public static int ValueScaleBytes => Q8_0.CodesAt;

    // The room of two expanded panels.
    public static int MostColumns => ExpandedPanels.MaxColumns;

    public static bool QuantizesQueries => true;

    public static float Factor => 1;

    public static void StoreKey(byte* keys, int blocks, int position, int block, Span<float> x)
    {
        Span<byte> canonical = stackalloc byte[BlockBytes];
        Encode(x, canonical);
        byte* to = Key(keys, blocks, position, block);
        canonical[..Q8_0.CodesAt].CopyTo(new(to + Q8_0.CodesAt * (position % Lanes), Q8_0.CodesAt));
        for (int chunk = 0; chunk < 8; chunk++)
            canonical.Slice(Q8_0.CodesAt + 4 * chunk, 4).CopyTo(new(to + CodesOfPanel + 32 * chunk + 4 * (position % Lanes), 4));
    }

    public static void LoadKey(byte* keys, int blocks, int position, int block, Span<float> x)
    {
        Span<byte> canonical = stackalloc byte[BlockBytes];
        byte* from = Key(keys, blocks, position, block);
        new Span<byte>(from + Q8_0.CodesAt * (position % Lanes), Q8_0.CodesAt).CopyTo(canonical);
        for (int chunk = 0; chunk < 8; chunk++)
            new Span<byte>(from + CodesOfPanel + 32 * chunk + 4 * (position % Lanes), 4).CopyTo(canonical[(Q8_0.CodesAt + 4 * chunk)..]);
        Q8_0.Decode(canonical, x);
    }

    public static void StoreValue(byte* values, int position, int block, Span<float> x)
    {
        Span<byte> canonical = stackalloc byte[BlockBytes];
        Encode(x, canonical);
        byte* to = values + (long)BlockBytes * KvPage.Positions * block;
        canonical[..Q8_0.CodesAt].CopyTo(new(to + Q8_0.CodesAt * position, Q8_0.CodesAt));
        canonical[Q8_0.CodesAt..].CopyTo(new(to + ScaleBytes + Q8_0.Columns * position, Q8_0.Columns));
    }

    public static void LoadValue(byte* values, int position, int block, Span<float> x)
    {
        Span<byte> canonical = stackalloc byte[BlockBytes];
        byte* from = values + (long)BlockBytes * KvPage.Positions * block;
        new Span<byte>(from + Q8_0.CodesAt * position, Q8_0.CodesAt).CopyTo(canonical);
        new Span<byte>(from + ScaleBytes + Q8_0.Columns * position, Q8_0.Columns).CopyTo(canonical[Q8_0.CodesAt..]);
        Q8_0.Decode(canonical, x);
    }

    private static byte* Key(byte* keys, int blocks, int position, int block) => keys + (long)PanelBlockBytes * (blocks * (position / Lanes) + block);

    private static void Encode(Span<float> x, Span<byte> canonical)
    {
        TensorPrimitives.MaxNumber(x, -Q8_0.MaxMagnitude, x);
        TensorPrimitives.MinNumber(x, Q8_0.MaxMagnitude, x);
        Q8_0.Encode(x, canonical);
    }
}
