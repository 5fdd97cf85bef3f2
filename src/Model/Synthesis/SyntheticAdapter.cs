using MeKi.Model.Adapters;

namespace MeKi.Model.Synthesis;

/// <summary>Adapters of random numbers, for measurements: one for every matrix of a model that adapters may change.</summary>
internal static class SyntheticAdapter
{
    // Small enough that a model of random weights does not overflow, large enough to change every logit.
    private const float Scale = 1.5f;

    /// <summary>Makes one; the same model, rank and seed give the same numbers.</summary>
    /// <param name="config">The model.</param>
    /// <param name="rank">The rank of every matrix; less where one has fewer inputs.</param>
    /// <param name="seed">Chooses the numbers.</param>
    /// <param name="name">What to call it.</param>
    public static LoraAdapter Create(ModelConfig config, int rank, int seed, string name)
    {
        Random random = new(seed);
        Dictionary<LoraTarget, LoraPair> pairs = [];
        foreach (LoraSite site in LoraSite.Modules(config))
        {
            LoraFactor a = Factor(random, Math.Min(rank, site.Columns), site.Columns);
            foreach (LoraPart part in site.Parts)
                pairs.Add(part.Target, new(a, Factor(random, part.Rows, a.Rows), Scale));
        }
        return new(name, pairs);
    }

    private static LoraFactor Factor(Random random, int rows, int columns)
    {
        float[] values = new float[checked(rows * columns)];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(random.NextDouble() - 0.5) / MathF.Sqrt(columns);
        return new(rows, columns, values);
    }
}
