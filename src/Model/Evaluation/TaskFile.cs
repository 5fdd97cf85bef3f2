using System.Text;
using System.Text.Json;
using MeKi.Model.Files;

namespace MeKi.Model.Evaluation;

/// <summary>A task's questions: a file of JSON objects, one a line, as Hugging Face exports data sets. Blank lines do not count as questions.</summary>
internal static class TaskFile
{
    // The longest of the known data sets have some ten thousand.
    private const int MaxLineBytes = 4 << 20;

    /// <summary>Reads questions.</summary>
    /// <param name="path">The file.</param>
    /// <param name="read">Makes a question of a line.</param>
    /// <param name="limit">The most questions to read; null for all.</param>
    /// <exception cref="EvaluationException">The file cannot be read, has no questions or a line that is not one.</exception>
    public static List<TaskQuestion> Read(string path, Func<TaskRow, TaskQuestion> read, int? limit)
    {
        ReadOnlyMemory<byte> rest = EvaluationException.ReadFile(path, isText: false);
        if (rest.Span.StartsWith(Encoding.UTF8.Preamble))
            rest = rest[Encoding.UTF8.Preamble.Length..];
        List<TaskQuestion> questions = [];
        for (int number = 1; rest.Length > 0 && !(questions.Count >= limit); number++)
        {
            int end = rest.Span.IndexOf((byte)'\n');
            ReadOnlyMemory<byte> line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (!line.Span.ContainsAnyExcept(" \t\r"u8))
                continue;
            using JsonDocument document = Parse(path, number, line);
            questions.Add(read(new(path, number, "", document.RootElement)));
        }
        return questions.Count > 0 ? questions : throw new EvaluationException(path, "", "the file has no questions",
            "Give the data set's rows as JSON lines in a regular file");
    }

    private static JsonDocument Parse(string path, int number, ReadOnlyMemory<byte> line)
    {
        if (line.Length > MaxLineBytes)
            throw Wrong($"the line has {line.Length} bytes where at most {MaxLineBytes} are read", null);
        try
        {
            JsonText.CheckNames(line.Span);
            JsonDocument document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document : throw Wrong("the line is not a JSON object", null);
        }
        catch (JsonException failure)
        {
            throw Wrong($"the line is not valid JSON (byte {failure.BytePositionInLine})", failure);
        }
        catch (InvalidOperationException failure)
        {
            throw Wrong("a field's name is not valid UTF-8 or UTF-16", failure);
        }

        EvaluationException Wrong(string problem, Exception? cause) => new(path, $"line {number}", problem, "Give one JSON object a line", cause);
    }
}
