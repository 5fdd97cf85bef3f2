using System.Text;

namespace MeKi.Model.Evaluation;

/// <summary>A text to measure models on.</summary>
/// <param name="Content">The text.</param>
/// <param name="Name">What errors call it: its file.</param>
public sealed record EvaluationText(string Content, string Name = "")
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a UTF-8 file. A byte order mark is not part of the text.</summary>
    /// <exception cref="EvaluationException">The file cannot be read or is not UTF-8.</exception>
    public static EvaluationText Read(string path)
    {
        byte[] bytes = EvaluationException.ReadFile(path, isText: true);
        if (bytes.Length == 0)
            throw new EvaluationException(path, "", "is empty or not a regular file", "Give a text; pipes and devices are not read");
        int start = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
        try
        {
            return new(Strict.GetString(bytes, start, bytes.Length - start), path);
        }
        catch (DecoderFallbackException failure)
        {
            throw new EvaluationException(path, $"byte {start + failure.Index}", "the text is not UTF-8", "Save it as UTF-8", failure);
        }
    }
}
