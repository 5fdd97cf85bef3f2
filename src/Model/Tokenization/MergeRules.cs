namespace MeKi.Model.Tokenization;

/// <summary>Which neighbours merge, and what first.</summary>
internal abstract class MergeRules
{
    /// <summary>Looks up the merge of two neighbours.</summary>
    /// <param name="left">The left token; negative for a character that has none.</param>
    /// <param name="right">The right token; negative for a character that has none.</param>
    /// <param name="joined">The text of both.</param>
    /// <returns>Its rank, lowest first, and the token it gives; <see cref="int.MaxValue"/> when they do not merge.</returns>
    public abstract (int Rank, int Merged) Find(int left, int right, ReadOnlySpan<byte> joined);
}
