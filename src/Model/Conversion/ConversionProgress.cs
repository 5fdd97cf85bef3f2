namespace MeKi.Model.Conversion;

/// <summary>How far a conversion is.</summary>
/// <param name="Stage">What is being done, for people: "check", "weights", "fold", "rows".</param>
/// <param name="Done">Bytes of the stage that are done.</param>
/// <param name="Total">Bytes of the stage.</param>
public readonly record struct ConversionProgress(string Stage, long Done, long Total);
