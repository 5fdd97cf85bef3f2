using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Kernels.KeyValues;
using MeKi.Quant;

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
    private readonly Head _head;

    // Activations of a batch of n tokens; letters are the paper's.
    private readonly ActivationMatrix _a;         // A, the residual stream        [n × d]
    private readonly ActivationMatrix _h;         // H, its normalisation          [n × d]
    private readonly ActivationMatrix _queries;   //                               [n × heads · D]
    private readonly ActivationMatrix _keys;      //                               [n × KV heads · D]
    private readonly ActivationMatrix _values;    //                               [n × KV heads · D]
    private readonly ActivationMatrix _attended;  //                               [n × heads · D]
    private readonly ActivationMatrix _gate;      // FFN                           [n × FFN]
    private readonly ActivationMatrix _up;        //                               [n × FFN]
    private readonly RowFusion _inner;            // up ⊙ SiLU(gate)               [n × FFN]
    private readonly ActivationMatrix _branch;    // attention's or the FFN's sum  [n × d]
    private readonly ActivationMatrix _mekiGate;  // W_g h                         [n × m]
    private readonly ActivationMatrix _gateInput; // h: _h or _a                   [n × d]
    private readonly RowFusion _fusion;           // v                             [n × m]
    private readonly ActivationMatrix _injected;  // y                             [n × d]

    // What the steps for each token refer to.
    private readonly Action<int> _embed, _normalizeForAttention, _prepareHeads, _storeKeyAndValue, _addBranch, _normalizeForFeedForward, _activate, _fuse, _inject;
    private int[] _ids = [];
    private LayerWeights _w = null!;
    private MeKiWeights? _meki;                   // the branch, while at its place
    private KeyValuePages _kv = null!;
    private int _position, _window;
    private int _first;                           // the batch's token in row 0: the last layer drops some

    public Transformer(ModelConfig config, Weights weights, IExpertRows? experts, ComputePool pool)
    {
        (_config, _weights, _experts) = (config, weights, experts);
        _tokens = new(pool);
        _matMul = new(pool);
        _attention = new(pool, config.Heads, config.KvHeads);
        _rope = new(config.HeadDimension, config.RopeTheta, config.RopeScaling);
        (int d, int queries, int keys) = (config.HiddenSize, config.Heads * config.HeadDimension, config.KvHeads * config.HeadDimension);
        (_a, _h, _branch, _injected) = (new(d), new(d), new(d), new(d));
        (_queries, _attended, _keys, _values) = (new(queries), new(queries), new(keys), new(keys));
        (_gate, _up, _inner) = (new(config.FeedForwardSize), new(config.FeedForwardSize), new(config.FeedForwardSize, Fusion.MultiplicativeSilu));
        (_mekiGate, _fusion) = (new(config.MemoryDimension), new(config.MemoryDimension, config.Fusion));
        _gateInput = config.GateInput == GateInput.Normalized ? _h : _a;
        _head = new(weights.Head, _matMul);
        (_embed, _normalizeForAttention, _prepareHeads, _storeKeyAndValue, _addBranch) = (Embed, NormalizeForAttention, PrepareHeads, StoreKeyAndValue, AddBranch);
        (_normalizeForFeedForward, _activate, _fuse, _inject) = (NormalizeForFeedForward, Activate, Fuse, Inject);
    }

    /// <summary>Runs tokens through the model at the end of the sequence and appends them to the cache.</summary>
    /// <param name="tokens">Ids within the vocabulary, [n].</param>
    /// <param name="following">Those that will come after them, as far as one batch: their rows are read ahead.</param>
    /// <param name="cache">The sequence so far.</param>
    /// <param name="logits">Receives the logits of the last tokens, [k × V]; its length says how many, k may be 0.</param>
    /// <param name="cancellationToken">Ends the work between two batches, or where it waits for rows.</param>
    public void Forward(ReadOnlySpan<int> tokens, ReadOnlySpan<int> following, KvCache cache, Span<float> logits, CancellationToken cancellationToken)
    {
        int unscored = tokens.Length - logits.Length / _config.VocabularySize;
        for (int first = 0, n; first < tokens.Length; first += n)
        {
            cancellationToken.ThrowIfCancellationRequested();
            n = Math.Min(MaxBatch, tokens.Length - first);
            _experts?.Begin(tokens.Slice(first, n), cancellationToken);
            ReadOnlySpan<int> next = first + n < tokens.Length ? tokens.Slice(first + n, Math.Min(MaxBatch, tokens.Length - first - n)) : following;
            if (next.Length > 0)
                _experts?.Prefetch(next);
            int silent = Math.Clamp(unscored - first, 0, n), scored = n - silent;
            ForwardBatch(tokens.Slice(first, n), silent, cache);
            if (scored == 0)
                continue;
            for (int i = 0; i < scored; i++)
                RmsNorm.Normalize(_a.Row(i), _weights.FinalNorm, _config.NormEps, _h.Row(i));
            _head.Run(scored, _h, next.Length == 0 ? _experts : null, logits.Slice((first + silent - unscored) * _config.VocabularySize, scored * _config.VocabularySize));
        }
    }

    /// <summary>A of the batch's tokens but the first <paramref name="silent"/>, whose logits nobody asked for.</summary>
    private void ForwardBatch(ReadOnlySpan<int> tokens, int silent, KvCache cache)
    {
        int n = tokens.Length;
        Reserve(n);
        tokens.CopyTo(_ids);
        (_position, _first) = (cache.Length, 0);
        _rope.Prepare(_position, n);
        _tokens.Run(n, _embed);
        for (int layer = 0; layer < _config.Layers; layer++)
        {
            (_w, _kv, _window) = (_weights.Layers[layer], cache.Layers[layer], _config.Window(layer));
            _experts?.BeginLayer(layer);
            if (layer == _config.Layers - 1 && silent > 0)
            {
                Drop(silent, n);
                n -= silent;
                if (n == 0)
                    break;
            }
            Attend(n);
            InjectAfter(Placement.AfterAttention, n);
            FeedForward(n);
            InjectAfter(Placement.AfterFeedForward, n);
        }
        cache.Length += tokens.Length;
    }

    /// <summary>Of a token whose logits nobody asked for the last layer's keys and values are all that is needed still, by the tokens after it: of 28 layers of a prompt that saves nearly one.</summary>
    private void Drop(int silent, int n)
    {
        _tokens.Run(silent, _normalizeForAttention);
        _matMul.Run(silent, (_h, _w.Key, _keys), (_h, _w.Value, _values));
        _kv.Reserve(_position, silent);
        _tokens.Run(silent, _storeKeyAndValue);
        _a.Rows(silent, n - silent).CopyTo(_a.Rows(0, n - silent));
        _first = silent;
    }

    /// <summary>A ← A + W_output · attention(h), h = RMSNorm(A)</summary>
    private void Attend(int n)
    {
        TurnTo(Placement.ParallelAttention, n);
        _tokens.Run(n, _normalizeForAttention);
        _matMul.Run(n, (_h, _w.Query, _queries), (_h, _w.Key, _keys), (_h, _w.Value, _values), (_gateInput, _meki?.Gate, _mekiGate));
        _kv.Reserve(_position + _first, n);
        _tokens.Run(n, _prepareHeads);
        _attention.Run(_queries, n, _position + _first, _kv, _attended, _window);
        if (_meki is not null)
        {
            _experts!.Await();
            _tokens.Run(n, _fuse);
        }
        _matMul.Run(n, (_attended, _w.AttentionOutput, _branch), (_fusion.Fused, _meki?.Output, _injected));
        _tokens.Run(n, _addBranch);
    }

    /// <summary>A' = FFN(H) + y + A, H = RMSNorm(A) (7, 8). The MeKi branch beside the FFN shares its two regions and the steps between them.</summary>
    private void FeedForward(int n)
    {
        TurnTo(Placement.ParallelFeedForward, n);
        _tokens.Run(n, _normalizeForFeedForward);
        _matMul.Run(n, (_h, _w.Gate, _gate), (_h, _w.Up, _up), (_gateInput, _meki?.Gate, _mekiGate));       // W_g h (4)
        _inner.Reserve(n, _w.Down);
        if (_meki is not null)
            _experts!.Await();
        _tokens.Run(n, _activate);                                                                          // v (5)
        _matMul.Run(n, (_inner.Fused, _w.Down, _branch), (_fusion.Fused, _meki?.Output, _injected));              // W_o v
        _tokens.Run(n, _addBranch);
    }

    /// <summary>A ← A + y, where the branch has that place and no block beside it</summary>
    private void InjectAfter(Placement block, int n)
    {
        TurnTo(block, n);
        if (_meki is null)
            return;
        if (_config.GateInput == GateInput.Normalized)
            _tokens.Run(n, _normalizeForFeedForward);
        _matMul.Run(n, (_gateInput, _meki.Gate, _mekiGate));
        _experts!.Await();
        _tokens.Run(n, _fuse);
        _matMul.Run(n, (_fusion.Fused, _meki.Output, _injected));
        _tokens.Run(n, _inject);
    }

    private void TurnTo(Placement placement, int n)
    {
        _meki = _config.Placement == placement ? _w.MeKi : null;
        if (_meki is not null)
            _fusion.Reserve(n, _meki.Output);
    }

    private void Embed(int i) => _weights.Embedding.DecodeRow(_ids[i], _a.Row(i));

    private void NormalizeForAttention(int i) => RmsNorm.Normalize(_a.Row(i), _w.AttentionNorm, _config.NormEps, _h.Row(i));

    private void PrepareHeads(int i)
    {
        PrepareHead(_queries.Row(i), _w.QueryNorm, i);
        StoreKeyAndValue(i);
    }

    private void StoreKeyAndValue(int i)
    {
        PrepareHead(_keys.Row(i), _w.KeyNorm, i);
        _kv.Store(_position + _first + i, _keys.Row(i), _values.Row(i));
    }

    private void PrepareHead(Span<float> heads, float[]? norm, int i)
    {
        if (norm is not null)
            RmsNorm.NormalizeHeads(heads, norm, _config.NormEps);
        _rope.Rotate(heads, _first + i);
    }

    private void NormalizeForFeedForward(int i) => RmsNorm.Normalize(_a.Row(i), _w.FeedForwardNorm, _config.NormEps, _h.Row(i));

    /// <summary>SwiGLU (Shazeer, 2020), and the branch beside it</summary>
    private void Activate(int i)
    {
        _inner.Fuse(i, StoredRow.OfFloats(_up.Row(i)), _gate.Row(i));
        if (_meki is not null)
            Fuse(i);
    }

    /// <summary>v = e + sigmoid(W_g h) (5) or a variant (17); e (3) is one stored row, or computed in the training form</summary>
    private void Fuse(int i) => _fusion.Fuse(i, _experts!.Row(_first + i), _mekiGate.Row(i));

    /// <summary>A ← A + attention or FFN, + y where the branch is beside it</summary>
    private void AddBranch(int i)
    {
        TensorPrimitives.Add(_a.Row(i), _branch.Row(i), _a.Row(i));
        if (_meki is not null)
            Inject(i);
    }

    /// <summary>A ← A + y, y = RMSNorm(W_o v) (6)</summary>
    private void Inject(int i)
    {
        RmsNorm.Normalize(_injected.Row(i), _meki!.PostNorm, _config.NormEps, _injected.Row(i));
        TensorPrimitives.Add(_a.Row(i), _injected.Row(i), _a.Row(i));
    }

    private void Reserve(int n)
    {
        if (_ids.Length < n)
            _ids = new int[n];
        _a.Reserve(n);
        _h.Reserve(n);
    }
}
