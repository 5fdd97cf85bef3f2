namespace MeKi.Model;

/// <summary>A session file cannot be used. The message names the file, the place in it and the remedy.</summary>
public sealed class SessionFileException : MeKiException
{
    /// <summary>Builds the one-line message <c>path: place: problem. Remedy.</c></summary>
    /// <param name="path">The session file.</param>
    /// <param name="place">Where in it: the header, the tokens, a page; empty for the file as a whole.</param>
    /// <param name="problem">What is wrong, without a final full stop.</param>
    /// <param name="remedy">What the reader can do about it, without a final full stop.</param>
    /// <param name="innerException">The cause, if another exception is.</param>
    public SessionFileException(string path, string place, string problem, string remedy, Exception? innerException = null)
        : base(path, place, problem, remedy, innerException)
    {
    }
}
