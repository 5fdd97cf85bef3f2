using System.Text.Json;
using System.Text.Unicode;
using MeKi.Server.Errors;

namespace MeKi.Server.Requests;

/// <summary>The JSON of a request's body: of bounded size, and text throughout, so that nothing fails later on what is none.</summary>
internal static class RequestBody
{
    // So much of a body that is too large is read past before its connection is cut: whoever sends all of it before he reads would not see the answer.
    private const long Overrun = 32 << 20;

    private const int Part = 16 << 10;

    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    /// <summary>Reads a body.</summary>
    /// <param name="body">The body.</param>
    /// <param name="most">Bytes that it may have.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="ApiException">It is too large, or not text throughout.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static async Task<JsonDocument> ReadAsync(Stream body, long most, CancellationToken cancellationToken)
    {
        using MemoryStream all = new();
        byte[] part = new byte[Part];
        int read;
        while ((read = await body.ReadAsync(part, cancellationToken).ConfigureAwait(false)) > 0)
        {
            if (all.Length + read > most)
                throw TooLarge(most);
            all.Write(part, 0, read);
        }
        return Parse(all.GetBuffer().AsMemory(0, (int)all.Length));
    }

    /// <summary>What the transport lets through where a body may have so many bytes.</summary>
    public static long Transported(long most) => Math.Min(most, long.MaxValue - Overrun) + Overrun;

    public static ApiException TooLarge(long most) => new(StatusCodes.Status413PayloadTooLarge, $"The body is larger than {most} bytes.",
        code: Failures.CodeOf(StatusCodes.Status413PayloadTooLarge));

    private static JsonDocument Parse(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.IsEmpty)
            throw new ApiException(StatusCodes.Status400BadRequest, "The request has no body: send a JSON object.", code: "invalid_json");
        if (!Utf8.IsValid(bytes.Span))
            throw new ApiException(StatusCodes.Status400BadRequest, "The body is no valid UTF-8.", code: "invalid_json");
        // Some editors begin a file with it.
        JsonDocument json = JsonDocument.Parse(bytes.Span.StartsWith(Mark) ? bytes[Mark.Length..] : bytes);
        try
        {
            if (bytes.Span.IndexOf("\\ud"u8) >= 0 || bytes.Span.IndexOf("\\uD"u8) >= 0)
                CheckText(json.RootElement, "");
            return json;
        }
        catch
        {
            json.Dispose();
            throw;
        }
    }

    // Halves of surrogate pairs are JSON and no text.
    private static void CheckText(JsonElement value, string path)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                RequestFields.Text(value, path);
                break;
            case JsonValueKind.Array:
                int index = 0;
                foreach (JsonElement element in value.EnumerateArray())
                    CheckText(element, $"{path}[{index++}]");
                break;
            case JsonValueKind.Object:
                foreach (JsonProperty member in value.EnumerateObject())
                    CheckText(member.Value, path.Length == 0 ? NameOf(member, path) : $"{path}.{NameOf(member, path)}");
                break;
        }
    }

    private static string NameOf(JsonProperty member, string path)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            throw ApiException.Invalid(path, $"A name in '{(path.Length == 0 ? "body" : path)}' is no valid text: it has half of a surrogate pair.");
        }
    }
}
