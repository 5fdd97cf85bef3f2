using System.Globalization;
using MeKi.Kernels;
using MeKi.Model.Architectures;
using MeKi.Model.Checkpoints;

namespace MeKi.Model;

/// <summary>
/// What the MeKi branch's gate sees (paper, equation 4; the released Megatron code differs). For other places than beside the FFN see <see cref="Placement"/>.
/// </summary>
public enum GateInput
{
    /// <summary>H, the normalised input of the FFN: the paper and the demo.</summary>
    Normalized,

    /// <summary>A, the residual stream itself: the released Megatron training code.</summary>
    Residual,
}

/// <summary>What a model's files tell of its shape.</summary>
public sealed record ModelConfig
{
    /// <summary>More than any model has.</summary>
    internal const int MaxLayers = 1 << 12;

    // Beyond every model, and small enough that activations of a whole batch, a page of keys and a row of the row file have sizes within 31 bits.
    private const int MaxVocabulary = 1 << 21, MaxWidth = 1 << 18, MaxFeedForward = 1 << 19, MaxHeads = 1 << 12, MaxHeadDimension = 1 << 10;
    internal const int MaxContext = (1 << 24) - 1;

    // Of all layers together: key values of a position, and values of a token's rows.
    private const int MaxValuesOfLayers = 1 << 23;

    internal ModelConfig(Architecture architecture) => Architecture = architecture;

    /// <summary>The family, as GGUF names it: <c>llama</c>, <c>qwen3</c>, <c>qwen3meki</c> and others.</summary>
    public string Family => Architecture.Name;

    /// <summary>V: rows of the embedding that tokens may name.</summary>
    public int VocabularySize { get; internal set; }

    /// <summary>L: decoder layers.</summary>
    public int Layers { get; internal set; }

    /// <summary>d: width of the residual stream.</summary>
    public int HiddenSize { get; internal set; }

    /// <summary>Width of the FFN.</summary>
    public int FeedForwardSize { get; internal set; }

    /// <summary>Query heads.</summary>
    public int Heads { get; internal set; }

    /// <summary>Key/value heads (GQA); divides <see cref="Heads"/>.</summary>
    public int KvHeads { get; internal set; }

    /// <summary>Values of a head.</summary>
    public int HeadDimension { get; internal set; }

    /// <summary>Added to the mean square in every RMSNorm.</summary>
    public float NormEps { get; internal set; }

    /// <summary>Base of the rotary position embedding.</summary>
    public float RopeTheta { get; internal set; }

    /// <summary>How the rotary embedding reaches beyond the positions of the first training; null where it does not.</summary>
    public RopeScaling? RopeScaling { get; internal set; }

    /// <summary>
    /// How many positions a token sees in each layer, its own included, [L]; <see cref="int.MaxValue"/> for all. Empty where every layer sees all.
    /// </summary>
    public IReadOnlyList<int> Windows { get; internal set; } = [];

    /// <summary>Positions the model was made for.</summary>
    public int ContextLength { get; internal set; }

    /// <summary>Whether queries and keys are normalised per head (Qwen3).</summary>
    public bool QkNorm => Present.Contains(Role.QueryNorm);

    /// <summary>Whether the head is the embedding.</summary>
    public bool TiedHead => !Present.Contains(Role.Head);

    /// <summary>m: width of the memory, or of Gemma's per-layer inputs; 0 for a model without a branch of rows.</summary>
    public int MemoryDimension { get; internal set; }

    /// <summary>What the branch's gate sees.</summary>
    public GateInput GateInput { get; internal set; }

    /// <summary>How the branch's expert vectors meet its gate.</summary>
    public Fusion Fusion { get; internal set; }

    /// <summary>Where the branch stands in a layer.</summary>
    public Placement Placement { get; internal set; }

    /// <summary>Whether the model has a branch whose rows lie in a file of their own, or follow from a checkpoint's training form.</summary>
    public bool HasMeKi => MemoryDimension > 0 && !HasTable;

    /// <summary>Whether each token's rows follow from a table among the model's own tensors.</summary>
    internal bool HasTable => Present.Contains(Role.RowTable);

    /// <summary>The family's tables and layer.</summary>
    internal Architecture Architecture { get; set; }

    /// <summary>Which of the tensors that files may go without there are.</summary>
    internal IReadOnlySet<Role> Present { get; set; } = new HashSet<Role>();

    /// <summary>The shape of each layer, [L].</summary>
    internal IReadOnlyList<LayerGeometry> Geometry { get; private set; } = [];

    /// <summary>Blocks behind the layers that guess further tokens; they are left alone.</summary>
    internal int PredictingLayers { get; set; }

    /// <summary>Values of a head that the rotary embedding turns.</summary>
    internal int RotaryDimension { get; set; }

    /// <summary>Whether rotary pairs are neighbours, as GGUF files of some families have them; else the halves of a head.</summary>
    internal bool PairsAreNeighbours { get; set; }

    /// <summary>Layers that the rotary embedding leaves alone.</summary>
    internal IReadOnlyList<int> UnturnedLayers { get; set; } = [];

    /// <summary>What q · k is multiplied with; 0 for 1 / √D.</summary>
    internal float AttentionScale { get; set; }

    /// <summary>Values of a head in layers that see only the last positions, where they have another size.</summary>
    internal int SlidingHeadDimension { get; set; }

    /// <summary>Base of those layers' rotary embedding, which is not scaled.</summary>
    internal float SlidingRopeTheta { get; set; }

    /// <summary>Key/value heads of each layer; empty where all have the same.</summary>
    internal IReadOnlyList<int> KvHeadsOfLayers { get; set; } = [];

    /// <summary>Widths of each layer's FFN; empty where all have the same.</summary>
    internal IReadOnlyList<int> FeedForwardSizes { get; set; } = [];

    /// <summary>The last layers, which have no keys and values of their own.</summary>
    internal int SharingLayers { get; set; }

    /// <summary>By how many standard deviations above its mean a layer's gate must be to count; 0 for a dense layer. Empty where all are dense.</summary>
    internal IReadOnlyList<float> GateCuts { get; set; } = [];

    /// <summary>Rank of LAuReL's matrices.</summary>
    internal int LaurelRank { get; set; }

    /// <summary>What logits approach and do not pass: c · tanh(logit / c); 0 for none.</summary>
    internal float LogitCap { get; set; }

    /// <summary>Tokens whose logits are −∞: those that the tokenizer's files suppress.</summary>
    internal IReadOnlyList<int> SuppressedTokens { get; set; } = [];

    /// <summary>Tensors that the files lack in a layer and may (<see cref="TensorSpec.Spare"/>).</summary>
    internal IReadOnlySet<(Role Role, int Layer)> Lacking { get; set; } = new HashSet<(Role, int)>();

    /// <summary>What the embedding is multiplied with.</summary>
    internal float EmbeddingScale { get; set; } = 1;

    /// <summary>What attention and the FFN add is multiplied with.</summary>
    internal float ResidualScale { get; set; } = 1;

    /// <summary>What logits are divided by.</summary>
    internal float LogitDivisor { get; set; } = 1;

    /// <summary>The tensors of the architecture's table that this model has.</summary>
    internal IEnumerable<TensorSpec> Tensors =>
        Architecture.Tensors.Where(spec => (spec.When?.Invoke(this) ?? true) && (!spec.Optional || Present.Contains(spec.Role)));

    /// <summary>Whether the files have a tensor of the model in a layer.</summary>
    internal bool Has(TensorSpec spec, int layer) => !Lacking.Contains((spec.Role, layer));

    /// <summary>Whether a layer computes with a tensor; keys and values of one that reads another layer's do nothing.</summary>
    internal bool Uses(TensorSpec spec, int layer) =>
        Has(spec, layer)
        && !(spec is { PerLayer: true, Role: Role.Key or Role.KeyBias or Role.KeyNorm or Role.Value or Role.ValueBias } && Geometry[layer].KeysFrom != layer);

    /// <summary>A row of the architecture's table of tensors.</summary>
    internal TensorSpec SpecOf(Role role) => Architecture.Tensors.First(spec => spec.Role == role);

    /// <summary>The same model with its table of rows folded into a row file, with what it is joined with.</summary>
    internal ModelConfig Folded() => this with { Present = Present.Except([Role.RowTable, Role.RowProjection, Role.RowProjectionNorm]).ToHashSet() };

    /// <summary>The same model without the token-row branch.</summary>
    internal ModelConfig WithoutBranch() => !HasMeKi ? this : this with { Architecture = Architecture.WithoutBranch, MemoryDimension = 0 };

    /// <summary>How many positions a token sees in a layer, its own included.</summary>
    public int Window(int layer) => Windows.Count == 0 ? int.MaxValue : Windows[layer];

    /// <summary>Whether the other tells the same.</summary>
    public bool Equals(ModelConfig? other) => other is not null && RopeScaling == other.RopeScaling && Windows.SequenceEqual(other.Windows)
        && (ToIdentityText(), VariantText(), RotaryDimension) == (other.ToIdentityText(), other.VariantText(), other.RotaryDimension);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Family, Layers, HiddenSize, VocabularySize);

    /// <summary>
    /// The shape as text, for a model's identity: the same as long as files are paired by it. What came later is named only where it differs from what all had
    /// before.
    /// </summary>
    internal string ToIdentityText()
    {
        string text = string.Create(CultureInfo.InvariantCulture,
            $"ModelConfig {{ VocabularySize = {VocabularySize}, Layers = {Layers}, HiddenSize = {HiddenSize}, FeedForwardSize = {FeedForwardSize}, ")
            + string.Create(CultureInfo.InvariantCulture,
                $"Heads = {Heads}, KvHeads = {KvHeads}, HeadDimension = {HeadDimension}, NormEps = {NormEps}, RopeTheta = {RopeTheta}, ")
            + $"ContextLength = {ContextLength}, QkNorm = {QkNorm}, TiedHead = {TiedHead}, "
            + $"MemoryDimension = {MemoryDimension}, GateInput = {GateInput}, HasMeKi = {HasMeKi} }}";
        return (Fusion, Placement) == default ? text : $"{text} {VariantNames.Fusion.Of(Fusion)} {VariantNames.Placement.Of(Placement)}";
    }

    /// <summary>The shape as text, for the identity of a synthetic model.</summary>
    internal string ToSyntheticText() =>
        string.Create(CultureInfo.InvariantCulture, $"ModelConfig {{ VocabularySize = {VocabularySize}, Layers = {Layers}, HiddenSize = {HiddenSize}, ")
        + string.Create(CultureInfo.InvariantCulture,
            $"FeedForwardSize = {FeedForwardSize}, Heads = {Heads}, KvHeads = {KvHeads}, HeadDimension = {HeadDimension}, NormEps = {NormEps}, ")
        + string.Create(CultureInfo.InvariantCulture,
            $"RopeTheta = {RopeTheta}, RopeScaling = , Windows = System.Int32[], ContextLength = {ContextLength}, QkNorm = {QkNorm}, ")
        + $"TiedHead = {TiedHead}, MemoryDimension = {MemoryDimension}, "
        + $"GateInput = {GateInput}, Fusion = {Fusion}, Placement = {Placement}, HasMeKi = {HasMeKi} }}";

    /// <summary>What tells families and their variants apart, as text; empty for those that were there first.</summary>
    internal string VariantText()
    {
        string text = string.Create(CultureInfo.InvariantCulture,
            $"{EmbeddingScale:r} {ResidualScale:r} {AttentionScale:r} {LogitDivisor:r} {PairsAreNeighbours} {string.Join(' ', UnturnedLayers)}");
        if (Architecture is Gemma)
        {
            text += string.Create(CultureInfo.InvariantCulture, $" {SlidingHeadDimension} {SlidingRopeTheta:r} ")
                + $"{string.Join(' ', KvHeadsOfLayers)} {string.Join(' ', FeedForwardSizes)} "
                + string.Create(CultureInfo.InvariantCulture, $"{SharingLayers} {string.Join(' ', GateCuts)} {LaurelRank} {LogitCap:r}");
        }
        return Architecture is Qwen3 ? "" : $"{Family} {text}";
    }

    /// <summary>Checks that the numbers make a decoder.</summary>
    /// <param name="path">The file they came from; the error names it.</param>
    /// <exception cref="ModelFileException">A size is not positive or two do not fit together.</exception>
    internal ModelConfig Checked(string path)
    {
        foreach ((string name, int value, int most) in new[]
        {
            ("vocabulary size", VocabularySize, MaxVocabulary), ("layers", Layers, MaxLayers), ("hidden size", HiddenSize, MaxWidth),
            ("feed-forward size", FeedForwardSize, MaxFeedForward), ("heads", Heads, int.MaxValue), ("key/value heads", KvHeads, int.MaxValue),
            ("head dimension", HeadDimension, MaxHeadDimension), ("context length", ContextLength, MaxContext),
        })
        {
            if (value <= 0 || value > most)
                throw Bad(name, $"{value} is out of range");
        }
        if (Heads % KvHeads != 0)
            throw Bad("key/value heads", $"{KvHeads} does not divide the {Heads} heads");
        if (Heads > MaxHeads || Heads * HeadDimension > MaxWidth)
            throw Bad("heads", $"{Heads} of {HeadDimension} values are out of range ({MaxHeads} heads, {MaxWidth} values)");
        if (HeadDimension % 2 != 0)
            throw Bad("head dimension", $"{HeadDimension} is odd; rotary embedding turns pairs");
        if (RotaryDimension <= 0 || RotaryDimension > HeadDimension || RotaryDimension % 2 != 0)
            throw Bad("rotary dimension", $"{RotaryDimension} is not an even part of the head's {HeadDimension} values");
        if (MemoryDimension is < 0 or > MaxWidth || (MemoryDimension == 0 && Architecture.WithoutBranch != Architecture))
            throw Bad("memory dimension", $"{MemoryDimension} is out of range (0 to {MaxWidth})");
        if (HasMeKi && HiddenSize < 2)
            throw Bad("hidden size", $"{HiddenSize} is out of range for a model with the MeKi branch, whose projection halves it");
        if ((long)Layers * KvHeads * HeadDimension > MaxValuesOfLayers)
            throw Bad("layers", $"{Layers} with {KvHeads} key/value heads of {HeadDimension} values are out of range ({MaxValuesOfLayers} values)");
        if ((long)Layers * MemoryDimension > MaxValuesOfLayers)
            throw Bad("memory dimension", $"{Layers} layers of {MemoryDimension} values are out of range ({MaxValuesOfLayers} values)");
        if (!(NormEps > 0 && NormEps < 1))
            throw Bad("RMSNorm epsilon", $"{NormEps} is out of range");
        if (!(RopeTheta > 1 && float.IsFinite(RopeTheta)))
            throw Bad("RoPE theta", $"{RopeTheta} is out of range");
        if (Windows.Count > 0 && Windows.Count != Layers)
            throw Bad("sliding window", $"{Windows.Count} layers are told where the model has {Layers}");
        if (Windows.Any(window => window < 1))
            throw Bad("sliding window", $"{Windows.Min()} is out of range");
        bool scales = RopeScaling switch
        {
            LinearRopeScaling linear => IsFactor(linear.Factor),
            YarnRopeScaling yarn =>
                IsFactor(yarn.Factor) && yarn.OriginalContextLength is > 0 and < 1 << 24 && yarn.BetaSlow > 0 && yarn.BetaFast > yarn.BetaSlow
                && float.IsFinite(yarn.BetaFast) && yarn.AttentionFactor > 0 && float.IsFinite(yarn.AttentionFactor),
            Llama3RopeScaling llama => IsFactor(llama.Factor) && llama.OriginalContextLength is > 0 and < 1 << 24 && llama.LowFrequencyFactor > 0
                && llama.HighFrequencyFactor > llama.LowFrequencyFactor && float.IsFinite(llama.HighFrequencyFactor),
            DividedRopeScaling divided => divided.Divisors.Count == RotaryDimension / 2 && divided.Divisors.All(IsDivisor),
            LongRopeScaling longer => longer.Long.Count == RotaryDimension / 2 && longer.Short.Count == RotaryDimension / 2 && longer.Long.All(IsDivisor)
                && longer.Short.All(IsDivisor) && longer.Magnitude > 0 && float.IsFinite(longer.Magnitude),
            _ => true,
        };
        if (!scales)
            throw Bad("RoPE scaling", "has a number that is out of range");
        CheckLayers(Bad);
        Geometry = [.. Enumerable.Range(0, Layers).Select(layer => Architecture.Geometry(this, layer))];
        if (Geometry.FirstOrDefault(layer => layer.KeysFrom < 0 || Geometry[layer.KeysFrom].KeyWidth != layer.KeyWidth) is not null)
            throw Bad("shared key/value layers", $"the last {SharingLayers} of {Layers} have no earlier one of their kind and size to read of");
        return this;

        // A shorter context than the original one is nobody's; 2^16 times a longer one neither.
        static bool IsDivisor(float divisor) => divisor > 0 && float.IsFinite(divisor);

        static bool IsFactor(float factor) => factor is >= 1 and < 1 << 16;

        ModelFileException Bad(string name, string problem) => new(path, name, problem, "Correct the configuration");
    }

    // What only some families tell, layer by layer.
    private void CheckLayers(Func<string, string, ModelFileException> bad)
    {
        if (SlidingHeadDimension is < 0 or > MaxHeadDimension || SlidingHeadDimension % 2 != 0 || Heads * SlidingHeadDimension > MaxWidth)
            throw bad("head dimension of sliding layers", $"{SlidingHeadDimension} is out of range, or odd");
        if (SlidingRopeTheta != 0 && !(SlidingRopeTheta > 1 && float.IsFinite(SlidingRopeTheta)))
            throw bad("RoPE theta of sliding layers", $"{SlidingRopeTheta} is out of range");
        if (KvHeadsOfLayers.Any(heads => heads <= 0 || Heads % heads != 0))
            throw bad("key/value heads", $"of a layer do not divide the {Heads} heads");
        if (FeedForwardSizes.Any(size => size is <= 0 or > MaxFeedForward))
            throw bad("feed-forward size", "of a layer is out of range");
        if (new[] { KvHeadsOfLayers.Count, FeedForwardSizes.Count, GateCuts.Count }.Any(count => count != 0 && count != Layers))
            throw bad("layers", $"another number is told than {Layers}");
        if (SharingLayers < 0 || SharingLayers >= Layers)
            throw bad("shared key/value layers", $"{SharingLayers} is out of range (0 to {Layers - 1})");
        if (LaurelRank is < 0 or > MaxWidth)
            throw bad("LAuReL rank", $"{LaurelRank} is out of range");
        if (!(LogitCap >= 0 && float.IsFinite(LogitCap)))
            throw bad("soft cap of logits", $"{LogitCap} is out of range");
        if (GateCuts.Any(cut => !(cut >= 0 && float.IsFinite(cut))))
            throw bad("activation sparsity", "of a layer is out of range");
    }
}
