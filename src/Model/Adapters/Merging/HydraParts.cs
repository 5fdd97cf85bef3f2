namespace MeKi.Model.Adapters.Merging;

/// <summary>What <see cref="HydraOpt"/> may do; all of it, but to measure what each part gains.</summary>
/// <param name="SharesA">A may be the shared side.</param>
/// <param name="SharesB">B may be.</param>
/// <param name="Groups">A matrix may have several shared factors.</param>
/// <param name="Weighs">Losses are weighed by what the tasks' examples excite, else all directions alike.</param>
/// <param name="Ranks">Each matrix may have a rank of its own.</param>
internal sealed record HydraParts(bool SharesA = true, bool SharesB = true, bool Groups = true, bool Weighs = true, bool Ranks = true)
{
    /// <summary>Each without one part.</summary>
    public static IReadOnlyList<HydraParts> WithoutOne =>
        [new(SharesB: false), new(SharesA: false), new(Groups: false), new(Weighs: false), new(Ranks: false)];

    /// <summary>For people.</summary>
    public string Name => this switch
    {
        { SharesB: false } => "HydraOpt with A shared only",
        { SharesA: false } => "HydraOpt with B shared only",
        { Groups: false } => "HydraOpt with one factor for all",
        { Weighs: false } => "HydraOpt without weighting",
        { Ranks: false } => "HydraOpt with one rank for all",
        _ => "HydraOpt",
    };
}
