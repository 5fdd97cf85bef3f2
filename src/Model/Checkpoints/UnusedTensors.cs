namespace MeKi.Model.Checkpoints;

/// <summary>Tensors that files carry and that say nothing to a text model, each for a stated reason. Any other that is not used is refused.</summary>
internal static class UnusedTensors
{
    private static readonly string[] Endings =
    [
        // Caches of rotary frequencies, which follow from the configuration: Hugging Face's and Megatron's buffers, GGUF's.
        "rotary_emb.inv_freq", "rotary_pos_emb.inv_freq", ".attn_rot_embd.weight",
        // What Transformer Engine keeps of its 8-bit scales while it trains.
        "._extra_state",
        // Ranges that Gemma 4's training clipped what its matrices take and give to.
        ".input_min", ".input_max", ".output_min", ".output_max",
    ];

    // Parts of models that also see or hear; their text part runs without them.
    private static readonly string[] Towers =
    [
        "v.", "a.", "mm.", "vision_tower.", "vision_model.", "visual.", "audio_tower.", "multi_modal_projector.",
        "model.vision_tower.", "model.vision_model.", "model.visual.", "model.audio_tower.", "model.multi_modal_projector.",
        "embed_vision.", "embed_audio.", "vision_embedder.", "model.embed_vision.", "model.embed_audio.", "model.vision_embedder.",
    ];

    /// <summary>Whether a tensor is known to be of no use.</summary>
    /// <param name="name">What the file calls it.</param>
    public static bool Contain(string name) =>
        Array.Exists(Endings, ending => name.EndsWith(ending, StringComparison.Ordinal))
        || Array.Exists(Towers, tower => name.StartsWith(tower, StringComparison.Ordinal));
}
