namespace MeKi.Store;

/// <summary>How the values of a row are stored; the numbers are those of the file format (docs/formats.md).</summary>
public enum RowType
{
    /// <summary>Single precision: exact, for reference.</summary>
    F32 = 0,

    /// <summary>Half precision.</summary>
    F16 = 1,

    /// <summary>Signed bytes with one single-precision scale per row: <c>value = scale · q</c>.</summary>
    Int8 = 2,
}
