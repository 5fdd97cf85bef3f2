using MeKi.Model.Architectures;

namespace MeKi.Model.Adapters;

/// <summary>A matrix of a model that an adapter may change.</summary>
/// <param name="Layer">Whose it is; 0 for one that is no layer's.</param>
/// <param name="Role">What it is for.</param>
internal readonly record struct LoraTarget(int Layer, Role Role);

/// <summary>What an adapter adds to a matrix: <c>ΔW = scale · B A</c>.</summary>
/// <param name="A">[rank × input].</param>
/// <param name="B">[output × rank].</param>
/// <param name="Scale">alpha / rank, or what an adapter has in its place.</param>
internal sealed record LoraPair(LoraFactor A, LoraFactor B, float Scale)
{
    /// <summary>Columns of <see cref="B"/>.</summary>
    public int Rank => A.Rows;
}

/// <summary>
/// A low-rank adapter (LoRA, Hu et al., arXiv 2106.09685) of a model. Rows of q and k lie in the order of the model's own
/// (<see cref="ModelConfig.PairsAreNeighbours"/>).
/// </summary>
/// <param name="Name">What users call it.</param>
/// <param name="Pairs">What it adds to which matrix.</param>
internal sealed record LoraAdapter(string Name, IReadOnlyDictionary<LoraTarget, LoraPair> Pairs)
{
    /// <summary>Bytes of the factors, those of shared ones included.</summary>
    public long ByteLength => Pairs.Values.Sum(pair => Bytes(pair.A) + Bytes(pair.B));

    private static long Bytes(LoraFactor factor) => factor.Rows * factor.Format.RowBytes(factor.Columns);
}
