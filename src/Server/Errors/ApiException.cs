namespace MeKi.Server.Errors;

/// <summary>A request that is answered by an error in OpenAI's form.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="message">What is wrong and what to do about it.</param>
/// <param name="parameter">The field at fault, such as <c>messages[0].content</c>.</param>
/// <param name="code">A word that programs can tell errors by.</param>
internal sealed class ApiException(int status, string message, string? parameter = null, string? code = null) : Exception(message)
{
    public int Status => status;

    public string? Parameter => parameter;

    public string? Code => code;

    /// <summary>A field has a value that is not allowed.</summary>
    public static ApiException Invalid(string parameter, string message) => new(StatusCodes.Status400BadRequest, message, parameter, "invalid_value");
}
