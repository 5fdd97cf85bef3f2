namespace MeKi.Model;

/// <summary>A checkpoint, model or tokenizer file cannot be used. The message names the file, the place in it and the remedy.</summary>
public sealed class ModelFileException : MeKiException
{
    /// <summary>Builds the one-line message <c>path: place: problem. Remedy.</c></summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="place">Where in it: a tensor, a metadata key, a byte offset; empty for the file as a whole.</param>
    /// <param name="problem">What is wrong, without a final full stop.</param>
    /// <param name="remedy">What the reader can do about it; empty when the problem says it.</param>
    /// <param name="innerException">The cause, if another exception is.</param>
    public ModelFileException(string path, string place, string problem, string remedy = "", Exception? innerException = null)
        : base(path, place, problem, remedy, innerException)
    {
    }
}
