using System.Globalization;
using System.Text.Json;
using MeKi.Kernels;
using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Model.Layers;
using static MeKi.Model.Architectures.TensorTable;

namespace MeKi.Model.Architectures;

/// <summary>
/// Gemma 3n (E2B, E4B), text: four residual streams of which a layer computes one and predicts and corrects all (AltUp, Baykal et al., arXiv 2301.13310), a
/// low-rank path beside attention (LAuReL, Menghani et al., arXiv 2411.07501), gates of which in the first layers only the largest count (You et al., "Spark
/// Transformer", arXiv 2506.06644), and a row for each token and layer.
/// </summary>
internal sealed class Gemma3n : Gemma
{
    // What llama.cpp has fixed and files do not tell.
    private const int LayersWithKeys = 20, SparseLayers = 10;
    private const float Cut = 1.6448535f;

    private static readonly float s_half = MathF.Sqrt(0.5f);

    public override string Name => "gemma3n";

    public override IReadOnlyList<string> ModelTypes => ["gemma3n", "gemma3n_text"];

    public override IReadOnlyList<ConfigKey> Keys { get; } =
    [
        .. GemmaKeys.Decoder(new(Vocabulary: 262_400, Context: 32_768, Window: 512, Period: 5)),
        .. GemmaKeys.Heads(kvHeads: 2, twoSizes: false),
        .. GemmaKeys.Rows(256),
        GemmaKeys.Cap(30, 30),
        new ConstantKey("altup.num_inputs", "altup_num_inputs", AltUp.Streams),
        new ConstantKey("altup.active_idx", "altup_active_idx", 0),
        new FixedKey("altup_correct_scale", "true"),
        new RankKey(),
        new CutsKey(),
        new GemmaKeys.RuleKey(c => c.AttentionScale = 1),
    ];

    public override IReadOnlyList<TensorSpec> Tensors => field ??=
    [
        .. Decoder(),
        Matrix(Role.LaurelLeft, "laurel_l.weight", "laurel.linear_left.weight", Rank, Width) with { StaysPrecise = true },
        Matrix(Role.LaurelRight, "laurel_r.weight", "laurel.linear_right.weight", Width, Rank) with { StaysPrecise = true },
        Vector(Role.LaurelNorm, "laurel_post_norm.weight", "laurel.post_laurel_norm.weight", Width),
        Matrix(Role.AltUpRouter, "altup_router.weight", "altup.modality_router.weight", Streams, Width) with { IsSmall = true },
        Vector(Role.AltUpRouterNorm, "altup_router_norm.weight", "altup.router_norm.weight", Width),
        Matrix(Role.AltUpPredict, "altup_predict_coef.weight", "altup.prediction_coefs.weight", Coefficients, Streams) with { IsSmall = true },
        Matrix(Role.AltUpCorrect, "altup_correct_coef.weight", "altup.correction_coefs.weight", Streams, Streams) with { IsSmall = true },
        Vector(Role.AltUpCorrectScale, "altup_correct_scale.weight", "altup.correct_output_scale", Width),
        .. Rows(),
        .. Slices(Role.AltUpEntry, "altup_proj.weight", "model.altup_projections"),
        .. Slices(Role.AltUpExit, "altup_unembd_proj.weight", "model.altup_unembed_projections"),
        .. Closing(),
    ];

    public override int SideStreams => AltUp.Streams - 1;

    public override bool PadsVocabulary => true;

    public override int DefaultSharingLayers => 15;

    protected override bool NormalizesValues => true;

    public override int SharingLayers(int layers) => Math.Max(layers - LayersWithKeys, 0);

    public override void Enter(Pass p)
    {
        p.Embed();
        AltUp.Enter(p);
    }

    public override void Layer(Pass p, LayerWeights w)
    {
        AltUp.Predict(p, w);
        p.Normalize(p.X, w.AttentionNorm, p.H);
        p.QueriesKeysValues(p.H, w, (p.H, w[Role.LaurelLeft], p.L));
        p.Attend();
        p.Multiply((p.Attended, w.AttentionOutput, p.Y), (p.L, w[Role.LaurelRight], p.R));
        p.NormalizeInPlace(p.Y, w.Vector(Role.PostAttentionNorm)!);
        p.NormalizeInPlace(p.R, w.Vector(Role.LaurelNorm)!);
        p.Gather(s_half, p.A, p.X, p.Y, p.H, p.R);                                        // g = (u + attention + h + laurel) / √2

        p.Normalize(p.A, w.FeedForwardNorm, p.H);
        p.Multiply((p.H, w.Gate, p.G), (p.H, w.Up, p.U));
        p.CutGates(p.G, w.Index);
        p.Activate(p.G, p.U, w.Down);
        p.Multiply((p.Inner, w.Down, p.Y));
        p.AddNormalized(p.Y, w.Vector(Role.PostFeedForwardNorm)!, p.A);

        AltUp.Correct(p, w);
        if (p.Branch is { } branch)
            AltUp.Inject(p, w, branch);
    }

    public override void Exit(Pass p) => AltUp.Exit(p);

    private static int Streams(ModelConfig config, int layer) => AltUp.Streams;

    private static int Coefficients(ModelConfig config, int layer) => AltUp.Streams * AltUp.Streams;

    private static int Rank(ModelConfig config, int layer) => config.LaurelRank;

    // In GGUF one tensor of three matrices, in checkpoints three tensors.
    private static IEnumerable<TensorSpec> Slices(Role first, string gguf, string huggingFace)
    {
        for (int i = 0; i < AltUp.Streams - 1; i++)
        {
            int slice = i;
            TensorName name = new(gguf, (c, _) => new(slice * c.HiddenSize, c.HiddenSize, (AltUp.Streams - 1) * c.HiddenSize));
            yield return Matrix(first + i, name, $"{huggingFace}.{i}.weight", Width, Width) with { PerLayer = false, InSlices = true, StaysPrecise = true };
        }
    }

    /// <summary>A number that is the same in every model.</summary>
    private sealed record ConstantKey(string Gguf, string Json, int Value) : ConfigKey(Gguf, Json)
    {
        public override void Read(GgufKeys gguf, ModelConfig config)
        {
            if ((gguf.TryInt(Gguf!) ?? Value) != Value)
                throw gguf.Fault(Gguf!, "has a value that this engine does not run", $"Supported is {Value}");
        }

        public override void Read(JsonPlace json, ModelConfig config)
        {
            if ((json.TryInt(Json!) ?? Value) != Value)
                throw json.Field(Json!).Fault("has a value that this engine does not run", $"Supported is {Value}");
        }

        public override void Write(ModelConfig config, GgufMetadata metadata) => metadata[InGguf(config)] = (uint)Value;
    }

    /// <summary>The rank of LAuReL's matrices, which GGUF tells by their shape.</summary>
    private sealed record RankKey() : ConfigKey(null, "laurel_rank")
    {
        public override void Read(GgufKeys gguf, ModelConfig config) => config.LaurelRank = gguf.TryRows("blk.0.laurel_l.weight") ?? 64;

        public override void Read(JsonPlace json, ModelConfig config) => config.LaurelRank = json.TryInt(Json!) ?? 64;

        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            // As above.
        }
    }

    /// <summary>
    /// How many standard deviations above their mean gates must lie: in GGUF so many, −∞ for a dense layer; in <c>config.json</c> the share of a normal
    /// distribution that lies below.
    /// </summary>
    private sealed record CutsKey() : ConfigKey("activation_sparsity_scale", "activation_sparsity_pattern")
    {
        public override void Read(GgufKeys gguf, ModelConfig config) =>
            Set(config, gguf.TryFloats(Gguf!, config.Layers)?.Select(cut => cut > 0 || float.IsNaN(cut) ? cut : 0) ?? Usual(config));

        public override void Read(JsonPlace json, ModelConfig config)
        {
            if (json.TryField(Json!) is not { } field)
                Set(config, Usual(config));
            else if (field.Element.ValueKind == JsonValueKind.Array)
                Set(config, field.Items().Select(item => CutOf(item)));
            else if (config.Layers is > 0 and <= ModelConfig.MaxLayers)
                Set(config, Enumerable.Repeat(CutOf(field), config.Layers));
        }

        public override void Write(ModelConfig config, GgufMetadata metadata)
        {
            IEnumerable<float> cuts = config.GateCuts.Count > 0 ? config.GateCuts : Enumerable.Repeat(0f, config.Layers);
            metadata[InGguf(config)] = cuts.Select(cut => cut > 0 ? cut : float.NegativeInfinity).ToArray();
        }

        private static void Set(ModelConfig config, IEnumerable<float> cuts)
        {
            config.GateCuts = [.. cuts];
            if (config.GateCuts.All(cut => cut == 0))
                config.GateCuts = [];
        }

        private static IEnumerable<float> Usual(ModelConfig config) => config.Layers is <= SparseLayers or > ModelConfig.MaxLayers ? []
            : Enumerable.Range(0, config.Layers).Select(layer => layer < SparseLayers ? Cut : 0);

        private static float CutOf(JsonPlace share)
        {
            float below = share.Number();
            return below is >= 0 and < 1 ? below == 0 ? 0 : (float)Quantile(below) : throw share.Fault("is not a share from 0 to below 1", "Correct it");
        }

        // Newton's method on Φ(x) = ½ + φ(x) (x + x³/3 + x⁵/15 + …). The checkpoint's decimals are meant, not their nearest float32.
        private static double Quantile(float share)
        {
            double wanted = double.Parse(share.ToString("r", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture), x = 0;
            for (int round = 0; round < 100; round++)
            {
                double density = FixedMath.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI), term = x, sum = x;
                for (int i = 3; i < 400; i += 2)
                    sum += term *= x * x / i;
                x = Math.Clamp(x - (0.5 + density * sum - wanted) / Math.Max(density, 1e-12), x - 1, x + 1);
            }
            return Math.Max(x, 0);
        }
    }
}
