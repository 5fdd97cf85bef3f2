using System.Runtime.InteropServices;

namespace MeKi.Quant;

/// <summary>One layer's expert row of one token as it is stored. The bytes are somebody else's, who keeps them in place.</summary>
/// <param name="type">The encoding.</param>
/// <param name="values">The values, <see cref="RowBytes"/> bytes.</param>
/// <param name="scales">The scales, <see cref="ScaleBytes"/> bytes; empty where the encoding has none.</param>
internal readonly ref struct StoredRow(RowType type, ReadOnlySpan<byte> values, ReadOnlySpan<byte> scales)
{
    /// <summary>The encoding.</summary>
    public RowType Type { get; } = type;

    /// <summary>The values.</summary>
    public ReadOnlySpan<byte> Values { get; } = values;

    /// <summary>The scales.</summary>
    public ReadOnlySpan<byte> Scales { get; } = scales;

    /// <summary>A row that was computed: float32 as it lies in memory.</summary>
    public static StoredRow OfFloats(ReadOnlySpan<float> row) => new(RowType.F32, MemoryMarshal.AsBytes(row), default);

    /// <summary>Bytes of a row's values.</summary>
    public static int RowBytes(RowType type, int dimension) => type switch
    {
        RowType.F32 => checked(dimension * sizeof(float)),
        RowType.F16 => checked(dimension * sizeof(ushort)),
        RowType.Int8 => dimension,
        _ => Int4Row.Blocks(dimension) * Int4Row.BlockBytes,
    };

    /// <summary>Bytes of a row's scales.</summary>
    public static int ScaleBytes(RowType type, int dimension) => type switch
    {
        RowType.Int8 => sizeof(float),
        RowType.Int4 => Int4Row.Blocks(dimension) * sizeof(ushort),
        _ => 0,
    };

    /// <summary>The largest magnitude that is encoded without saturating; what is larger cannot be stored.</summary>
    public static float MaxMagnitude(RowType type) => type switch
    {
        RowType.F16 => F16.MaxValue,
        RowType.Int4 => Int4Row.MaxMagnitude,
        _ => float.MaxValue,
    };

    /// <summary>Encodes a row; deterministic.</summary>
    /// <param name="type">The encoding.</param>
    /// <param name="row">Finite values, none beyond <see cref="MaxMagnitude"/>, [m].</param>
    /// <param name="values">Receives the values, <see cref="RowBytes"/> bytes.</param>
    /// <param name="scales">Receives the scales, <see cref="ScaleBytes"/> bytes.</param>
    public static void Encode(RowType type, ReadOnlySpan<float> row, Span<byte> values, Span<byte> scales)
    {
        switch (type)
        {
            case RowType.F32:
                F32.Encode(row, values);
                break;
            case RowType.F16:
                F16.Encode(row, values);
                break;
            case RowType.Int8:
                Int8Row.Encode(row, MemoryMarshal.Cast<byte, sbyte>(values), scales);
                break;
            default:
                Int4Row.Encode(row, values, MemoryMarshal.Cast<byte, Half>(scales));
                break;
        }
    }

    /// <summary>Decodes the row, [m].</summary>
    public void Decode(Span<float> row)
    {
        switch (Type)
        {
            case RowType.F32:
                F32.Decode(Values, row);
                break;
            case RowType.F16:
                F16.Decode(Values, row);
                break;
            case RowType.Int8:
                Int8Row.Decode(MemoryMarshal.Cast<byte, sbyte>(Values), Scales, row);
                break;
            default:
                Int4Row.Decode(Values, MemoryMarshal.Cast<byte, Half>(Scales), row);
                break;
        }
    }
}
