using System.Text.Json.Serialization;

namespace MeKi.Server.Errors;

/// <summary>An error as OpenAI's clients read it.</summary>
internal sealed record ErrorResponse(ErrorBody Error)
{
    public static ErrorResponse Of(ApiException failure) =>
        new(new ErrorBody(failure.Message, TypeOf(failure.Status), failure.Parameter, failure.Code));

    private static string TypeOf(int status) => status switch
    {
        StatusCodes.Status403Forbidden => "permission_error",
        StatusCodes.Status503ServiceUnavailable => "overloaded_error",
        >= StatusCodes.Status500InternalServerError => "server_error",
        _ => "invalid_request_error",
    };
}

/// <summary>What went wrong.</summary>
internal sealed record ErrorBody(
    string Message,
    string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Code);
