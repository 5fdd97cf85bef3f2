namespace MeKi.Quant;

/// <summary>How the values of a stored expert row are encoded; the numbers are those of the row file (docs/row-files.md).</summary>
public enum RowType
{
    /// <summary>Single precision: exact, for reference.</summary>
    F32 = 0,

    /// <summary>Half precision.</summary>
    F16 = 1,

    /// <summary>Signed bytes with one single-precision scale per row: <c>value = scale · q</c> (<see cref="Int8Row"/>).</summary>
    Int8 = 2,

    /// <summary>Four bits with one half-precision scale per 32 values: <c>value = scale · (q − 8)</c> (<see cref="Int4Row"/>).</summary>
    Int4 = 3,
}
