namespace MeKi.Model.Evaluation;

/// <summary>A text or task file cannot be evaluated, or two models cannot be compared. The message names the file, the place in it and the remedy.</summary>
public sealed class EvaluationException : Exception
{
    /// <summary>Builds the one-line message <c>path: place: problem. Remedy.</c></summary>
    /// <param name="path">The file; empty where none is at fault.</param>
    /// <param name="place">Where in it: a line number, a field; empty for the file as a whole.</param>
    /// <param name="problem">What is wrong, without a final full stop.</param>
    /// <param name="remedy">What the reader can do about it; empty when the problem says it.</param>
    /// <param name="innerException">The cause, if another exception is.</param>
    public EvaluationException(string path, string place, string problem, string remedy = "", Exception? innerException = null)
        : base($"{string.Concat(new[] { path, place }.Where(part => part.Length > 0).Select(part => part + ": "))}{problem}.{(remedy.Length > 0 ? $" {remedy}." : "")}", innerException)
    {
        Path = path;
        Place = place;
    }

    /// <summary>The file that cannot be used; empty where none is at fault.</summary>
    public string Path { get; }

    /// <summary>Where in the file: a line number, a field; empty for the file as a whole.</summary>
    public string Place { get; }

    /// <summary>Reads a whole file; a failure becomes this exception.</summary>
    internal static byte[] ReadFile(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            bool missing = failure is FileNotFoundException or DirectoryNotFoundException;
            throw new EvaluationException(path, "", missing ? "there is no such file" : failure.Message.TrimEnd('.'), innerException: failure);
        }
    }
}
