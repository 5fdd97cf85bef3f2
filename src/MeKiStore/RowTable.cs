using MeKi.Quant;

namespace MeKi.Store;

/// <summary>A tensor with a row for each token, as the file that holds it tells: nothing of it is believed yet.</summary>
/// <param name="Path">The file.</param>
/// <param name="Name">The tensor.</param>
/// <param name="Type">Its type.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Columns">Values of a row: those of all layers, one layer's after the other.</param>
/// <param name="Offset">Its first byte in the file.</param>
/// <param name="FileBytes">Bytes that the file had when this was read in it.</param>
internal sealed record RowTable(string Path, string Name, GgmlType Type, long Rows, long Columns, long Offset, long FileBytes);
