using MeKi.Model.Architectures;

namespace MeKi.Model.Checkpoints;

/// <summary>A way in which checkpoints name and stack the tensors of an architecture's table. It is recognised by what the embedding is called.</summary>
internal abstract class TensorNaming
{
    private static readonly TensorNaming[] Schemes = [new HuggingFaceNaming(), new DemoNaming(), new MegatronNaming()];

    /// <summary>The scheme's name, for messages.</summary>
    public abstract string Name { get; }

    /// <summary>What the branch's gate sees unless the configuration says: the Megatron code's gate is fed the residual.</summary>
    public virtual GateInput DefaultGateInput => GateInput.Normalized;

    /// <summary>Whether tables over the vocabulary may have more rows than the vocabulary, which no token uses.</summary>
    public virtual bool PadsVocabulary => false;

    /// <summary>Where a tensor may stand, the usual place first; none where the scheme has no name for it.</summary>
    public abstract IEnumerable<TensorPlace> Places(TensorSpec spec, ModelConfig config, int layer);

    /// <summary>Finds the scheme whose embedding a checkpoint has.</summary>
    /// <exception cref="ModelFileException">None.</exception>
    public static TensorNaming Recognize(ModelConfig config, Func<string, bool> has, string path)
    {
        TensorSpec embedding = config.Architecture.Tensors.First(spec => spec.Role == Role.Embedding);
        return Array.Find(Schemes, scheme => scheme.Places(embedding, config, 0).Any(place => has(place.Name)))
            ?? throw new ModelFileException(path, "tensor names",
            "no naming scheme is recognised: there is no " + string.Join(" and no ",
                Schemes.SelectMany(scheme => scheme.Places(embedding, config, 0).Take(1).Select(place => $"'{place.Name}' ({scheme.Name})"))),
            "Give a checkpoint in one of these forms");
    }
}

/// <summary>
/// The names of Hugging Face transformers, the branch as <c>meki</c>; of a base model also without the leading <c>model.</c>, and of the text part of one that
/// sees or hears with <c>language_model.</c> before or behind it.
/// </summary>
internal class HuggingFaceNaming : TensorNaming
{
    private const string Prefix = "model.", Text = "language_model.";

    public override string Name => "Hugging Face";

    public override IEnumerable<TensorPlace> Places(TensorSpec spec, ModelConfig config, int layer)
    {
        if (spec.HuggingFace is null)
            return [];
        TensorPlace place = spec.HuggingFace.In(config, layer, spec.PerLayer ? $"{Prefix}layers.{layer}." : "");
        if (!place.Name.StartsWith(Prefix, StringComparison.Ordinal))
            return [place, place with { Name = Text + place.Name }];
        string bare = place.Name[Prefix.Length..];
        return [place, place with { Name = bare }, place with { Name = Prefix + Text + bare }, place with { Name = Text + Prefix + bare }];
    }
}

/// <summary>The names of the authors' demo module: <c>meki_module</c>, with or without the prefix <c>model.</c> and the ending <c>.weight</c>.</summary>
internal sealed class DemoNaming : HuggingFaceNaming
{
    private static readonly (string Reference, string Demo)[] Renamed =
    [
        ("model.embed_tokens.", "model.word_emb."),
        (".meki.memory.", ".meki_module.embeddings."),
        (".meki.alpha", ".meki_module.alpha_scale"),
        (".meki.beta", ".meki_module.beta_scale"),
        (".meki.projection.", ".meki_module.word_emb_projection."),
        (".meki.", ".meki_module."),
    ];

    public override string Name => "demo";

    public override IEnumerable<TensorPlace> Places(TensorSpec spec, ModelConfig config, int layer) =>
        base.Places(spec, config, layer).Take(1).SelectMany(Variants);

    private static IEnumerable<TensorPlace> Variants(TensorPlace place)
    {
        string name = place.Name;
        foreach ((string reference, string demo) in Renamed)
            name = name.Replace(reference, demo, StringComparison.Ordinal);
        string bare = name.StartsWith("model.", StringComparison.Ordinal) ? name["model.".Length..] : name;
        string[] full = name.EndsWith(".weight", StringComparison.Ordinal) ? [bare, bare[..^".weight".Length]] : [bare, bare + ".weight"];
        return full.SelectMany(variant => new[] { place with { Name = variant }, place with { Name = "model." + variant } });
    }
}

/// <summary>
/// The state dict of the released Megatron training code: q, k, v stacked per KV group, gate and up stacked, pre-norms inside the linears they feed.
/// </summary>
internal sealed class MegatronNaming : TensorNaming
{
    public override string Name => "Megatron";

    public override GateInput DefaultGateInput => GateInput.Residual;

    public override bool PadsVocabulary => true;

    public override IEnumerable<TensorPlace> Places(TensorSpec spec, ModelConfig config, int layer) =>
        spec.Megatron is null ? [] : [spec.Megatron.In(config, layer, spec.PerLayer ? $"decoder.layers.{layer}." : "")];
}
