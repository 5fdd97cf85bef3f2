namespace MeKi.Server.Telemetry;

/// <summary>What the server tells its log: never what a request or an answer says.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1, LogLevel.Information,
        "{Method} {Path} {Status} {Operation}: {PromptTokens} ({CachedTokens} known) + {GeneratedTokens} tokens, {Milliseconds} ms")]
    public static partial void Answered(ILogger logger, string method, string path, int status, string operation, int promptTokens, int cachedTokens,
        int generatedTokens, long milliseconds);

    [LoggerMessage(2, LogLevel.Information, "{Method} {Path} {Status} {Code}, {Milliseconds} ms")]
    public static partial void Refused(ILogger logger, string method, string path, int status, string? code, long milliseconds);

    [LoggerMessage(3, LogLevel.Information, "{Method} {Path}: the client left after {GeneratedTokens} tokens, {Milliseconds} ms")]
    public static partial void Left(ILogger logger, string method, string path, int generatedTokens, long milliseconds);

    [LoggerMessage(4, LogLevel.Error, "{Method} {Path} failed: {Failure}")]
    public static partial void Failed(ILogger logger, string method, string path, string failure);

    [LoggerMessage(5, LogLevel.Warning, "An adapter cannot be used: {Problem}")]
    public static partial void Unusable(ILogger logger, string problem);
}
