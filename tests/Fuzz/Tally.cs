using System.Globalization;

namespace MeKi.Fuzz;

/// <summary>Figures by reader, kept in a file from one run to the next.</summary>
internal sealed class Tally
{
    private readonly string? _path;
    private readonly SortedDictionary<string, Line> _lines = new(StringComparer.Ordinal);

    /// <param name="path">The file; null for figures of this run alone.</param>
    public Tally(string? path)
    {
        _path = path;
        if (!File.Exists(path))
            return;
        foreach (string[] line in File.ReadLines(path).Skip(1).Select(line => line.Split('\t')).Where(line => line.Length == 8 && line[0] != "all"))
        {
            long Number(int at) => long.Parse(line[at], CultureInfo.InvariantCulture);
            _lines[line[0]] = new() { Inputs = Number(1), Accepted = Number(2), Kinds = Number(3), Seconds = Number(4), MostMilliseconds = Number(5),
                MostMegabytes = Number(6), Faults = Number(7) };
        }
        Inputs = _lines.Values.Sum(line => line.Inputs);
    }

    public long Inputs { get; private set; }

    public long Faults => _lines.Values.Sum(line => line.Faults);

    public void Add(string reader, Outcome outcome, double milliseconds, bool isNew)
    {
        Line line = this[reader];
        Inputs++;
        line.Inputs++;
        line.Accepted += outcome.IsAccepted ? 1 : 0;
        line.Kinds += isNew ? 1 : 0;
        line.Milliseconds += milliseconds;
        line.MostMilliseconds = Math.Max(line.MostMilliseconds, (long)milliseconds);
        line.MostMegabytes = Math.Max(line.MostMegabytes, outcome.Allocated >> 20);
        line.Faults += outcome.Fault is null ? 0 : 1;
    }

    /// <summary>An input that ended the process.</summary>
    public void AddFault(string reader)
    {
        Inputs++;
        this[reader].Inputs++;
        this[reader].Faults++;
    }

    public void Save()
    {
        if (_path is not null)
            File.WriteAllText(_path, ToString());
    }

    public override string ToString() => string.Join('\n', (string[])
    [
        "reader\tinputs\taccepted\tkinds\tseconds\tmost ms\tmost MB\tfaults",
        .. _lines.Select(line => line.Value.Text(line.Key)),
        new Line { Inputs = Inputs, Accepted = _lines.Values.Sum(line => line.Accepted), Kinds = _lines.Values.Sum(line => line.Kinds), Seconds =
            _lines.Values.Sum(line => line.AllSeconds), Faults = Faults }.Text("all"),
    ]) + "\n";

    private Line this[string reader] => _lines.TryGetValue(reader, out Line? line) ? line : _lines[reader] = new();

    private sealed class Line
    {
        public long Inputs, Accepted, Kinds, Seconds, MostMilliseconds, MostMegabytes, Faults;
        public double Milliseconds;

        public long AllSeconds => Seconds + (long)(Milliseconds / 1000);

        public string Text(string name) => string.Create(CultureInfo.InvariantCulture,
            $"{name}\t{Inputs}\t{Accepted}\t{Kinds}\t{AllSeconds}\t{MostMilliseconds}\t{MostMegabytes}\t{Faults}");
    }
}
