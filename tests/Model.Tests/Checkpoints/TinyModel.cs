using MeKi.Model.Conversion;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Checkpoints;

/// <summary>A tiny checkpoint, in its training form and converted, for a whole test class.</summary>
public sealed class TinyModel : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TinyModel()
    {
        new TinyCheckpoint { Tied = false }.Write(Checkpoint);
        Converter.Convert(Checkpoint, Converted, new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.F32 });
    }

    public string Checkpoint => _folder["checkpoint"];

    public string Converted => _folder["converted"];

    public MeKiModel Load(bool converted, int? threads = null) => MeKiModel.Load(converted ? Converted : Checkpoint, new() { Threads = threads });

    /// <summary>Seeded token ids of the vocabulary.</summary>
    public static int[] Tokens(int count, int seed = 1)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(300))];
    }

    public void Dispose() => _folder.Dispose();
}
