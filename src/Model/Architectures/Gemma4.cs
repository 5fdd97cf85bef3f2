using MeKi.Model.Layers;
using static MeKi.Model.Architectures.TensorTable;

namespace MeKi.Model.Architectures;

/// <summary>
/// Gemma 4, dense, text: E2B and E4B with a row for each token and layer (per-layer embeddings), 12B and 31B without. Full layers have larger heads of which a
/// part turns; those of the large models take their keys, before norm and rotation, for values. The last layers of the small ones read earlier keys and values.
/// </summary>
internal sealed class Gemma4 : Gemma
{
    private readonly string _modelType;

    private Gemma4(string modelType, GemmaDefaults defaults)
    {
        _modelType = modelType;
        Keys =
        [
            .. GemmaKeys.Decoder(defaults),
            .. GemmaKeys.Heads(kvHeads: 4, twoSizes: true),
            .. GemmaKeys.Rows(defaults.RowValues),
            GemmaKeys.Cap(30, 0),
            new GemmaKeys.RuleKey(c => c.AttentionScale = 1),
        ];
    }

    /// <summary>All but 12B.</summary>
    public static Gemma4 Usual { get; } =
        new("gemma4", new(Vocabulary: 262_144, Context: 131_072, Window: 512, Period: 6) { RowValues = 256, EndsInFull = true });

    /// <summary>12B, which sees and hears without towers: its checkpoints have a name and defaults of their own.</summary>
    public static Gemma4 Unified { get; } =
        new("gemma4_unified", new(Vocabulary: 262_144, Context: 262_144, Window: 1024, Period: 6) { EndsInFull = true });

    public override string Name => "gemma4";

    public override IReadOnlyList<string> ModelTypes => [_modelType, _modelType + "_text"];

    public override IReadOnlyList<ConfigKey> Keys { get; }

    public override IReadOnlyList<TensorSpec> Tensors => field ??=
    [
        .. Decoder().Select(spec => spec.Role == Role.Value ? spec with { Spare = (c, layer) => IsShared(c, layer) || !Slides(c, layer) } : spec),
        Vector(Role.LayerScale, "layer_output_scale.weight", "layer_scalar", (_, _) => 1) with { Optional = true },
        .. Rows(),
        .. Closing().Select(spec => spec.Role == Role.RotaryDivisors ? spec with { Optional = false } : spec),
    ];

    public override bool TurnsInProportion => true;

    protected override bool NormalizesValues => true;

    public override void Layer(Pass p, LayerWeights w)
    {
        Blocks(p, w);
        if (p.Branch is { } branch)
            p.Inject(branch, w, Placement.AfterFeedForward);
        if (w.Vector(Role.LayerScale) is [float scale])
            p.Scale(p.X, scale);
    }
}
