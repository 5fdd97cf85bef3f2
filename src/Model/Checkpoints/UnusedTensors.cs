using MeKi.Model.Architectures;

namespace MeKi.Model.Checkpoints;

/// <summary>Tensors that files carry and a text model does not need, each for a stated reason. Any other that is not used is a reason to refuse the file.</summary>
internal static class UnusedTensors
{
    // Buffers that old versions of transformers saved: what they hold follows from the configuration.
    private static readonly string[] Buffers = [".rotary_emb.inv_freq", ".attention.bias", ".attn.masked_bias", ".attn_rot_embd"];

    // Towers of models that also see or hear; their text part runs without them.
    private static readonly string[] Towers =
    [
        "v.", "a.", "mm.", "vision_tower.", "model.vision_tower.", "vision_model.", "model.vision_model.", "visual.", "model.visual.", "audio_tower.", "model.audio_tower.",
        "multi_modal_projector.", "model.multi_modal_projector.", "embed_vision.", "model.embed_vision.", "embed_audio.", "model.embed_audio.",
    ];

    private static readonly string[] HeadNames = ["lm_head.weight", "output_layer.weight"];

    /// <summary>Whether a tensor is known to be unused.</summary>
    /// <param name="name">What the file calls it.</param>
    /// <param name="config">The model, for what only some models do not use.</param>
    public static bool IsKnown(string name, ModelConfig config) =>
        Buffers.Any(buffer => name.Contains(buffer, StringComparison.Ordinal))
        || Towers.Any(tower => name.StartsWith(tower, StringComparison.Ordinal))
        || (!config.Present.Contains(Role.Head) && HeadNames.Contains(name)); // The head is the embedding, and says so.
}
