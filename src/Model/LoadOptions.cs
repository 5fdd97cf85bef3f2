namespace MeKi.Model;

/// <summary>How a model is loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>Threads that compute; null takes one per processor that this process may use.</summary>
    public int? Threads { get; init; }
}
