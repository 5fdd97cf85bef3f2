using MeKi.Kernels.Allocation;
using MeKi.Kernels.Attending;
using MeKi.Kernels.Kv;

namespace MeKi.Kernels.Operations;

/// <summary>
/// Causal grouped-query attention over the KV cache: each query head h of each token reads the keys and values of KV head h / group at positions up to its own
/// (or the last few of them: a sliding window), <c>softmax(q · Kᵀ / sqrt(D)) · V</c>. The queries that share a KV head meet each page of keys and values
/// together. A page gives a largest score, a sum of weights and a weighted sum of values; the pages' results are joined in their order, as the online softmax
/// does (Milakov and Gimelshein, 2018).
/// </summary>
/// <remarks>
/// The rows of all sequences share a region. Few tokens of one are in it KV heads × pages, so that every core works at any number of heads, and who ends a
/// head's last page joins the head's pages. Many are KV heads × tiles of tokens, each with a running result. Pages' results are kept for so many pages as fit a
/// fixed room, then joined: what is held does not grow with depth. A query meets the same pages in the same order whatever tokens are beside it and whoever
/// computes them: the bits depend neither on threads nor on how a prompt is cut.
/// </remarks>
internal sealed unsafe class Attention : Region
{
    // Rows of all parts of a KV head together, and as many regions as pages need: 2.2 MB for 8 KV heads of 128 columns. One token with two heads a group,
    // padded to four rows, has 32,768 positions in one region, a tile of 96 rows 1,280.
    public const int PartRows = 512;

    // Fewer queries of a KV head, copied and scaled, do not outweigh a region's start and end.
    private const int ParallelQueries = 64;

    private readonly ComputePool _pool;
    private readonly AttentionKernels _kernels;
    private readonly ParallelLoop _heads;
    private readonly AttentionQueries _prepared = new();
    private readonly PinnedFloats _parts = new();
    private readonly List<AttendingRows> _rows = [];
    private int _count;

    /// <summary>Prepares to attend with the kernels of <see cref="KernelSelection"/>.</summary>
    /// <param name="pool">The threads to run on.</param>
    public Attention(ComputePool pool)
        : this(pool, KernelSet.Selected.Attention)
    {
    }

    internal Attention(ComputePool pool, AttentionKernels kernels) => (_pool, _kernels, _heads) = (pool, kernels, new(pool));

    /// <summary>
    /// Bytes held for results of pages: at most 512 rows for each KV head, whatever the depth, or two of each sequence's where that is more.
    /// </summary>
    internal long PartBytes => _parts.Count * sizeof(float);

    /// <summary>
    /// Attends for some rows of one sequence; row <paramref name="firstRow"/> + r stands at <paramref name="firstPosition"/> + r, and its own key and value are
    /// in the cache already.
    /// </summary>
    /// <param name="queries">Rotated queries, [rows × heads · D].</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="tokens">Rows.</param>
    /// <param name="firstPosition">Position of the first row.</param>
    /// <param name="cache">The layer's keys and values; their heads divide those of the queries.</param>
    /// <param name="output">The result, [rows × heads · D], in the same rows; made room for.</param>
    /// <param name="scale">What scores are multiplied with; 0 for 1 / √D.</param>
    /// <param name="window">How many positions a token sees, its own included, at least 1; pages before them are not read.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or sizes are beyond 31 bits.</exception>
    public void Run(ActivationMatrix queries, int firstRow, int tokens, int firstPosition, LayerCache cache, ActivationMatrix output, float scale = 0,
        int window = int.MaxValue)
    {
        Add(queries, firstRow, tokens, firstPosition, cache, output, scale, window);
        Run();
    }

    /// <summary>Adds some rows of one sequence to the next <see cref="Run()"/>: of the same layer as the others'; parameters as there.</summary>
    public void Add(ActivationMatrix queries, int firstRow, int tokens, int firstPosition, LayerCache cache, ActivationMatrix output, float scale = 0,
        int window = int.MaxValue)
    {
        int place = _count;
        // Where this throws, what was added before it is forgotten.
        _count = 0;
        if (place == _rows.Count)
            _rows.Add(new(_kernels, _prepared));
        _rows[place].Set(queries, firstRow, tokens, firstPosition, cache, output, scale, window);
        _count = place + (tokens > 0 ? 1 : 0);
    }

    /// <summary>Attends for what was added.</summary>
    public void Run()
    {
        try
        {
            if (_count > 0)
                RunRegions();
        }
        finally
        {
            _count = 0;
        }
    }

    private void RunRegions()
    {
        int queries = 0, items = 0, heads = _count * _rows[0].KvHeads;
        long parts = 0;
        for (int i = 0; i < _count; i++)
        {
            _rows[i].Place(queries, PartRows / _count);
            queries += AttentionKernels.PaddedRows(_rows[i].Queries);
            parts += _rows[i].PartFloats;
        }
        _prepared.Reserve(_rows[0].Layout, queries, _rows[0].Scale);
        _heads.Run(heads, new PrepareHead(this), queries < ParallelQueries ? heads : 1);
        float* part = _parts.Reserve(parts);
        for (int i = 0; i < _count; part += _rows[i++].PartFloats)
        {
            _rows[i].Begin(part);
            items += _rows[i].Items;
        }
        while (items > 0)
        {
            _pool.Run(this, items, chunk: 1);
            items = 0;
            for (int i = 0; i < _count; i++)
            {
                _rows[i].Continue();
                items += _rows[i].Items;
            }
        }
    }

    /// <inheritdoc/>
    public override void Execute(int begin, int end)
    {
        for (int item = begin; item < end; item++)
        {
            // From the last rows on: prompts, whose items are long, stand behind texts that are generated.
            int i = _count - 1, of = item;
            for (; of >= _rows[i].Items; i--)
                of -= _rows[i].Items;
            _rows[i].Attend(of);
        }
    }

    private readonly struct PrepareHead(Attention attention) : ILoopStep
    {
        public void Invoke(int item)
        {
            int heads = attention._rows[0].KvHeads;
            attention._rows[item / heads].Prepare(item % heads);
        }
    }
}
