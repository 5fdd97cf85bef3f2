using System.Net;
using System.Security.Cryptography;
using System.Text;
using MeKi.Server.Errors;

namespace MeKi.Server;

/// <summary>Who may ask.</summary>
internal sealed class ApiKeys(IReadOnlyList<string> keys)
{
    private const string Scheme = "Bearer ";

    // All of one length: comparing tells nothing of how much was right.
    private readonly byte[][] _digests = [.. keys.Select(Digest)];

    /// <exception cref="ApiException">The request has no key that is known, or comes from a page of a foreign site while there are no keys.</exception>
    public void Check(HttpContext context, IReadOnlyList<string> origins)
    {
        if (_digests.Length == 0)
        {
            CheckOrigin(context, origins);
            return;
        }
        byte[] given = Digest(KeyOf(context.Request));
        bool isKnown = false;
        foreach (byte[] digest in _digests)
            isKnown |= CryptographicOperations.FixedTimeEquals(digest, given);
        if (isKnown)
            return;
        context.Response.Headers.WWWAuthenticate = "Bearer";
        throw new ApiException(StatusCodes.Status401Unauthorized, "A valid API key is needed: send 'Authorization: Bearer KEY'.", code: "invalid_api_key");
    }

    private static string KeyOf(HttpRequest request)
    {
        string authorization = request.Headers.Authorization.ToString();
        return authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? authorization[Scheme.Length..].Trim()
            : request.Headers["api-key"].ToString();
    }

    private static byte[] Digest(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    // A page of any site can have a browser send requests to this machine, and with a name that suddenly means 127.0.0.1 even read the answers.
    private static void CheckOrigin(HttpContext context, IReadOnlyList<string> origins)
    {
        string origin = context.Request.Headers.Origin.ToString();
        if (origin.Length == 0 || origins.Contains(origin, StringComparer.OrdinalIgnoreCase))
            return;
        if (Uri.TryCreate(origin, UriKind.Absolute, out Uri? site) && (site.IsLoopback
            || (context.Connection.LocalIpAddress is { } address && !IPAddress.IsLoopback(address) && site.Authority == context.Request.Host.Value)))
            return;
        throw new ApiException(StatusCodes.Status403Forbidden,
            "Pages of this site may not use the server: name the site where the server is started, or set an API key.", code: "foreign_origin");
    }
}
