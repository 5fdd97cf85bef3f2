using System.Globalization;
using System.Net;
using System.Text;
using MeKi.Model.Files;

namespace MeKi.Model.Adapters.Merging;

/// <summary>Draws storage against the share of the gain that is kept, a curve for each method, as SVG.</summary>
internal static class StoragePlot
{
    private const int Width = 720, Height = 440, Left = 60, Right = 170, Top = 20, Bottom = 50;
    private static readonly string[] s_colours = ["#1b6ca8", "#c8553d", "#2a9d57", "#8a4fa3", "#b8860b", "#555555", "#d1478c", "#1aa3a3"];

    /// <summary>Writes the file.</summary>
    /// <exception cref="ModelFileException">It cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<ReportRow> rows)
    {
        byte[] text = Encoding.UTF8.GetBytes(Draw(rows));
        PendingFile.Write(path, text.Length, stream => stream.Write(text));
    }

    /// <summary>The plot.</summary>
    internal static string Draw(IReadOnlyList<ReportRow> rows)
    {
        double least = Math.Min(0, Math.Floor(10 * rows.Where(row => double.IsFinite(row.Kept)).Select(row => row.Kept).DefaultIfEmpty(0).Min()) / 10);
        StringBuilder svg = new();
        Line($"""<svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{Height}" font-family="sans-serif" font-size="12">""");
        Line($"""<rect width="{Width}" height="{Height}" fill="white"/>""");
        for (int i = 0; i <= 10; i += 2)
        {
            double share = i / 10.0, kept = least + (1 - least) * share;
            Line($"""<line x1="{X(share):f1}" y1="{Y(least):f1}" x2="{X(share):f1}" y2="{Y(1):f1}" stroke="#ddd"/>""");
            Line($"""<line x1="{X(0):f1}" y1="{Y(kept):f1}" x2="{X(1):f1}" y2="{Y(kept):f1}" stroke="#ddd"/>""");
            Line($"""<text x="{X(share):f1}" y="{Height - Bottom + 18}" text-anchor="middle">{share:f1}</text>""");
            Line($"""<text x="{Left - 8}" y="{Y(kept) + 4:f1}" text-anchor="end">{100 * kept:f0}</text>""");
        }
        Line($"""<text x="{X(0.5):f1}" y="{Height - 12}" text-anchor="middle">storage, share of the adapters' own</text>""");
        Line($"""<text transform="translate(16 {Y((1 + least) / 2):f1}) rotate(-90)" text-anchor="middle">gain kept, %</text>""");
        int colour = 0;
        foreach (IGrouping<string, ReportRow> curve in rows.Where(row => double.IsFinite(row.Kept)).GroupBy(row => row.Method.Split(',')[0]))
        {
            string stroke = s_colours[colour % s_colours.Length];
            ReportRow[] points = [.. curve.OrderBy(row => row.Storage)];
            string places = string.Join(' ', points.Select(row => string.Create(CultureInfo.InvariantCulture, $"{X(row.Storage):f1},{Y(row.Kept):f1}")));
            Line($"""<polyline points="{places}" fill="none" stroke="{stroke}" stroke-width="2"/>""");
            foreach (ReportRow row in points)
                Line($"""<circle cx="{X(row.Storage):f1}" cy="{Y(row.Kept):f1}" r="3.5" fill="{stroke}"/>""");
            int y = Top + 14 + 20 * colour++;
            Line($"""<circle cx="{Width - Right + 24}" cy="{y - 4}" r="4" fill="{stroke}"/>""");
            Line($"""<text x="{Width - Right + 34}" y="{y}">{WebUtility.HtmlEncode(curve.Key)}</text>""");
        }
        Line($"</svg>");
        return svg.ToString();

        double X(double storage) => Left + storage * (Width - Left - Right);

        double Y(double kept) => Height - Bottom - (kept - least) / (1 - least) * (Height - Top - Bottom);

        void Line(FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }
}
