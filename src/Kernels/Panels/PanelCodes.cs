using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>Q8_0: signed bytes, one scale for 32 columns.</summary>
internal readonly unsafe struct Q8_0Codes : IPanelCodes
{
    public static int BlockBytes => 272;

    public static int Groups => 1;

    public static int CodesAt => 16;

    public static int GroupBytes => 272;

    public static int CodeBits => 8;

    public static bool Centred => false;

    public static int SubScalesAt => 0;

    public static bool HasMinima => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
    {
        low = TVector.Load(group + 32 * i);
        high = TVector.Load(group + 32 * (i + 4));
    }

    public static void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LoadHalves(block);
}

/// <summary>Q4_0: nibbles around 8, one scale for 32 columns.</summary>
internal readonly unsafe struct Q4_0Codes : IPanelCodes
{
    public static int BlockBytes => 144;

    public static int Groups => 1;

    public static int CodesAt => 16;

    public static int GroupBytes => 144;

    public static int CodeBits => 4;

    public static bool Centred => true;

    public static int SubScalesAt => 0;

    public static bool HasMinima => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector pairs = TVector.Load(group + 32 * i);
        low = TVector.LowNibbles(pairs);
        high = TVector.HighNibbles(pairs);
    }

    public static void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LoadHalves(block);
}

/// <summary>Q4_K: nibbles, a scale and a minimum for 32 columns, 256 columns in a block.</summary>
internal readonly unsafe struct Q4_KCodes : IPanelCodes
{
    public static int BlockBytes => 1152;

    public static int Groups => 8;

    public static int CodesAt => 128;

    public static int GroupBytes => 128;

    public static int CodeBits => 4;

    public static bool Centred => false;

    public static int SubScalesAt => 0;

    public static bool HasMinima => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
        => Q4_0Codes.Codes(group, i, out low, out high);

    // 16 values of 6 bits: twelve in the low bits of 96 bytes, four in the upper two bits of three times 32 bytes.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>
    {
        byte* six = stackalloc byte[128];
        TVector a = TVector.Load(block + 32), b = TVector.Load(block + 64), c = TVector.Load(block + 96);
        TVector.Store(TVector.Mask(a, 63), six);
        TVector.Store(TVector.Mask(b, 63), six + 32);
        TVector.Store(TVector.Mask(c, 63), six + 64);
        TVector split = TVector.Or(
            TVector.Mask(TVector.ShiftRight(a, 6), 0x03),
            TVector.Or(TVector.Mask(TVector.ShiftRight(b, 4), 0x0C), TVector.Mask(TVector.ShiftRight(c, 2), 0x30)));
        TVector.Store(split, six + 96);
        TVector d = TVector.LoadHalves(block), dmin = TVector.LoadHalves(block + 16);
        for (int v = 0; v < 8; v++)
        {
            TVector.Store(TVector.Multiply(d, TVector.LoadBytesAsFloat(six + 8 * v)), (byte*)(decoded + 8 * v));
            TVector.Store(TVector.Multiply(dmin, TVector.LoadBytesAsFloat(six + 64 + 8 * v)), (byte*)(decoded + 64 + 8 * v));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load((byte*)(decoded + 8 * group));
}

/// <summary>Q5_K: five bits, a scale and a minimum for 32 columns, 256 columns in a block.</summary>
internal readonly unsafe struct Q5_KCodes : IPanelCodes
{
    public static int BlockBytes => 1408;

    public static int Groups => 8;

    public static int CodesAt => 128;

    public static int GroupBytes => 160;

    public static int CodeBits => 5;

    public static bool Centred => false;

    public static int SubScalesAt => 0;

    public static bool HasMinima => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
    {
        Q4_0Codes.Codes(group, i, out TVector lows, out TVector highs);
        // Bit i of the fifth vector belongs to chunk i, bit i + 4 to chunk i + 4: both are to become bit 4.
        TVector fifth = TVector.Load(group + 128);
        low = TVector.Or(lows, TVector.Mask(TVector.ShiftLeft(fifth, 4 - i), 0x10));
        high = TVector.Or(highs, TVector.Mask(i > 0 ? TVector.ShiftRight(fifth, i) : fifth, 0x10));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>
        => Q4_KCodes.Decode<TVector>(block, decoded);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        => Q4_KCodes.Scale<TVector>(block, decoded, group);
}

/// <summary>Q6_K: six bits around 32, a signed scale for 16 columns, 256 columns in a block.</summary>
internal readonly unsafe struct Q6_KCodes : IPanelCodes
{
    public static int BlockBytes => 1680;

    public static int Groups => 8;

    public static int CodesAt => 144;

    public static int GroupBytes => 192;

    public static int CodeBits => 6;

    public static bool Centred => true;

    public static int SubScalesAt => 16;

    public static bool HasMinima => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Codes<TVector>(byte* group, int i, out TVector low, out TVector high)
        where TVector : struct, IPanelVector<TVector>
    {
        Q4_0Codes.Codes(group, i, out TVector lows, out TVector highs);
        // Bits 2·i and 2·i + 1 are to become bits 4 and 5.
        TVector first = TVector.Load(group + 128), second = TVector.Load(group + 160);
        low = TVector.Or(lows, TVector.Mask(Moved(first, i), 0x30));
        high = TVector.Or(highs, TVector.Mask(Moved(second, i), 0x30));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode<TVector>(byte* block, float* decoded)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Store(TVector.LoadHalves(block), (byte*)decoded);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Scale<TVector>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load((byte*)decoded);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Moved<TVector>(TVector bits, int i)
        where TVector : struct, IPanelVector<TVector>
        => i < 2 ? TVector.ShiftLeft(bits, 4 - 2 * i) : i > 2 ? TVector.ShiftRight(bits, 2 * i - 4) : bits;
}
