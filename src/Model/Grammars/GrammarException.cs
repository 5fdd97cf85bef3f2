namespace MeKi.Model.Grammars;

/// <summary>A grammar, a schema or a regular expression cannot be used. The message names the place in it and the remedy.</summary>
public sealed class GrammarException : MeKiException
{
    /// <summary>Builds the one-line message <c>kind: place: problem. Remedy.</c></summary>
    /// <param name="kind">What it is: <c>JSON schema</c>, <c>grammar</c>, <c>regular expression</c>; or the file.</param>
    /// <param name="place">Where in it: a JSON pointer, a line and a column, a character.</param>
    /// <param name="problem">What is wrong, without a final full stop.</param>
    /// <param name="remedy">What the reader can do about it, without a final full stop; empty when the problem says it.</param>
    /// <param name="innerException">The cause, if another exception is.</param>
    public GrammarException(string kind, string place, string problem, string remedy = "", Exception? innerException = null)
        : base(kind, place, problem, remedy, innerException)
    {
    }
}
