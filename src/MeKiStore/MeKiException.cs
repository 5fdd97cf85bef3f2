namespace MeKi;

/// <summary>A file that cannot be used. The message is one line, <c>path: place: problem. Remedy.</c>, fit for a terminal whatever the file holds.</summary>
public abstract class MeKiException : Exception
{
    // Longer than every sentence of ours; what comes from a file is cut.
    private const int MaxPath = 200, MaxPlace = 240, MaxProblem = 400, MaxRemedy = 400;

    private protected MeKiException(string path, string place, string problem, string remedy, Exception? innerException)
        : base(Describe(path, place, problem, remedy), innerException)
    {
        Path = path;
        Place = UntrustedText.Line(place, MaxPlace);
        Problem = UntrustedText.Line(problem, MaxProblem);
        Remedy = UntrustedText.Line(remedy, MaxRemedy);
    }

    /// <summary>The file or folder, as it was given; empty where none is at fault.</summary>
    public string Path { get; }

    /// <summary>Where in it: a tensor, a metadata key, a line, a byte; empty for the file as a whole.</summary>
    public string Place { get; }

    /// <summary>What is wrong, without a final full stop.</summary>
    public string Problem { get; }

    /// <summary>What the reader can do about it, without a final full stop; empty when the problem says it.</summary>
    public string Remedy { get; }

    private static string Describe(string path, string place, string problem, string remedy)
    {
        // Of a long path the end tells most.
        string file = path.Length > MaxPath ? string.Concat("...", path.AsSpan(path.Length - MaxPath)) : path;
        return Before(UntrustedText.Line(file, MaxPath + 3)) + Before(UntrustedText.Line(place, MaxPlace)) + UntrustedText.Line(problem, MaxProblem) + "."
            + (remedy.Length > 0 ? $" {UntrustedText.Line(remedy, MaxRemedy)}." : "");

        static string Before(string part) => part.Length > 0 ? part + ": " : "";
    }
}
