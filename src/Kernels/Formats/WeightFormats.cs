using MeKi.Quant;

namespace MeKi.Kernels.Formats;

/// <summary>Makes something for a weight format, of code that is compiled for the format.</summary>
internal interface IWeightFormatUser<T>
{
    T OfCodes<TCodes, TKind>()
        where TCodes : struct, IPanelCodes<TKind>
        where TKind : struct, ICodeKind;

    T OfFloats<TFloats>()
        where TFloats : struct, IPanelFloats;
}

/// <summary>The table of weight formats that the kernels multiply by: those of <see cref="PanelFormat.All"/>.</summary>
internal static class WeightFormats
{
    /// <summary>What a user makes for a format.</summary>
    /// <exception cref="NotSupportedException">There are no kernels for the format.</exception>
    public static T Of<T, TUser>(GgmlType type, TUser user)
        where TUser : struct, IWeightFormatUser<T> => type switch
        {
            GgmlType.F32 => user.OfFloats<F32Floats>(),
            GgmlType.F16 => user.OfFloats<F16Floats>(),
            GgmlType.BF16 => user.OfFloats<BF16Floats>(),
            GgmlType.Q4_0 => user.OfCodes<Q4_0Codes, CentredCodes>(),
            GgmlType.Q8_0 => user.OfCodes<Q8_0Codes, SignedCodes>(),
            GgmlType.Q3_K => user.OfCodes<Q3_KCodes, SubScaledCodes>(),
            GgmlType.Q4_K => user.OfCodes<Q4_KCodes, CodesWithMinima>(),
            GgmlType.Q5_K => user.OfCodes<Q5_KCodes, CodesWithMinima>(),
            GgmlType.Q6_K => user.OfCodes<Q6_KCodes, SubScaledCodes>(),
            _ => throw new NotSupportedException($"There are no kernels for {type}."),
        };
}
