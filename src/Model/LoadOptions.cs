namespace MeKi.Model;

/// <summary>How a model is loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>Threads that compute; null takes one per processor that this process may use.</summary>
    public int? Threads { get; init; }

    /// <summary>Leaves the MeKi branch out: the same weights without the injection and without the row file. For measuring what the branch costs; the text suffers.</summary>
    public bool WithoutMeKi { get; init; }
}
