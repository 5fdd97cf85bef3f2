namespace MeKi.Regress;

/// <summary>What the suite says of a case: slower only when the whole confidence interval lies below nine tenths of the baseline.</summary>
/// <param name="Name">The case.</param>
/// <param name="Ratio">What was measured.</param>
/// <param name="Baseline">What is committed; null where nothing is.</param>
internal sealed record Verdict(string Name, MedianInterval Ratio, double? Baseline, bool HeldElsewhere = false)
{
    public const double Tolerance = 0.9;

    public bool IsSlower => !HeldElsewhere && Baseline is { } baseline && Ratio.High < Tolerance * baseline;

    public override string ToString() =>
        $"{(IsSlower ? "SLOWER" : HeldElsewhere ? "held  " : Baseline is null ? "new   " : "ok    ")} {Name,-36} "
        + FormattableString.Invariant($"{Ratio.Median,9:g4}  [{Ratio.Low:g4}, {Ratio.High:g4}]")
        + (Baseline is { } baseline ? FormattableString.Invariant($"  baseline {baseline:g4}, {100 * (Ratio.Median / baseline - 1):+0.0;-0.0} %")
            : "  no baseline");
}
