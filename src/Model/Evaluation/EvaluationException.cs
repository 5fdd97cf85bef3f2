using MeKi.Store.Storage;

namespace MeKi.Model.Evaluation;

/// <summary>A text or task file cannot be evaluated, or two models cannot be compared. The message names the file, the place in it and the remedy.</summary>
public sealed class EvaluationException : MeKiException
{
    // As much text as a string can hold.
    private const int MaxBytes = 1 << 30;

    /// <summary>Builds the one-line message <c>path: place: problem. Remedy.</c></summary>
    /// <param name="path">The file; empty where none is at fault.</param>
    /// <param name="place">Where in it: a line number, a field; empty for the file as a whole.</param>
    /// <param name="problem">What is wrong, without a final full stop.</param>
    /// <param name="remedy">What the reader can do about it; empty when the problem says it.</param>
    /// <param name="innerException">The cause, if another exception is.</param>
    public EvaluationException(string path, string place, string problem, string remedy = "", Exception? innerException = null)
        : base(path, place, problem, remedy, innerException)
    {
    }

    /// <summary>Reads a whole file, which may be empty; a failure becomes this exception.</summary>
    internal static byte[] ReadFile(string path, bool isText)
    {
        try
        {
            return RegularFile.ReadAllBytes(path, MaxBytes, isText);
        }
        catch (UnusableFileException failure)
        {
            throw failure.IsMissing
                ? new EvaluationException(path, "", "there is no such file", innerException: failure)
                : new EvaluationException(path, "", failure.Problem, failure.Remedy, failure);
        }
    }
}
