using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Operations;
using MeKi.Model.Adapters;
using MeKi.Model.Architectures;

namespace MeKi.Model.Layers;

/// <summary>
/// One forward pass over a batch of tokens, which may be of several sequences: the activations, and the operations that an architecture's layer is a list of.
/// Products run over all tokens, attention over each sequence's. For one thread at a time.
/// </summary>
internal sealed class Pass
{
    /// <summary>Tokens that pass through the layers together. Bounds the activations: 256 × 9,728 × 4 B = 10 MB for a 4B model's widest.</summary>
    public const int MaxBatch = 256;

    // So many parts of an FFN's activation, of one token or of four, take longer on one thread than a region's begin and end.
    private const int PartsOfOne = 16, PartsOfFour = 4;

    private readonly ModelConfig _config;
    private readonly ModelWeights _weights;
    private readonly ParallelLoop _each;
    private readonly MatMul _matMul;
    private readonly Attention _attention;
    private readonly Rope[] _ropes;          // one for each kind of rotary embedding
    private readonly int[] _ropeOfLayer;     // −1: none
    private readonly OutputHead _head;
    private readonly int _lastStored;        // the last layer whose keys and values anybody reads

    private readonly ActivationMatrix _queries = new();
    private readonly ActivationMatrix _keys = new();
    private readonly ActivationMatrix _values = new();
    private readonly RowFusion _inner;
    private int[] _ids = [], _positions = [], _tokens = [];
    private Placed[] _segments = [];
    private int _segmentCount;
    private int _layer;
    private bool _adapts;

    public Pass(ModelConfig config, ModelWeights weights, TokenRows? rows, ComputePool pool)
    {
        (_config, _weights) = (config, weights);
        (_each, _matMul, _attention) = (new(pool), new(pool), new(pool));
        (RotaryEmbedding Rotary, int HeadSize)[] kinds =
            [.. config.Geometry.Where(layer => layer.Rotary is not null).Select(layer => (layer.Rotary!, layer.HeadSize)).Distinct()];
        _inner = new(config.Architecture.Activation);
        _ropes = [.. kinds.Select(kind => new Rope(kind.Rotary.Dimension, kind.Rotary.Theta, kind.Rotary.Scaling, kind.HeadSize, kind.Rotary.Neighbours))];
        _ropeOfLayer = [.. config.Geometry.Select(layer => layer.Rotary is null ? -1 : Array.IndexOf(kinds, (layer.Rotary, layer.HeadSize)))];
        _lastStored = config.Geometry.Max(layer => layer.KeysFrom);
        _head = new(weights.Head, _matMul, _each, config.LogitCap, config.SuppressedTokens);
        Sides = [.. Enumerable.Range(0, config.Architecture.SideStreams).Select(_ => new ActivationMatrix(config.HiddenSize))];
        Branch = rows is null ? null : new(config, rows);
        (X, H, Y, A, R) = (new(config.HiddenSize), new(config.HiddenSize), new(config.HiddenSize), new(config.HiddenSize), new(config.HiddenSize));
    }

    /// <summary>Tokens in the pass; fewer once those nobody wants have left.</summary>
    public int Count { get; private set; }

    /// <summary>The residual stream, [n × d].</summary>
    public ActivationMatrix X { get; }

    /// <summary>The residual streams beside it, each [n × d].</summary>
    public ActivationMatrix[] Sides { get; }

    /// <summary>Its normalisation, [n × d].</summary>
    public ActivationMatrix H { get; }

    /// <summary>What a block adds to the stream, [n × d].</summary>
    public ActivationMatrix Y { get; }

    /// <summary>The stream within a layer that leaves <see cref="X"/> as it is, [n × d].</summary>
    public ActivationMatrix A { get; }

    /// <summary>The middle of a low-rank path beside attention, [n × rank].</summary>
    public ActivationMatrix L { get; } = new();

    /// <summary>What that path adds, [n × d].</summary>
    public ActivationMatrix R { get; }

    /// <summary>What attention gathered, [n × heads · D].</summary>
    public ActivationMatrix Attended { get; } = new();

    /// <summary>The FFN's gate, [n × FFN].</summary>
    public ActivationMatrix G { get; } = new();

    /// <summary>The FFN's other half, [n × FFN].</summary>
    public ActivationMatrix U { get; } = new();

    /// <summary>What <see cref="Activate"/> made, [n × FFN]: an input for the product it was told, and no other.</summary>
    public ActivationMatrix Inner => _inner.Fused;

    /// <summary>The model's numbers.</summary>
    public ModelConfig Config => _config;

    /// <summary>The weights that are no layer's.</summary>
    public LayerWeights Globals => _weights.Globals;

    /// <summary>The token-row branch; null where the model has none.</summary>
    public TokenRowBranch? Branch { get; }

    /// <summary>Told before each region of products a matrix, its input and that one's rows; null for nobody.</summary>
    public Action<Linear, ActivationMatrix, int>? Inputs { get; set; }

    /// <summary>Runs a batch and appends it to its sequences' caches.</summary>
    /// <param name="tokens">Ids within the vocabulary, those of all segments in order, [n], at most <see cref="MaxBatch"/>.</param>
    /// <param name="segments">Whose they are.</param>
    /// <param name="next">The tokens that follow, where that is known: their rows are read meanwhile. Empty: the likeliest next token's are, once it can be
    /// guessed.</param>
    /// <param name="logits">Receives the logits of the wanted tokens, [wanted × V].</param>
    /// <param name="cancellationToken">Ends waiting for rows.</param>
    /// <param name="capped">Whether logits get the model's soft cap, if it has one; without it their order is the same.</param>
    public void Run(ReadOnlySpan<int> tokens, ReadOnlySpan<Segment> segments, ReadOnlySpan<int> next, Span<float> logits, CancellationToken cancellationToken,
        bool capped = true)
    {
        RunLayers(tokens, segments, next, cancellationToken);
        if (logits.Length == 0)
            return;
        Exit();
        if (Count > 1 || next.Length > 0 || Branch is null || !_head.IsDivided)
        {
            AddAdapters(0, _head.Linear);
            _head.Run(Count, H, logits, capped);
            return;
        }
        AddAdapters(0, _head.Linear);
        int first = _head.RunFirst(H, logits, capped);
        Branch.Rows.Prefetch([TensorPrimitives.IndexOfMax(logits[..first])]);
        AddAdapters(0, _head.Linear, _head.FirstPanels);
        _head.RunRest(H, logits, capped);
    }

    /// <summary>Likewise, for what the head would see.</summary>
    /// <param name="tokens">As for <see cref="Run"/>.</param>
    /// <param name="segments">As there.</param>
    /// <param name="hidden">Receives the last layer's output of the wanted tokens, normalised, [wanted × d].</param>
    /// <param name="cancellationToken">As there.</param>
    public void RunToHidden(ReadOnlySpan<int> tokens, ReadOnlySpan<Segment> segments, Span<float> hidden, CancellationToken cancellationToken)
    {
        RunLayers(tokens, segments, [], cancellationToken);
        if (hidden.Length == 0)
            return;
        Exit();
        for (int row = 0; row < Count; row++)
            H.Row(row).CopyTo(hidden.Slice(row * _config.HiddenSize, _config.HiddenSize));
    }

    /// <summary>X ← E[token], perhaps scaled.</summary>
    public void Embed() => _each.Run(Count, new EmbedStep(this));

    /// <summary>y ← RMSNorm(x) with a weight.</summary>
    public void Normalize(ActivationMatrix x, float[] weight, ActivationMatrix y)
    {
        y.Reserve(Count);
        _each.Run(Count, new NormalizeStep(x, weight, _config.NormEps, y));
    }

    /// <summary>y ← RMSNorm(y) with a weight.</summary>
    public void NormalizeInPlace(ActivationMatrix y, float[] weight) => _each.Run(Count, new NormalizeStep(y, weight, _config.NormEps, y));

    /// <summary>What a family does for each token on its own.</summary>
    public void Each<TStep>(TStep step)
        where TStep : struct, ILoopStep => _each.Run(Count, step);

    /// <summary>Products of one region; those without a matrix are left out.</summary>
    public void Multiply(Product first, Product second = default, Product third = default, Product fourth = default)
    {
        AddAdapters(0, first.Linear);
        AddAdapters(1, second.Linear);
        AddAdapters(2, third.Linear);
        AddAdapters(3, fourth.Linear);
        if (Inputs is not null)
            Show(first, second, third, fourth);
        _matMul.Run(Count, Shaped(first), Shaped(second), Shaped(third), Shaped(fourth));
        Complete(first);
        Complete(second);
        Complete(third);
        Complete(fourth);
    }

    /// <summary>
    /// Queries, keys and values of h: normalised by head and turned, where the layer does that; keys and values go to the cache. After the last layer whose
    /// keys and values anybody reads, tokens whose logits nobody wants leave the pass. A layer that reads another's has queries only.
    /// </summary>
    /// <param name="h">The block's input.</param>
    /// <param name="w">The layer.</param>
    /// <param name="beside">A product that shares the region.</param>
    public void QueriesKeysValues(ActivationMatrix h, LayerWeights w, Product beside = default)
    {
        if (_layer == _lastStored && WantedCount() < Count)
        {
            Multiply((h, w.Key, _keys), (h, w.Value, _values));
            Reserve(w);
            _each.Run(Count, new StoreStep(this, w), StoredTogether);
            Leave(h);
            if (Count == 0)
                return;
        }
        else if (_config.Geometry[_layer].KeysFrom == _layer)
        {
            Multiply((h, w.Query, _queries), (h, w.Key, _keys), (h, w.Value, _values), beside);
            Reserve(w);
            _each.Run(Count, new HeadsStep(this, w), StoredTogether);
            return;
        }
        Multiply((h, w.Query, _queries), beside);
        _each.Run(Count, new QueryStep(this, w), ParallelLoop.FewTokens);
    }

    /// <summary>Attended ← softmax(q · Kᵀ) V, of each sequence; one region.</summary>
    public void Attend()
    {
        LayerGeometry geometry = _config.Geometry[_layer];
        Attended.Shape(geometry.QueryWidth);
        Attended.Reserve(Count);
        foreach (Placed segment in _segments.AsSpan(0, _segmentCount))
            _attention.Add(_queries, segment.Row, segment.Rows, _positions[segment.Row], segment.Cache.Of(geometry.KeysFrom), Attended, geometry.ScoreScale,
                geometry.Window);
        _attention.Run();
    }

    /// <summary>Inner ← up ⊙ act(gate), as the product with <paramref name="down"/> takes it; and the v of a branch beside it.</summary>
    public void Activate(ActivationMatrix gate, ActivationMatrix up, Linear down, TokenRowBranch? branch = null)
    {
        _inner.Reserve(Count, down.Weight);
        // One token's row may arrive while its activation is computed; of several both are one region.
        if (branch is { IsHere: true } && Count > 1)
        {
            branch.Prepare(Count);
            _each.Run(_inner.Parts + Count, new ActivateAndFuseStep(_inner, gate, up, branch, _tokens), PartsOfFour);
            return;
        }
        _each.Run(_inner.Parts, new ActivateStep(_inner, gate, up), Count == 1 ? PartsOfOne : PartsOfFour);
        if (branch is not null)
            Fuse(branch);
    }

    /// <summary>Gates become what of them lies above a cut, a multiple of their deviation above their mean; where the layer is sparse.</summary>
    public void CutGates(ActivationMatrix gate, int layer)
    {
        if (_config.GateCuts is { Count: > 0 } cuts && cuts[layer] > 0)
            _each.Run(Count, new CutStep(gate, cuts[layer]));
    }

    /// <summary>to ← scale · (a + b + c + d).</summary>
    public void Gather(float scale, ActivationMatrix to, ActivationMatrix a, ActivationMatrix b, ActivationMatrix c, ActivationMatrix d)
    {
        to.Reserve(Count);
        _each.Run(Count, new GatherStep(scale, to, a, b, c, d));
    }

    /// <summary>x ← x + RMSNorm(y) with a weight; y becomes its norm.</summary>
    public void AddNormalized(ActivationMatrix y, float[] weight, ActivationMatrix x) => _each.Run(Count, new AddNormalizedStep(y, weight, _config.NormEps, x));

    /// <summary>x ← scale · x.</summary>
    public void Scale(ActivationMatrix x, float scale) => _each.Run(Count, new ScaleStep(x, scale));

    /// <summary>The v of a branch where it stands here.</summary>
    public void Fuse(TokenRowBranch branch)
    {
        if (!branch.IsHere)
            return;
        branch.Prepare(Count);
        _each.Run(Count, new FuseStep(branch, _tokens));
    }

    /// <summary>x ← x + y; + the branch's where it stands here.</summary>
    public void Add(ActivationMatrix y, ActivationMatrix x, TokenRowBranch? branch = null)
    {
        if (branch is { IsHere: true })
            _each.Run(Count, new AddAndInjectStep(y, x, branch));
        else
            _each.Run(Count, new AddStep(y, x));
    }

    /// <summary>The whole branch after a block, where it stands there: x ← x + y.</summary>
    public void Inject(TokenRowBranch branch, LayerWeights w, Placement after)
    {
        branch.TurnTo(w, after, X, H);
        if (!branch.IsHere)
            return;
        if (branch.SeesNormalized)
            Normalize(X, w.FeedForwardNorm, H);
        Multiply(branch.GateProduct);
        Fuse(branch);
        Multiply(branch.OutputProduct);
        _each.Run(Count, new InjectStep(X, branch));
    }

    private void RunLayers(ReadOnlySpan<int> tokens, ReadOnlySpan<Segment> segments, ReadOnlySpan<int> next, CancellationToken cancellationToken)
    {
        Branch?.Rows.Begin(tokens, cancellationToken);
        if (next.Length > 0)
            Branch?.Rows.Prefetch(next);
        Place(tokens, segments);
        foreach (Rope rope in _ropes)
            rope.Prepare(_positions.AsSpan(0, Count));
        _config.Architecture.Enter(this);
        for (_layer = 0; _layer < _config.Layers && Count > 0; _layer++)
            _config.Architecture.Layer(this, _weights.Layers[_layer]);
        foreach (Segment segment in segments)
            segment.Cache.Advance(segment.Count);
    }

    private void Exit()
    {
        _config.Architecture.Exit(this);
        for (int row = 0; row < Count; row++)
            RmsNorm.Normalize(X.Row(row), _weights.FinalNorm, _config.NormEps, H.Row(row));
    }

    /// <summary>Tells the region that follows what adapters add to one of its products.</summary>
    /// <param name="product">Which.</param>
    /// <param name="linear">Its matrix.</param>
    /// <param name="firstPanel">The first of the matrix's panels that it is computed with.</param>
    private void AddAdapters(int product, Linear? linear, int firstPanel = 0)
    {
        if (!_adapts || linear is null)
            return;
        for (int i = 0; i < _segmentCount; i++)
        {
            Placed segment = _segments[i];
            int rows = segment.Rows;
            // Neighbours with the same adapters are one.
            while (i + 1 < _segmentCount && AdapterSet.Same(_segments[i + 1].Adapters, segment.Adapters))
                rows += _segments[++i].Rows;
            for (int each = 0; each < (segment.Adapters?.Count ?? 0) && rows > 0; each++)
            {
                (PackedAdapter adapter, float scale) = segment.Adapters![each];
                if (adapter.Of(linear) is { } pair)
                {
                    _matMul.Add(product, new(pair.A.Panels, pair.B.Panels, pair.FirstColumn, firstPanel, pair.BytesBehind, pair.Scale * scale,
                        segment.Row, rows));
                }
            }
        }
    }

    private void Show(params ReadOnlySpan<Product> products)
    {
        foreach (Product product in products)
        {
            if (product.Linear is not null)
                Inputs!(product.Linear, product.Input, Count);
        }
    }

    private static (ActivationMatrix Input, PanelMatrix? Weight, ActivationMatrix Output) Shaped(Product product)
    {
        if (product.Linear is null)
            return default;
        product.Output.Shape(product.Linear.Weight.Rows);
        return (product.Input, product.Linear.Weight, product.Output);
    }

    private void Complete(Product product)
    {
        if (product.Linear is { IsPlain: false } linear)
            _each.Run(Count, new CompleteStep(product.Output, linear));
    }

    private void Place(ReadOnlySpan<int> tokens, ReadOnlySpan<Segment> segments)
    {
        if (_ids.Length < tokens.Length)
            (_ids, _positions, _tokens) = (new int[tokens.Length], new int[tokens.Length], new int[tokens.Length]);
        if (_segments.Length < segments.Length)
            _segments = new Placed[segments.Length];
        tokens.CopyTo(_ids);
        (Count, _segmentCount) = (tokens.Length, segments.Length);
        int row = 0;
        _adapts = false;
        for (int i = 0; i < segments.Length; i++)
        {
            _segments[i] = new(segments[i].Cache, row, segments[i].Count, segments[i].Wanted, segments[i].Adapters);
            _adapts |= segments[i].Adapters is not null;
            for (int token = 0; token < segments[i].Count; token++, row++)
                (_positions[row], _tokens[row]) = (segments[i].Cache.Length + token, row);
        }
        X.Reserve(Count);
        H.Reserve(Count);
        foreach (ActivationMatrix side in Sides)
            side.Reserve(Count);
    }

    private int WantedCount()
    {
        int wanted = 0;
        foreach (Placed segment in _segments.AsSpan(0, _segmentCount))
            wanted += segment.Wanted;
        return wanted;
    }

    /// <summary>Takes the tokens that nobody wants out of the batch: the others' rows move together.</summary>
    private void Leave(ActivationMatrix h)
    {
        int to = 0, left = 0;
        for (int i = 0; i < _segmentCount; i++)
        {
            Placed segment = _segments[i];
            int from = segment.Row + segment.Rows - segment.Wanted;
            X.Rows(from, segment.Wanted).CopyTo(X.Rows(to, segment.Wanted));
            h.Rows(from, segment.Wanted).CopyTo(h.Rows(to, segment.Wanted));
            foreach (ActivationMatrix side in Sides)
                side.Rows(from, segment.Wanted).CopyTo(side.Rows(to, segment.Wanted));
            _positions.AsSpan(from, segment.Wanted).CopyTo(_positions.AsSpan(to));
            _tokens.AsSpan(from, segment.Wanted).CopyTo(_tokens.AsSpan(to));
            if (segment.Wanted > 0)
                _segments[left++] = segment with { Row = to, Rows = segment.Wanted };
            to += segment.Wanted;
        }
        (Count, _segmentCount) = (to, left);
        Branch?.Rows.Keep(_tokens.AsSpan(0, Count));
    }

    private void Reserve(LayerWeights w)
    {
        // Keys that are values, too, are taken over before they are normalised and turned.
        if (w.Value is null)
        {
            _values.Shape(_keys.Columns);
            _values.Reserve(Count);
        }
        foreach (Placed segment in _segments.AsSpan(0, _segmentCount))
            segment.Cache.Of(w.Index).Reserve(_positions[segment.Row], segment.Rows);
    }

    // Keys of sixteen positions share cache lines: of a prompt one thread stores so many in a row.
    private int StoredTogether => Count < 64 ? ParallelLoop.FewTokens : 16;

    private LayerCache PagesOf(int row, int layer)
    {
        int i = 0;
        while (row >= _segments[i].Row + _segments[i].Rows)
            i++;
        return _segments[i].Cache.Of(layer);
    }

    private void PrepareHeads(Span<float> heads, float[]? norm, int row)
    {
        if (norm is not null)
            RmsNorm.NormalizeHeads(heads, norm, _config.NormEps);
        if (_ropeOfLayer[_layer] is >= 0 and int rope)
            _ropes[rope].Rotate(heads, _tokens[row]);
    }

    /// <summary>A segment's rows in the batch.</summary>
    private readonly record struct Placed(KvCache Cache, int Row, int Rows, int Wanted, AdapterSet? Adapters);

    private readonly struct EmbedStep(Pass pass) : ILoopStep
    {
        public void Invoke(int token)
        {
            Span<float> x = pass.X.Row(token);
            pass._weights.Embedding.DecodeRow(pass._ids[token], x);
            if (pass._config.EmbeddingScale != 1)
                TensorPrimitives.Multiply(x, pass._config.EmbeddingScale, x);
        }
    }

    private readonly struct QueryStep(Pass pass, LayerWeights w) : ILoopStep
    {
        public void Invoke(int token) => pass.PrepareHeads(pass._queries.Row(token), w.QueryNorm, token);
    }

    private readonly struct StoreStep(Pass pass, LayerWeights w) : ILoopStep
    {
        public void Invoke(int token)
        {
            Span<float> values = pass._values.Row(token);
            if (w.Value is null)
                pass._keys.Row(token).CopyTo(values);
            if (pass._config.Geometry[w.Index] is { NormalizesValues: true } geometry)
                RmsNorm.NormalizeHeads(values, geometry.HeadSize, pass._config.NormEps);
            pass.PrepareHeads(pass._keys.Row(token), w.KeyNorm, token);
            pass.PagesOf(token, w.Index).Store(pass._positions[token], pass._keys.Row(token), values);
        }
    }

    private readonly struct HeadsStep(Pass pass, LayerWeights w) : ILoopStep
    {
        public void Invoke(int token)
        {
            new QueryStep(pass, w).Invoke(token);
            new StoreStep(pass, w).Invoke(token);
        }
    }
}
