namespace MeKi.Model.Architectures;

/// <summary>What a tensor is for, whatever a file calls it.</summary>
internal enum Role
{
    /// <summary>E, [V × d].</summary>
    Embedding,

    /// <summary>Weight of the last RMSNorm, [d].</summary>
    FinalNorm,

    /// <summary>The output head, [V × d]; absent where it is the embedding.</summary>
    Head,

    /// <summary>What each pair's rotary frequency is divided by, [D/2].</summary>
    RotaryDivisors,

    /// <summary>Likewise, for contexts beyond the first training's.</summary>
    LongRotaryDivisors,

    /// <summary>Likewise, within it.</summary>
    ShortRotaryDivisors,

    AttentionNorm,
    Query,
    QueryBias,
    QueryNorm,
    Key,
    KeyBias,
    KeyNorm,
    Value,
    ValueBias,
    AttentionOutput,
    AttentionOutputBias,
    FeedForwardNorm,
    Gate,
    GateBias,
    Up,
    UpBias,
    Down,
    DownBias,

    /// <summary>W_g of the token-row branch, [m × d].</summary>
    BranchGate,

    /// <summary>W_o of the token-row branch, [d × m].</summary>
    BranchOutput,

    /// <summary>Weight of the RMSNorm after W_o, [d].</summary>
    BranchNorm,

    /// <summary>M of the training form, [V × m].</summary>
    Memory,

    /// <summary>W_gate of the training form's projection G, [d/2 × d].</summary>
    ProjectionGate,

    /// <summary>W_up of G, [d/2 × d].</summary>
    ProjectionUp,

    /// <summary>W_down of G, [m × d/2].</summary>
    ProjectionDown,

    /// <summary>Weight of the RMSNorm on G's input, [d].</summary>
    ProjectionNorm,

    /// <summary>Weight of the RMSNorm that mixes M and G, [m].</summary>
    MixNorm,

    Alpha,
    Beta,
}
