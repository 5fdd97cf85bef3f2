using MeKi.Model.Adapters;
using MeKi.Model.Synthesis;
using MeKi.Quant;

namespace MeKi.Model.Tests.Adapters;

/// <summary>Adapters of seeded random numbers.</summary>
internal static class RandomAdapter
{
    /// <summary>One that changes every matrix of a model that adapters may change.</summary>
    public static LoraAdapter Of(ModelConfig config, int rank, int seed, string name = "random") => SyntheticAdapter.Create(config, rank, seed, name);

    /// <summary>Writes one as a GGUF file of floats beside a model, and gives its path.</summary>
    public static string Write(ModelConfig config, string path, int rank = 4, int seed = 1)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        new LoraWriter(config, BlockFormat.Of(GgmlType.F32)).WriteGguf(Of(config, rank, seed), path);
        return path;
    }
}
