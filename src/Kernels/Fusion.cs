namespace MeKi.Kernels;

/// <summary>
/// How an expert vector e meets the gate's values g = W_g h (paper, equations 4, 5 and 17). The paper's best, and that of every published checkpoint, is
/// <see cref="AdditiveSigmoid"/>. SiLU(g) = g · sigmoid(g); GELU(g) is the form with the hyperbolic tangent (Hendrycks and Gimpel, arXiv 1606.08415).
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

    /// <summary>v = e ⊙ GELU(g): Gemma's FFN and per-layer inputs.</summary>
    MultiplicativeGelu,
}
