using MeKi.Model;
using MeKi.Model.Templates;

namespace MeKi.Extensions.AI;

/// <summary>How a model serves a program.</summary>
public sealed record MeKiOptions
{
    /// <summary>How its files are loaded. Where no logger is given, the program's is told.</summary>
    public LoadOptions Load { get; init; } = new();

    /// <summary>What the model is called in answers, metadata and telemetry; null for the name of its file or folder.</summary>
    public string? ModelId { get; init; }

    /// <summary>What makes text of messages; null for the model's own.</summary>
    public ChatTemplate? Template { get; init; }
}
