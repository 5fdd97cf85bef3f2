using MeKi.Kernels;
using MeKi.Model.Layers;
using static MeKi.Model.Architectures.TensorTable;

namespace MeKi.Model.Architectures;

/// <summary>
/// What Gemma's families have in common: a block between two norms, heads that are normalised, GELU, an embedding that is scaled, and layers of two kinds,
/// those that see the last positions and every so many one that sees all, with a rotary base for each kind.
/// </summary>
internal abstract class Gemma : Architecture
{
    public override Fusion Activation => Fusion.MultiplicativeGelu;

    /// <summary>Layers at the end without keys and values of their own, where a GGUF file does not tell.</summary>
    public virtual int SharingLayers(int layers) => 0;

    /// <summary>Likewise where <c>config.json</c> does not.</summary>
    public virtual int DefaultSharingLayers => 0;

    /// <summary>Whether all layers of a model may see all positions: its GGUF file then tells of no window.</summary>
    public virtual bool MayGoWithoutWindow => false;

    /// <summary>Whether of the heads of full layers a quarter turns, where <c>config.json</c> does not tell.</summary>
    public virtual bool TurnsInProportion => false;

    /// <summary>Whether norms of checkpoints are to be taken as 1 + w.</summary>
    protected virtual bool NormsAddOne => false;

    /// <summary>Whether values are normalised by head, without a weight.</summary>
    protected virtual bool NormalizesValues => false;

    public override LayerGeometry Geometry(ModelConfig config, int layer)
    {
        bool slides = Slides(config, layer);
        int size = slides ? config.SlidingHeadDimension : config.HeadDimension;
        return new()
        {
            Heads = config.Heads,
            KvHeads = config.KvHeadsOfLayers.Count > 0 ? config.KvHeadsOfLayers[layer] : config.KvHeads,
            HeadSize = size,
            Window = config.Window(layer),
            Rotary = slides ? new(size, config.SlidingRopeTheta, null, false) : new(config.RotaryDimension, config.RopeTheta, config.RopeScaling, false),
            ScoreScale = config.AttentionScale > 0 ? config.AttentionScale : 1 / MathF.Sqrt(size),
            FeedForward = config.FeedForwardSizes.Count > 0 ? config.FeedForwardSizes[layer] : config.FeedForwardSize,
            NormalizesValues = NormalizesValues,
            KeysFrom = KeysFrom(config, layer),
        };
    }

    /// <summary>The tensors of a layer's two blocks and what stands around the layers.</summary>
    protected IEnumerable<TensorSpec> Decoder() =>
    [
        Embedding,
        Norm(Role.AttentionNorm, "attn_norm.weight", "input_layernorm.weight", Width),
        Matrix(Role.Query, "attn_q.weight", "self_attn.q_proj.weight", QueryRows, Width),
        Matrix(Role.Key, "attn_k.weight", "self_attn.k_proj.weight", KeyRows, Width) with { Spare = IsShared },
        Matrix(Role.Value, "attn_v.weight", "self_attn.v_proj.weight", KeyRows, Width) with { Spare = IsShared },
        Norm(Role.QueryNorm, "attn_q_norm.weight", "self_attn.q_norm.weight", HeadSize),
        Norm(Role.KeyNorm, "attn_k_norm.weight", "self_attn.k_norm.weight", HeadSize) with { Spare = IsShared },
        Matrix(Role.AttentionOutput, "attn_output.weight", "self_attn.o_proj.weight", Width, QueryRows),
        Norm(Role.PostAttentionNorm, "post_attention_norm.weight", "post_attention_layernorm.weight", Width),
        Norm(Role.FeedForwardNorm, "ffn_norm.weight", "pre_feedforward_layernorm.weight", Width),
        Matrix(Role.Gate, "ffn_gate.weight", "mlp.gate_proj.weight", Inner, Width),
        Matrix(Role.Up, "ffn_up.weight", "mlp.up_proj.weight", Inner, Width),
        Matrix(Role.Down, "ffn_down.weight", "mlp.down_proj.weight", Width, Inner),
        Norm(Role.PostFeedForwardNorm, "post_ffw_norm.weight", "post_feedforward_layernorm.weight", Width),
    ];

    /// <summary>What stands behind the layers.</summary>
    protected IEnumerable<TensorSpec> Closing() =>
    [
        Norm(Role.FinalNorm, "output_norm.weight", "model.norm.weight", Width) with { PerLayer = false },
        .. Ending[1..],
    ];

    /// <summary>The tensors of per-layer inputs. A model whose rows were folded into a row file has neither table nor projection.</summary>
    protected static IEnumerable<TensorSpec> Rows() =>
    [
        .. new TensorSpec[]
        {
            Matrix(Role.RowTable, "per_layer_token_embd.weight", "model.embed_tokens_per_layer.weight", Vocabulary, AllRows) with
            {
                OverVocabulary = true,
                IsTable = true,
                Optional = true,
            },
            Matrix(Role.RowProjection, "per_layer_model_proj.weight", "model.per_layer_model_projection.weight", AllRows, Width) with
            {
                StaysPrecise = true,
                Optional = true,
                With = Role.RowTable,
            },
            Vector(Role.RowProjectionNorm, "per_layer_proj_norm.weight", "model.per_layer_projection_norm.weight", Memory) with
            {
                Optional = true,
                With = Role.RowTable,
            },
        }.Select(spec => spec with { PerLayer = false, When = HasRows }),
        .. new TensorSpec[]
        {
            Matrix(Role.BranchGate, "inp_gate.weight", "per_layer_input_gate.weight", Memory, Width),
            Matrix(Role.BranchOutput, "proj.weight", "per_layer_projection.weight", Width, Memory),
            Vector(Role.BranchNorm, "post_norm.weight", "post_per_layer_input_norm.weight", Width),
        }.Select(spec => spec with { When = HasRows }),
    ];

    /// <summary>Attention and the FFN, each between two norms.</summary>
    protected static void Blocks(Pass p, LayerWeights w)
    {
        p.Normalize(p.X, w.AttentionNorm, p.H);
        p.QueriesKeysValues(p.H, w);
        p.Attend();
        p.Multiply((p.Attended, w.AttentionOutput, p.Y));
        p.AddNormalized(p.Y, w.Vector(Role.PostAttentionNorm)!, p.X);

        p.Normalize(p.X, w.FeedForwardNorm, p.H);
        p.Multiply((p.H, w.Gate, p.G), (p.H, w.Up, p.U));
        p.Activate(p.G, p.U, w.Down);
        p.Multiply((p.Inner, w.Down, p.Y));
        p.AddNormalized(p.Y, w.Vector(Role.PostFeedForwardNorm)!, p.X);
    }

    /// <summary>Whether a layer is one of the last, which read an earlier one's keys and values.</summary>
    protected static bool IsShared(ModelConfig config, int layer) => layer >= config.Layers - config.SharingLayers;

    /// <summary>Whether a layer sees only the last positions.</summary>
    protected static bool Slides(ModelConfig config, int layer) => config.Window(layer) != int.MaxValue;

    private static bool HasRows(ModelConfig config) => config.MemoryDimension > 0;

    private static int AllRows(ModelConfig config, int layer) => config.Layers * config.MemoryDimension;

    // The last layer of the same kind that has keys and values of its own.
    private static int KeysFrom(ModelConfig config, int layer)
    {
        int from = layer;
        while (from >= 0 && (IsShared(config, from) || Slides(config, from) != Slides(config, layer)))
            from--;
        return from;
    }

    private TensorSpec Norm(Role role, string gguf, string huggingFace, Size length) =>
        Vector(role, gguf, huggingFace, length) with { CheckpointOffset = NormsAddOne ? 1 : 0 };
}
