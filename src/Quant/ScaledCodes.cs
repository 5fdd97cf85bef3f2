using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// The last step of every decoder: sixteen integer codes become sixteen values. The product and the sum round separately, as ggml's scalar decoders do.
/// </summary>
internal static class ScaledCodes
{
    /// <summary><c>values[i] = codes[i] · scale</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(Vector128<sbyte> codes, float scale, Span<float> values)
    {
        // Widened to two times eight integers; one store check for all sixteen values.
        values = values[..16];
        (Vector128<short> low, Vector128<short> high) = Vector128.Widen(codes);
        (ToSingle(low) * scale).CopyTo(values);
        (ToSingle(high) * scale).CopyTo(values[8..]);
    }

    /// <summary><c>values[i] = codes[i] · scale + offset</c>; the codes are at most 127.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(Vector128<byte> codes, float scale, float offset, Span<float> values)
    {
        values = values[..16];
        (Vector128<short> low, Vector128<short> high) = Vector128.Widen(codes.AsSByte());
        Vector256<float> offsets = Vector256.Create(offset);
        ((ToSingle(low) * scale) + offsets).CopyTo(values);
        ((ToSingle(high) * scale) + offsets).CopyTo(values[8..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> ToSingle(Vector128<short> codes)
    {
        (Vector128<int> low, Vector128<int> high) = Vector128.Widen(codes);
        return Vector256.ConvertToSingle(Vector256.Create(low, high));
    }
}
