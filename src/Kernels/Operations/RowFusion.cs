using MeKi.Kernels.Fusing;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Operations;

/// <summary>
/// The fuse of the MeKi branch: <c>v = e ∘ act(W_g h)</c> (paper, equations 5 and 17) from stored rows as they lie, in one pass, to the input of W_o in the
/// form its product takes: 8-bit blocks where the weights are in blocks, floats where they are floats. Rows whose length is not a multiple of 32 meet float
/// weights only. The FFN's SwiGLU is the same operation on a row that was computed: <see cref="Fusion.MultiplicativeSilu"/> of up and gate (Shazeer, arXiv
/// 2002.05202).
/// </summary>
/// <param name="fusion">How.</param>
internal sealed unsafe class RowFusion(Fusion fusion)
{
    // Four tokens' rows, gates and values of so many columns stay in a first-level cache.
    private const int PartColumns = 128;

    private readonly FusionKernels _kernels = KernelSet.Selected.Fusion;
    private readonly QuantizedActivations _codes = new();
    private int _tokens, _columnParts;

    /// <summary>v, [tokens × m]: an input for the product with the matrix that <see cref="Reserve"/> was told, and no other.</summary>
    public ActivationMatrix Fused { get; } = new();

    /// <summary>Makes room for some tokens.</summary>
    /// <param name="tokens">How many; <see cref="Fuse"/> is to be called for each, or <see cref="FusePart"/> for each part.</param>
    /// <param name="weight">W_o.</param>
    public void Reserve(int tokens, PanelMatrix weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        (_tokens, _columnParts) = (tokens, (weight.Columns + PartColumns - 1) / PartColumns);
        Fused.Shape(weight.Columns);
        Fused.Codes = weight.TakesCodes ? _codes : null;
        if (weight.TakesCodes)
            _codes.Reserve(tokens, weight.Columns);
        else
            Fused.Reserve(tokens);
    }

    /// <summary>What <see cref="FusePart"/> is to be called for: some columns of one token, or of some that are quantised together.</summary>
    public int Parts => (_tokens + Together - 1) / Together * _columnParts;

    private int Together => _tokens == 1 ? 1 : QuantizedActivations.TileTokens;

    /// <summary>Fuses a part of rows that were computed; parts may be fused on several threads at once.</summary>
    /// <param name="part">Which, below <see cref="Parts"/>.</param>
    /// <param name="rows">The rows e, [tokens × m].</param>
    /// <param name="gate">W_g h, [tokens × m].</param>
    public void FusePart(int part, ActivationMatrix rows, ActivationMatrix gate)
    {
        int group = part / _columnParts, first = part % _columnParts * PartColumns, count = Math.Min(PartColumns, gate.Columns - first),
            token = group * Together, end = Math.Min(token + Together, _tokens);
        if (Fused.Codes is not { } codes || !codes.QuantizesTogether(group))
        {
            for (; token < end; token++)
                FuseColumns(token, first, StoredRow.OfFloats(rows.Row(token).Slice(first, count)), gate.Row(token).Slice(first, count));
            return;
        }
        float* values = stackalloc float[QuantizedActivations.TileTokens * PartColumns];
        for (float* to = values; token < end; token++, to += count)
            _kernels.Fuse(StoredRow.OfFloats(rows.Row(token).Slice(first, count)), fusion, gate.Row(token).Slice(first, count), new Span<float>(to, count));
        FourTokens.Quantize(values, count / QuantizedActivations.BlockColumns, codes.Group(group, first / QuantizedActivations.BlockColumns));
    }

    /// <summary>Fuses a token; tokens may be fused on several threads at once.</summary>
    /// <param name="token">Which.</param>
    /// <param name="row">Its expert row e, [m].</param>
    /// <param name="gate">W_g h, [m].</param>
    public void Fuse(int token, StoredRow row, ReadOnlySpan<float> gate) => FuseColumns(token, 0, row, gate);

    private void FuseColumns(int token, int first, StoredRow row, ReadOnlySpan<float> gate)
    {
        if (Fused.Codes is { } codes)
            _kernels.Fuse(row, fusion, gate, codes.Row(token, first / QuantizedActivations.BlockColumns));
        else
            _kernels.Fuse(row, fusion, gate, Fused.Row(token).Slice(first, gate.Length));
    }
}
