using System.Text;
using System.Text.Json;
using MeKi.Store.Storage;

namespace MeKi.Model.Files;

/// <summary>JSON files as text, and what is said of those that cannot be read.</summary>
internal static class JsonText
{
    /// <summary>Most bytes of a file that grows with the vocabulary.</summary>
    public const int MaxVocabularyBytes = 256 << 20;

    /// <summary>Most bytes of a file of settings.</summary>
    public const int MaxSettingsBytes = 16 << 20;

    /// <summary>Reads a whole file and hands its text, without a byte order mark, to a reader.</summary>
    /// <param name="file">A regular file.</param>
    /// <param name="most">The most bytes it may have.</param>
    /// <param name="reader">Reads the text.</param>
    /// <exception cref="ModelFileException">The file cannot be read or is not JSON.</exception>
    public static T Read<T>(string file, int most, Func<ReadOnlyMemory<byte>, T> reader)
    {
        try
        {
            ReadOnlyMemory<byte> text = RegularFile.ReadAllBytes(file, most);
            if (text.Length == 0)
                throw new ModelFileException(file, "", "is empty or not a regular file, and so is not valid JSON",
                    "Fetch it again; pipes and devices are not read");
            return reader(text.Span.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text);
        }
        catch (JsonException exception)
        {
            string place = exception.LineNumber is long line ? $"line {line + 1}, byte {exception.BytePositionInLine + 1}" : "";
            throw new ModelFileException(file, place, "is not valid JSON", "The file is damaged or cut short; fetch it again", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new ModelFileException(file, "", "a text in it is not valid Unicode", "The file is damaged; fetch it again", exception);
        }
        catch (UnusableFileException exception)
        {
            string problem = exception.IsMissing ? "cannot be read: there is no such file" : exception.Problem;
            throw new ModelFileException(file, "", problem, exception.Remedy, exception);
        }
    }

    /// <summary>
    /// Fails where a name that is written with escapes is no valid Unicode. A search among names would, too, but only if it came to that name. Others may be
    /// anything: nothing that is searched for is like them.
    /// </summary>
    /// <param name="json">The text.</param>
    /// <exception cref="InvalidOperationException">A name is not.</exception>
    public static void CheckNames(ReadOnlySpan<byte> json)
    {
        for (Utf8JsonReader tokens = new(json, new JsonReaderOptions { MaxDepth = int.MaxValue }); tokens.Read();)
        {
            if (tokens.TokenType == JsonTokenType.PropertyName && tokens.ValueIsEscaped)
                _ = tokens.GetString();
        }
    }
}
