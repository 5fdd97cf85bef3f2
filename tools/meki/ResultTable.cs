using System.Globalization;

namespace MeKi.Tool;

/// <summary>Rows of results, printed with aligned columns.</summary>
/// <param name="rightAligned">The columns that hold numbers.</param>
internal sealed class ResultTable(params bool[] rightAligned)
{
    private readonly List<string[]> _rows = [];

    public void Add(params string[] cells) => _rows.Add(cells);

    public void Write(TextWriter output)
    {
        int[] widths = [.. rightAligned.Select((_, column) => _rows.Max(row => row[column].Length))];
        foreach (string[] row in _rows)
            output.WriteLine(string.Join("  ",
                row.Select((cell, column) => rightAligned[column] ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).TrimEnd());
    }

    /// <summary>A number as it stands in a cell; a dash where there is none.</summary>
    public static string Number(double value, string format) => double.IsNaN(value) ? "-" : value.ToString(format, CultureInfo.InvariantCulture);
}
