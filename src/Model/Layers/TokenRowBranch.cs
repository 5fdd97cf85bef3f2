using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Model.Architectures;

namespace MeKi.Model.Layers;

/// <summary>
/// The branch that brings a row for each token and layer: <c>y = RMSNorm(W_o (e ∘ act(W_g h)))</c> (paper, equations 4 to 6 and 17), added to the residual
/// stream. It joins its two products to the regions of the block it stands beside, and its steps to those between them, so that it has no barrier of its own;
/// after a block it has regions of its own.
/// </summary>
/// <param name="config">Which variant.</param>
/// <param name="rows">Where e comes from.</param>
internal sealed class TokenRowBranch(ModelConfig config, TokenRows rows)
{
    private readonly ActivationMatrix _gate = new();      // W_g h  [n × m]
    private readonly ActivationMatrix _injected = new();  // y      [n × d]
    private readonly RowFusion _fusion = new(config.Fusion); // v   [n × m]
    private LayerWeights? _here;

    /// <summary>Where e comes from.</summary>
    public TokenRows Rows => rows;

    /// <summary>W_g h (4), for the block's first region; nothing elsewhere.</summary>
    public Product GateProduct { get; private set; }

    /// <summary>W_o v (6), for the block's second region; nothing elsewhere.</summary>
    public Product OutputProduct { get; private set; }

    /// <summary>Whether the branch stands at the place turned to.</summary>
    public bool IsHere => _here is not null;

    /// <summary>Whether its gate sees the normalised input of the block; else the residual stream itself.</summary>
    public bool SeesNormalized => config.GateInput == GateInput.Normalized;

    /// <summary>Turns to a place in a layer.</summary>
    /// <param name="w">The layer.</param>
    /// <param name="place">The place.</param>
    /// <param name="stream">The residual stream, [n × d].</param>
    /// <param name="normalized">What the block there sees, [n × d].</param>
    public void TurnTo(LayerWeights w, Placement place, ActivationMatrix stream, ActivationMatrix normalized)
    {
        _here = config.Placement == place ? w : null;
        GateProduct = IsHere ? (SeesNormalized ? normalized : stream, w[Role.BranchGate], _gate) : default;
        OutputProduct = IsHere ? (_fusion.Fused, w[Role.BranchOutput], _injected) : default;
    }

    /// <summary>Waits for the rows of the layer and makes room for v, before <see cref="FuseRow"/>.</summary>
    /// <param name="tokens">Rows of the batch.</param>
    public void Prepare(int tokens)
    {
        _fusion.Reserve(tokens, OutputProduct.Linear!.Weight);
        rows.Await(_here!.Index);
    }

    /// <summary>v = e ∘ act(W_g h) (5, 17) of one token.</summary>
    /// <param name="row">Its row in the batch.</param>
    /// <param name="token">Which token of the batch it is.</param>
    public void FuseRow(int row, int token) => _fusion.Fuse(row, rows.Row(token), _gate.Row(row));

    /// <summary>Likewise for several streams.</summary>
    public void InjectRow(int row, ReadOnlySpan<ActivationMatrix> streams)
    {
        Span<float> y = _injected.Row(row);
        RmsNorm.Normalize(y, _here!.Vector(Role.BranchNorm)!, config.NormEps, y);
        foreach (ActivationMatrix stream in streams)
            System.Numerics.Tensors.TensorPrimitives.Add(stream.Row(row), y, stream.Row(row));
    }

    /// <summary>A ← A + y, y = RMSNorm(W_o v) (6) of one token.</summary>
    public void InjectRow(int row, ActivationMatrix stream)
    {
        Span<float> y = _injected.Row(row);
        RmsNorm.Normalize(y, _here!.Vector(Role.BranchNorm)!, config.NormEps, y);
        System.Numerics.Tensors.TensorPrimitives.Add(stream.Row(row), y, stream.Row(row));
    }
}
