namespace MeKi.Kernels;

/// <summary>
/// How an expert vector e meets the gate's values g = W_g h (paper, equations 4, 5 and 17). The paper's best, and that of every published checkpoint, is
/// <see cref="AdditiveSigmoid"/>. SiLU(g) = g · sigmoid(g).
/// </summary>
public enum Fusion
{
    /// <summary>v = e + sigmoid(g).</summary>
    AdditiveSigmoid,

    /// <summary>v = e + SiLU(g).</summary>
    AdditiveSilu,

    /// <summary>v = e ⊙ sigmoid(g).</summary>
    MultiplicativeSigmoid,

    /// <summary>v = e ⊙ SiLU(g).</summary>
    MultiplicativeSilu,
}
