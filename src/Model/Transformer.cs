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
    private readonly TokenLoop _tokens;
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

    // What the steps for each token refer to.
    private readonly Action<int> _embed, _normalizeForAttention, _prepareHeads, _addBranch, _normalizeForFeedForward, _activate, _fuse, _inject;
    private int[] _ids = [];
    private LayerWeights _w = null!;
    private KeyValuePages _kv = null!;
    private int _position;

    public Transformer(ModelConfig config, Weights weights, IExpertRows? experts, ComputePool pool)
    {
        (_config, _weights, _experts) = (config, weights, experts);
        _tokens = new(pool);
        _matMul = new(pool);
        _attention = new(pool, config.Heads, config.KvHeads);
        _rope = new(config.HeadDimension, config.RopeTheta);
        (int d, int queries, int keys) = (config.HiddenSize, config.Heads * config.HeadDimension, config.KvHeads * config.HeadDimension);
        (_a, _h, _branch, _injected) = (new(d), new(d), new(d), new(d));
        (_queries, _attended, _keys, _values) = (new(queries), new(queries), new(keys), new(keys));
        (_gate, _up, _inner) = (new(config.FeedForwardSize), new(config.FeedForwardSize), new(config.FeedForwardSize));
        (_expert, _mekiGate) = (new(config.MemoryDimension), new(config.MemoryDimension));
        _logits = new(config.VocabularySize);
        (_embed, _normalizeForAttention, _prepareHeads, _addBranch) = (Embed, NormalizeForAttention, PrepareHeads, AddBranch);
        (_normalizeForFeedForward, _activate, _fuse, _inject) = (NormalizeForFeedForward, Activate, Fuse, Inject);
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
        Reserve(n);
        tokens.CopyTo(_ids);
        _position = cache.Length;
        _rope.Prepare(_position, n);
        _experts?.Begin(tokens);
        _tokens.Run(n, _embed);
        for (int layer = 0; layer < _config.Layers; layer++)
        {
            (_w, _kv) = (_weights.Layers[layer], cache.Layers[layer]);
            Attend(n);
            FeedForwardAndInject(n, layer);
        }
        cache.Length += n;
    }

    /// <summary>A ← A + W_output · attention(RMSNorm(A))</summary>
    private void Attend(int n)
    {
        _tokens.Run(n, _normalizeForAttention);
        _matMul.Run(_h, 0, n, (_w.Query, _queries), (_w.Key, _keys), (_w.Value, _values));
        _kv.Reserve(_position + n);
        _tokens.Run(n, _prepareHeads);
        _attention.Run(_queries, n, _position, _kv, _attended);
        _matMul.Run(_attended, 0, n, (_w.AttentionOutput, _branch));
        _tokens.Run(n, _addBranch);
    }

    /// <summary>A' = FFN(H) + y + A, H = RMSNorm(A) (7, 8), with y from the MeKi branch, parallel to the FFN: it shares the FFN's two regions.</summary>
    private void FeedForwardAndInject(int n, int layer)
    {
        _tokens.Run(n, _normalizeForFeedForward);
        if (_w.MeKi is not { } meki)
        {
            _matMul.Run(_h, 0, n, (_w.Gate, _gate), (_w.Up, _up));
            _tokens.Run(n, _activate);
            _matMul.Run(_inner, 0, n, (_w.Down, _branch));
            _tokens.Run(n, _addBranch);
            return;
        }

        if (_config.GateInput == GateInput.Normalized)
            _matMul.Run(_h, 0, n, (_w.Gate, _gate), (_w.Up, _up), (meki.Gate, _mekiGate));      // W_g h (4)
        else
        {
            _matMul.Run(_h, 0, n, (_w.Gate, _gate), (_w.Up, _up));
            _matMul.Run(_a, 0, n, (meki.Gate, _mekiGate));
        }
        _tokens.Run(n, _activate);
        _experts!.Read(layer, _expert);                                                         // e (3), folded: one stored row
        _tokens.Run(n, _fuse);
        _matMul.Run(_inner, 0, n, (_w.Down, _branch));
        _matMul.Run(_mekiGate, 0, n, (meki.Output, _injected));                                 // W_o v
        _tokens.Run(n, _inject);
    }

    private void Embed(int i) => _weights.Embedding.DecodeRow(_ids[i], _a.Row(i));

    private void NormalizeForAttention(int i) => RmsNorm.Normalize(_a.Row(i), _w.AttentionNorm, _config.NormEps, _h.Row(i));

    private void PrepareHeads(int i)
    {
        if (_w.QueryNorm is not null && _w.KeyNorm is not null)
        {
            RmsNorm.NormalizeHeads(_queries.Row(i), _w.QueryNorm, _config.NormEps);
            RmsNorm.NormalizeHeads(_keys.Row(i), _w.KeyNorm, _config.NormEps);
        }
        _rope.Rotate(_queries.Row(i), i);
        _rope.Rotate(_keys.Row(i), i);
        _kv.Store(_position + i, _keys.Row(i), _values.Row(i));
    }

    private void AddBranch(int i) => TensorPrimitives.Add(_a.Row(i), _branch.Row(i), _a.Row(i));

    private void NormalizeForFeedForward(int i) => RmsNorm.Normalize(_a.Row(i), _w.FeedForwardNorm, _config.NormEps, _h.Row(i));

    private void Activate(int i) => SwiGlu.Activate(_gate.Row(i), _up.Row(i), _inner.Row(i));

    /// <summary>v = e + sigmoid(W_g h) (5)</summary>
    private void Fuse(int i) => SigmoidAdd.Fuse(_expert.Row(i), _mekiGate.Row(i), _mekiGate.Row(i));

    /// <summary>A ← A + FFN(H) + y, y = RMSNorm(W_o v) (6)</summary>
    private void Inject(int i)
    {
        RmsNorm.Normalize(_injected.Row(i), _w.MeKi!.PostNorm, _config.NormEps, _injected.Row(i));
        AddBranch(i);
        TensorPrimitives.Add(_a.Row(i), _injected.Row(i), _a.Row(i));
    }

    private void Reserve(int n)
    {
        if (_ids.Length < n)
            _ids = new int[n];
        _a.Reserve(n);
        _h.Reserve(n);
        _inner.Reserve(n);
    }
}
