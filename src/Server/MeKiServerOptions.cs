using MeKi.Model.Templates;

namespace MeKi.Server;

/// <summary>What a server of a model allows. What is wrong is refused where it is set.</summary>
public sealed record MeKiServerOptions
{
    /// <summary>The names that requests may give the model; answers have the first. By default the name of its file or folder.</summary>
    /// <exception cref="ArgumentException">A name is empty.</exception>
    public IReadOnlyList<string> ModelNames { get; init => field = Filled(value, nameof(ModelNames)); } = [];

    /// <summary>
    /// The keys of which a request must bring one, as <c>Authorization: Bearer KEY</c>; empty lets everybody in. The page and <c>/health</c> need none.
    /// </summary>
    /// <exception cref="ArgumentException">A key is empty.</exception>
    public IReadOnlyList<string> ApiKeys { get; init => field = Filled(value, nameof(ApiKeys)); } = [];

    /// <summary>
    /// Pages of which sites may use the server where no key protects it, as <c>https://example.org</c>. Pages of this machine always may: a site elsewhere must
    /// not reach a model that listens on loopback by way of somebody's browser. Whether a browser shows the answers is up to CORS.
    /// </summary>
    public IReadOnlyList<string> Origins { get; init => field = Filled(value, nameof(Origins)); } = [];

    /// <summary>The largest body of a request in bytes; 4 MB by default.</summary>
    public long MaxBodyBytes { get; init => field = Positive(value, nameof(MaxBodyBytes)); } = 4 << 20;

    /// <summary>The longest prompt in tokens; null for the model's context.</summary>
    public int? MaxPromptTokens { get; init => field = value is null ? null : (int)Positive(value.Value, nameof(MaxPromptTokens)); }

    /// <summary>The most tokens of an answer, whatever a request asks for; null for what the context holds.</summary>
    public int? MaxTokens { get; init => field = value is null ? null : (int)Positive(value.Value, nameof(MaxTokens)); }

    /// <summary>How many requests may be in progress at once, those that wait included; 256 by default. One more is told to come again.</summary>
    public int MaxRequests { get; init => field = (int)Positive(value, nameof(MaxRequests)); } = 256;

    /// <summary>How long a request may take; 10 minutes by default, <see cref="Timeout.InfiniteTimeSpan"/> for any time.</summary>
    public TimeSpan RequestTimeout { get; init => field = Time(value, nameof(RequestTimeout)); } = TimeSpan.FromMinutes(10);

    /// <summary>How long the body of a request may take to come; one minute by default, <see cref="Timeout.InfiniteTimeSpan"/> for any time.</summary>
    public TimeSpan BodyTimeout { get; init => field = Time(value, nameof(BodyTimeout)); } = TimeSpan.FromMinutes(1);

    /// <summary>What makes text of messages; null for the model's own template.</summary>
    public ChatTemplate? ChatTemplate { get; init; }

    /// <summary>Whether <c>/</c> shows a page to talk to the model.</summary>
    public bool HasPage { get; init; } = true;

    private static string[] Filled(IReadOnlyList<string> values, string name)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        string[] copy = [.. values];
        return copy.Any(string.IsNullOrWhiteSpace) ? throw new ArgumentException($"One of {name} is empty.", name) : copy;
    }

    private static TimeSpan Time(TimeSpan value, string name) =>
        (value > TimeSpan.Zero && value.TotalMilliseconds < int.MaxValue) || value == Timeout.InfiniteTimeSpan ? value
            : throw new ArgumentOutOfRangeException(name, value, $"{name} must be more than nothing, and at most 24 days.");

    private static long Positive(long value, string name) =>
        value > 0 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be 1 or more.");
}
