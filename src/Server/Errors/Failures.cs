using System.Text.Json;
using MeKi.Model;
using MeKi.Model.Grammars;
using MeKi.Model.Sampling;
using MeKi.Model.Templates;

namespace MeKi.Server.Errors;

/// <summary>Which error a request gets for an exception.</summary>
internal static class Failures
{
    // What the reader tells programmers and no client can do.
    private const string ReadersAdvice = " Change the reader options.";

    /// <summary>Null for what is nobody's fault but ours, which the caller is not told more of than that it happened.</summary>
    public static ApiException? Explain(Exception failure) => failure switch
    {
        ApiException known => known,
        BadHttpRequestException bad => new(bad.StatusCode, bad.StatusCode == StatusCodes.Status413PayloadTooLarge
            ? "The request's body is too large." : "The request cannot be read.", code: CodeOf(bad.StatusCode)),
        JsonException json => new(StatusCodes.Status400BadRequest,
            $"The body is no valid JSON: {Line(json.Message.Replace(ReadersAdvice, "", StringComparison.Ordinal))}", code: "invalid_json"),
        ContextOverflowException full => TooLong(full.Tokens, full.ContextLength, null),
        ChatTemplateException template => new(StatusCodes.Status400BadRequest, Line(template.Message), "messages", "invalid_value"),
        GrammarException grammar => new(StatusCodes.Status400BadRequest, Line(grammar.Message),
            grammar.Path.StartsWith("tool", StringComparison.Ordinal) ? "tools" : "response_format", "invalid_value"),
        InvalidOperationException { Message: TokenSampler.NoTokenLeft } =>
            new(StatusCodes.Status400BadRequest, TokenSampler.NoTokenLeft, "logit_bias", "invalid_value"),
        NotSupportedException or ArgumentException => new(StatusCodes.Status400BadRequest, Line(WithoutParameter(failure)), code: "invalid_value"),
        InsufficientMemoryException => new(StatusCodes.Status503ServiceUnavailable, "The server has not enough memory for this now.", code: "overloaded"),
        ObjectDisposedException => Stopping(),
        _ => null,
    };

    public static ApiException TooLong(int tokens, int most, string? parameter) => new(StatusCodes.Status400BadRequest,
        $"The prompt has {tokens} tokens; this server takes at most {most}. Shorten it.", parameter, "context_length_exceeded");

    public static ApiException Stopping() => new(StatusCodes.Status503ServiceUnavailable, "The server is stopping. Ask another.", code: "stopping");

    public static ApiException OutOfTime() => new(StatusCodes.Status504GatewayTimeout, "The request took longer than this server allows.", code: "timeout");

    public static ApiException Internal() => new(StatusCodes.Status500InternalServerError, "The server failed. Its log tells why.", code: "internal_error");

    /// <summary>An adapter of the server is of no use. What its files are called and where they lie is the server's own.</summary>
    public static ApiException Unusable(string adapter, string parameter, ModelFileException failure)
    {
        // The system's words for it have paths.
        string problem = failure.InnerException is IOException or UnauthorizedAccessException ? "it cannot be read"
            : failure.Place.Length > 0 ? $"{failure.Place}: {failure.Problem}" : failure.Problem;
        return new(StatusCodes.Status422UnprocessableEntity, $"The adapter {UntrustedText.Quote(adapter)} cannot be used: {problem}.", parameter,
            "adapter_unusable");
    }

    public static string CodeOf(int status) => status switch
    {
        StatusCodes.Status404NotFound => "not_found",
        StatusCodes.Status405MethodNotAllowed => "method_not_allowed",
        StatusCodes.Status408RequestTimeout => "request_timeout",
        StatusCodes.Status413PayloadTooLarge => "request_too_large",
        _ => "bad_request",
    };

    private static string WithoutParameter(Exception failure) => failure is ArgumentException { ParamName: { } name }
        ? failure.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : failure.Message;

    private static string Line(string message) => UntrustedText.Line(message.ReplaceLineEndings(" "), 600);
}
