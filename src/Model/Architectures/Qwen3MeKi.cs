using MeKi.Model.Checkpoints;
using MeKi.Model.Layers;
using static MeKi.Model.Architectures.TensorTable;

namespace MeKi.Model.Architectures;

/// <summary>
/// "MeKi: Memory-based Expert Knowledge Injection for Efficient LLM Scaling" (Ding et al., arXiv 2602.03359): <see cref="Qwen3"/> with a branch that brings one
/// stored row for each token and layer. Equation numbers are the paper's.
/// </summary>
internal sealed class Qwen3MeKi : Qwen3
{
    public override string Name => "qwen3meki";

    // What says qwen3 and has the branch's tensors is one, too: HuggingFaceCheckpoint decides.
    public override IReadOnlyList<string> ModelTypes => ["qwen3_meki"];

    public override IReadOnlyList<ConfigKey> Keys { get; } =
    [
        .. new Qwen3().Keys,
        new IntKey("meki.dimension", "mem_dim", c => c.MemoryDimension, (c, v) => c.MemoryDimension = v == 0 ? c.MemoryDimension : v)
        {
            Aliases = ["meki_dim", "d_mem"],
            JsonDefault = c => c.MemoryDimension, // the length of mix_norm
        },
        new NameKey<GateInput>("meki.gate_input", "meki_gate_input", VariantNames.GateInput, c => c.GateInput, (c, v) => c.GateInput = v),
        new NameKey<Kernels.Fusion>("meki.fusion", "meki_fusion", VariantNames.Fusion, c => c.Fusion, (c, v) => c.Fusion = v),
        new NameKey<Placement>("meki.placement", "meki_placement", VariantNames.Placement, c => c.Placement, (c, v) => c.Placement = v),
    ];

    public override IReadOnlyList<TensorSpec> Tensors { get; } =
    [
        .. new Qwen3().Tensors,
        // W_g and W_o, the norm behind them (4, 6).
        Matrix(Role.BranchGate, "meki_gate.weight", "meki.gate_proj.weight", Memory, Width).Megatron("meki_module.gate_proj.weight"),
        Matrix(Role.BranchOutput, "meki_out.weight", "meki.out_proj.weight", Width, Memory).Megatron("meki_module.out_proj.weight"),
        Vector(Role.BranchNorm, "meki_post_norm.weight", "meki.post_norm.weight", Width).Megatron("meki_module.post_norm.weight"),
        // e = α M + β P, normalised (1, 3).
        Trained(Vector(Role.MixNorm, "meki_mix_norm.weight", "meki.mix_norm.weight", Memory).Megatron("meki_module.mix_norm.weight")),
        Trained(Matrix(Role.Memory, "meki_memory.weight", "meki.memory.weight", Vocabulary, Memory).Megatron("meki_module.embeddings.weight")) with
        {
            OverVocabulary = true,
            Optional = true,
        },
        Trained(Vector(Role.Alpha, "meki_alpha", "meki.alpha", (_, _) => 1).Megatron("meki_module.alpha_scale")),
        Projected(Vector(Role.Beta, "meki_beta", "meki.beta", (_, _) => 1).Megatron("meki_module.beta_scale")),
        // P, the projection of the embedding (2).
        Projected(Matrix(Role.ProjectionGate, "meki_projection_gate.weight", "meki.projection.gate_proj.weight", Projection, Width)
            .Megatron(HalfOf("meki_module.word_emb_projection.linear_fc1.weight", 0, c => c.HiddenSize / 2))),
        Projected(Matrix(Role.ProjectionUp, "meki_projection_up.weight", "meki.projection.up_proj.weight", Projection, Width)
            .Megatron(HalfOf("meki_module.word_emb_projection.linear_fc1.weight", 1, c => c.HiddenSize / 2))),
        Trained(Matrix(Role.ProjectionDown, "meki_projection_down.weight", "meki.projection.down_proj.weight", Memory, Projection)
            .Megatron("meki_module.word_emb_projection.linear_fc2.weight")) with { Optional = true },
        Trained(Vector(Role.ProjectionNorm, "meki_projection_norm.weight", "meki.projection.norm.weight", Width)
            .Megatron("meki_module.word_emb_projection.linear_fc1.layer_norm_weight")) with { Optional = true },
    ];

    public override Architecture WithoutBranch => All.First(each => each.Name == base.Name);

    /// <summary>A' = FFN(H) + y + A (7, 8). The branch shares the regions of the block it stands beside, and the steps between them.</summary>
    public override void Layer(Pass p, LayerWeights w)
    {
        TokenRowBranch branch = p.Branch!;
        branch.TurnTo(w, Placement.ParallelAttention, p.X, p.H);
        p.Normalize(p.X, w.AttentionNorm, p.H);
        p.QueriesKeysValues(p.H, w, branch.GateProduct);                                                       // W_g h (4)
        p.Attend();
        p.Fuse(branch);                                                                               // v (5)
        p.Multiply((p.Attended, w.AttentionOutput, p.Y), branch.OutputProduct);                       // W_o v
        p.Add(p.Y, p.X, branch);                                                                      // + y (6)
        p.Inject(branch, w, Placement.AfterAttention);

        branch.TurnTo(w, Placement.ParallelFeedForward, p.X, p.H);
        p.Normalize(p.X, w.FeedForwardNorm, p.H);
        p.Multiply((p.H, w.Gate, p.G), (p.H, w.Up, p.U), branch.GateProduct);                         // W_g h (4)
        p.Activate(p.G, p.U, w.Down, branch);                                                         // v (5)
        p.Multiply((p.Inner, w.Down, p.Y), branch.OutputProduct);                                     // W_o v
        p.Add(p.Y, p.X, branch);                                                                      // + y (6)
        p.Inject(branch, w, Placement.AfterFeedForward);
    }

    private static TensorSpec Trained(TensorSpec spec) => spec with { OnlyInCheckpoints = true };

    // There with the projection, or not at all.
    private static TensorSpec Projected(TensorSpec spec) => Trained(spec) with { Optional = true, With = Role.ProjectionDown };
}
