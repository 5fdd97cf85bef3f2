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

    /// <summary>Weight of the RMSNorm on what attention adds, [d].</summary>
    PostAttentionNorm,

    /// <summary>Weight of the RMSNorm on what the FFN adds, [d].</summary>
    PostFeedForwardNorm,

    /// <summary>What the stream is multiplied with at the end of a layer, [1].</summary>
    LayerScale,

    /// <summary>A row for each token, of all layers one after the other, [V × L · m].</summary>
    RowTable,

    /// <summary>What brings the embedding to the rows, [L · m × d].</summary>
    RowProjection,

    /// <summary>Weight of the RMSNorm on what that gives, [m].</summary>
    RowProjectionNorm,

    /// <summary>W_left of LAuReL, [rank × d].</summary>
    LaurelLeft,

    /// <summary>W_right of LAuReL, [d × rank].</summary>
    LaurelRight,

    /// <summary>Weight of the RMSNorm behind it, [d].</summary>
    LaurelNorm,

    /// <summary>What makes AltUp's second stream of the first, [d × d]; those of the third and the fourth follow.</summary>
    AltUpEntry,
    AltUpEntry2,
    AltUpEntry3,

    /// <summary>What brings AltUp's second stream back, [d × d]; those of the third and the fourth follow.</summary>
    AltUpExit,
    AltUpExit2,
    AltUpExit3,

    /// <summary>W of AltUp's router, [streams × d].</summary>
    AltUpRouter,

    /// <summary>Weight of the RMSNorm before it, [d].</summary>
    AltUpRouterNorm,

    /// <summary>AltUp's coefficients of prediction, [streams² × streams].</summary>
    AltUpPredict,

    /// <summary>AltUp's coefficients of correction, [streams × streams].</summary>
    AltUpCorrect,

    /// <summary>What the corrected stream is multiplied with before the rows' gate, [d].</summary>
    AltUpCorrectScale,
}
