using System.Net;

namespace MeKi.Server;

/// <summary>How <c>meki serve</c> listens.</summary>
internal sealed record ServerSettings
{
    /// <summary>The address; null for this machine's own, of both kinds.</summary>
    public IPAddress? Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port; 0 for one that is free.</summary>
    public int Port { get; init; }

    /// <summary>How long requests in progress may go on once the server is told to end.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Where the log goes; null for nowhere.</summary>
    public Action<ILoggingBuilder>? Logging { get; init; }
}
