using System.Numerics.Tensors;
using MeKi.Kernels;

namespace MeKi.Model;

/// <summary>
/// The forward pass of a Qwen3 decoder with the MeKi branch: "MeKi: Memory-based Expert Knowledge Injection", arXiv 2602.03359. Equation numbers are the
/// paper's. An instance holds one sequence's activations; weights are shared. For one thread at a time.
/// </summary>
internal sealed class Transformer
{
    /// <summary>Tokens that pass through the layers together; longer inputs are cut. Bounds the activations: 256 × 9,728 × 4 B = 10 MB for the 4B model's widest.</summary>
    public const int MaxBatch = 256;

    private readonly ModelConfig _config;
    private readonly Weights _weights;
    private readonly IExpertRows? _experts;
    private readonly MatMul _matMul;
    private readonly Attention _attention;
    private readonly Rope _rope;

    // Activations of a batch of n tokens; letters are the paper's.
    private readonly ActivationMatrix _a;         // A, the residual stream        [n × d]
    private readonly ActivationMatrix _h;         // H, its normalisation          [n × d]
    private readonly ActivationMatrix _queries;   //                               [n × heads · D]
    private readonly ActivationMatrix _keys;      //                               [n × KV heads · D]
    private readonly ActivationMatrix _values;    //                               [n × KV heads · D]
    private readonly ActivationMatrix _attended;  //                               [n × heads · D]
    private readonly ActivationMatrix _gate;      // FFN                           [n × FFN]
    private readonly ActivationMatrix _up;        //                               [n × FFN]
    private readonly ActivationMatrix _inner;     // SiLU(gate) ⊙ up               [n × FFN]
    private readonly ActivationMatrix _branch;    // attention's and the FFN's sum [n × d]
    private readonly ActivationMatrix _expert;    // e, then v                     [n × m]
    private readonly ActivationMatrix _mekiGate;  // W_g h                         [n × m]
    private readonly ActivationMatrix _injected;  // y                             [n × d]
    private readonly ActivationMatrix _logits;    //                               [n × V]

    public Transformer(ModelConfig config, Weights weights, IExpertRows? experts, ComputePool pool)
    {
        (_config, _weights, _experts) = (config, weights, experts);
        _matMul = new(pool);
        _attention = new(pool, config.Heads, config.KvHeads);
        _rope = new(config.HeadDimension, config.RopeTheta);
        (int d, int queries, int keys) = (config.HiddenSize, config.Heads * config.HeadDimension, config.KvHeads * config.HeadDimension);
        (_a, _h, _branch, _injected) = (new(d), new(d), new(d), new(d));
        (_queries, _attended, _keys, _values) = (new(queries), new(queries), new(keys), new(keys));
        (_gate, _up, _inner) = (new(config.FeedForwardSize), new(config.FeedForwardSize), new(config.FeedForwardSize));
        (_expert, _mekiGate) = (new(config.MemoryDimension), new(config.MemoryDimension));
        _logits = new(config.VocabularySize);
    }

    /// <summary>Runs tokens through the model at the end of the sequence and appends them to the cache.</summary>
    /// <param name="tokens">Ids within the vocabulary, [n].</param>
    /// <param name="cache">The sequence so far.</param>
    /// <param name="logits">Receives the logits of the last tokens, [k × V]; its length says how many, k may be 0.</param>
    public void Forward(ReadOnlySpan<int> tokens, KvCache cache, Span<float> logits)
    {
        int unscored = tokens.Length - logits.Length / _config.VocabularySize;
        for (int first = 0, n; first < tokens.Length; first += n)
        {
            n = Math.Min(MaxBatch, tokens.Length - first);
            ForwardBatch(tokens.Slice(first, n), cache);

            int silent = Math.Clamp(unscored - first, 0, n);
            if (silent == n)
                continue;
            RmsNorm.Normalize(_a, n, _weights.FinalNorm, _config.NormEps, _h);
            _matMul.Run(_h, silent, n - silent, (_weights.Head, _logits));
            _logits.Rows(0, n - silent).CopyTo(logits[((first + silent - unscored) * _config.VocabularySize)..]);
        }
    }

    private void ForwardBatch(ReadOnlySpan<int> tokens, KvCache cache)
    {
        int n = tokens.Length;
        _experts?.Begin(tokens);
        _a.Reserve(n);
        for (int i = 0; i < n; i++)
            _weights.Embedding.DecodeRow(tokens[i], _a.Row(i));

        for (int layer = 0; layer < _config.Layers; layer++)
        {
            LayerWeights w = _weights.Layers[layer];
            Attend(w, n, cache.Length, cache.Layers[layer]);
            FeedForwardAndInject(w, n, layer);
        }
        cache.Length += n;
    }

    /// <summary>A ← A + W_output · attention(RMSNorm(A))</summary>
    private void Attend(LayerWeights w, int n, int position, KeyValuePages cache)
    {
        RmsNorm.Normalize(_a, n, w.AttentionNorm, _config.NormEps, _h);
        _matMul.Run(_h, 0, n, (w.Query, _queries), (w.Key, _keys), (w.Value, _values));
        if (w.QueryNorm is not null && w.KeyNorm is not null)
        {
            RmsNorm.NormalizeHeads(_queries, n, w.QueryNorm, _config.NormEps);
            RmsNorm.NormalizeHeads(_keys, n, w.KeyNorm, _config.NormEps);
        }
        _rope.Rotate(_queries, n, position);
        _rope.Rotate(_keys, n, position);
        for (int i = 0; i < n; i++)
            cache.Store(position + i, _keys.Row(i), _values.Row(i));
        _attention.Run(_queries, n, position, cache, _attended);
        _matMul.Run(_attended, 0, n, (w.AttentionOutput, _branch));
        Add(_a, _branch, n);
    }

    /// <summary>A' = FFN(H) + y + A, H = RMSNorm(A) (7, 8), with y from the MeKi branch, parallel to the FFN: it shares the FFN's two regions.</summary>
    private void FeedForwardAndInject(LayerWeights w, int n, int layer)
    {
        RmsNorm.Normalize(_a, n, w.FeedForwardNorm, _config.NormEps, _h);
        if (w.MeKi is not { } meki)
        {
            _matMul.Run(_h, 0, n, (w.Gate, _gate), (w.Up, _up));
            Activate(n);
            _matMul.Run(_inner, 0, n, (w.Down, _branch));
            Add(_a, _branch, n);
            return;
        }

        if (_config.GateInput == GateInput.Normalized)
            _matMul.Run(_h, 0, n, (w.Gate, _gate), (w.Up, _up), (meki.Gate, _mekiGate));        // W_g h (4)
        else
        {
            _matMul.Run(_h, 0, n, (w.Gate, _gate), (w.Up, _up));
            _matMul.Run(_a, 0, n, (meki.Gate, _mekiGate));
        }
        Activate(n);
        _matMul.Run(_inner, 0, n, (w.Down, _branch));
        _experts!.Read(layer, _expert);                                                         // e (3), folded: one stored row
        for (int i = 0; i < n; i++)
            SigmoidAdd.Fuse(_expert.Row(i), _mekiGate.Row(i), _mekiGate.Row(i));                // v = e + sigmoid(W_g h) (5)
        _matMul.Run(_mekiGate, 0, n, (meki.Output, _injected));
        RmsNorm.Normalize(_injected, n, meki.PostNorm, _config.NormEps, _injected);             // y = RMSNorm(W_o v) (6)
        Add(_a, _branch, n);
        Add(_a, _injected, n);
    }

    private void Activate(int n)
    {
        _inner.Reserve(n);
        for (int i = 0; i < n; i++)
            SwiGlu.Activate(_gate.Row(i), _up.Row(i), _inner.Row(i));
    }

    private static void Add(ActivationMatrix sum, ActivationMatrix addend, int n) =>
        TensorPrimitives.Add(sum.Rows(0, n), addend.Rows(0, n), sum.Rows(0, n));
}
