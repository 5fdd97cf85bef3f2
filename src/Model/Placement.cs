namespace MeKi.Model;

/// <summary>
/// Where the MeKi branch stands in a layer. x is the layer's input, Attn and FFN the two blocks without their residual additions,
/// y(h) = RMSNorm(W_o v), v = e ∘ act(W_g h) the branch (paper, equations 4 to 6 and 17), and h what <see cref="GateInput"/> says.
/// </summary>
/// <remarks>
/// The paper compares the four and defines the first (7, 8); every published checkpoint has it, and no checkpoint of the others was at hand. What the formulas
/// of the other three assume beyond the paper: y is added to the residual stream where its place is; beside attention the gate sees what attention sees; after
/// a block, where the branch has no norm of its own, a normalised gate input is the stream at that place under the weight of the layer's FFN norm.
/// </remarks>
public enum Placement
{
    /// <summary>A = x + Attn(RMSNorm(x)); A' = A + FFN(H) + y(h), H = RMSNorm(A). h is H, or A.</summary>
    ParallelFeedForward,

    /// <summary>A = x + Attn(N) + y(h), N = RMSNorm(x) under attention's norm; A' = A + FFN(RMSNorm(A)). h is N, or x.</summary>
    ParallelAttention,

    /// <summary>B = x + Attn(RMSNorm(x)); A = B + y(h); A' = A + FFN(RMSNorm(A)). h is RMSNorm(B) under the FFN's norm, or B.</summary>
    AfterAttention,

    /// <summary>A = x + Attn(RMSNorm(x)); B = A + FFN(RMSNorm(A)); A' = B + y(h). h is RMSNorm(B) under the FFN's norm, or B.</summary>
    AfterFeedForward,
}
