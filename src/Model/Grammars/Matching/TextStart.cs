namespace MeKi.Model.Grammars.Matching;

/// <summary>Where the texts of a grammar begin.</summary>
internal abstract class TextStart
{
    /// <summary>About how many tokens a part of a text takes that one token can begin: the most that is known so far.</summary>
    public abstract int MostCost { get; }

    /// <summary>The state before the first byte.</summary>
    public abstract MatchState Begin();
}
