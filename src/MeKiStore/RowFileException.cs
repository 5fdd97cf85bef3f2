namespace MeKi.Store;

/// <summary>A row file, or a table of rows within a model file, cannot be used. The message names the file, the place in it and the remedy.</summary>
public sealed class RowFileException : MeKiException
{
    /// <summary>Builds the one-line message <c>path: place: problem. Remedy.</c></summary>
    /// <param name="path">The file.</param>
    /// <param name="place">Where in it: a header field, a tensor, a record, a byte offset; empty for the file as a whole.</param>
    /// <param name="problem">What is wrong, without a final full stop.</param>
    /// <param name="remedy">What the reader can do about it, without a final full stop.</param>
    /// <param name="innerException">The cause, if another exception is.</param>
    public RowFileException(string path, string place, string problem, string remedy, Exception? innerException = null)
        : base(path, place, problem, remedy, innerException)
    {
    }
}
