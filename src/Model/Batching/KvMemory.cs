using MeKi.Kernels.Kv;
using MeKi.Model.Adapters;

namespace MeKi.Model.Batching;

/// <summary>
/// The memory for keys and values of the engine's own sequences: who is let in, what they share, and who has to go when it is full. For the engine's thread.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="limit">Bytes.</param>
internal sealed class KvMemory(LoadedModel model, long limit)
{
    // Where a sequence that is being computed will soon have so many more tokens than are there, it is worth waiting for.
    private const int WorthWaiting = 16;

    private readonly KvMeter _meter = new();
    private readonly PrefixTree _tree = new();
    private readonly List<PrefixNode> _path = [];
    private readonly List<KvPage[]> _pages = [];

    /// <summary>Bytes in use, those that nobody but the tree holds included.</summary>
    public long Bytes => _meter.Bytes;

    /// <summary>The most bytes.</summary>
    public long Limit => limit;

    /// <summary>Tokens of a sequence that there is room for.</summary>
    public static int CapacityOf(LoadedModel model, long limit)
    {
        int least = Math.Min(KvPage.Positions, model.Config.ContextLength), most = model.Config.ContextLength;
        while (least < most)
        {
            int middle = (int)(((long)least + most + 1) / 2);
            (least, most) = model.Kv.BytesOf(middle) <= limit ? (middle, most) : (least, middle - 1);
        }
        return least;
    }

    /// <summary>
    /// The limit where nobody sets one: a quarter of what this process may use; of a small model less, the memory of sixteen whole contexts.
    /// </summary>
    public static long DefaultLimit(CacheLayout kv, ModelConfig config)
    {
        long sixteen = kv.BytesOf(config.ContextLength) * 16;
        return Math.Min(sixteen < 0 ? long.MaxValue : sixteen, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4);
    }

    /// <summary>Lets a sequence in, if there is room.</summary>
    /// <param name="request">A sequence of the engine's own.</param>
    /// <param name="others">Those that are in.</param>
    public Admission TryAdmit(EngineRequest request, List<EngineRequest> others)
    {
        ReadOnlySpan<int> known = request.Text.Tokens[..^1];
        PrefixNode root = _tree.Root(request.Adapters?.Key);
        (PrefixNode? tail, int positions) = PrefixTree.Find(root, known, _path);
        PrefixNode path = _path.Count > 0 ? _path[^1] : root;
        int whole = _path.Count * KvPage.Positions;
        KvPage[]? last = tail?.Pages;
        foreach (EngineRequest other in others)
        {
            if (!other.OwnsSession || !AdapterSet.Same(other.Adapters, request.Adapters))
                continue;
            int common = other.Text.Tokens.CommonPrefixLength(known), held = other.Session!.Cache.Length;
            if (common >= whole + positions + WorthWaiting && held < common && other.Pending > 1 && !other.IsPaused)
                return Admission.Later;
            int here = Math.Min(Math.Min(common, held) - whole, KvPage.Positions - 1);
            if (here > positions && other.Path == path && other.Session.Cache.Block(_path.Count) is { } pages)
                (tail, last, positions) = (null, pages, here);
        }
        path.Sequences++;
        if (tail is not null)
            tail.Sequences++;
        bool fits = MakeRoom(Reserved(others) + Math.Max(model.Kv.BytesOf(Final(request)) - _path.Count * model.Kv.BlockBytes, model.Kv.BlockBytes));
        if (tail is not null)
            tail.Sequences--;
        if (!fits && others.Exists(static other => other.OwnsSession))
        {
            path.Sequences--;
            return Admission.NoRoom;
        }
        // What ended here goes on, and nobody else goes on from it: it needs no copy.
        bool isContinued = tail is { Sequences: 0 } && positions == tail.Tokens.Length && positions < KvPage.Positions;
        KvCache cache = new(model.Kv, _meter);
        _pages.Clear();
        foreach (PrefixNode node in _path)
            _pages.Add(node.Pages);
        cache.Begin(_pages, positions > 0 ? last : null, positions, isCopied: !isContinued);
        if (isContinued)
            _tree.Remove(tail!);
        _tree.Use(path);
        (request.Path, request.Blocks) = (path, _path.Count);
        request.Session = MeKiSession.OfGeneration(model, cache, known[..cache.Length]);
        request.Session.BeginGeneration();
        request.Begin(cache.Length);
        return Admission.Admitted;
    }

    /// <summary>Adds a sequence's new whole pages to the tree.</summary>
    public void Note(EngineRequest request)
    {
        if (request.Path is null)
            return;
        KvCache cache = request.Session!.Cache;
        while ((request.Blocks + 1) * KvPage.Positions <= cache.Length && cache.Block(request.Blocks) is { } pages)
        {
            PrefixNode node = _tree.Add(request.Path, request.Text.Tokens.Slice(request.Blocks * KvPage.Positions, KvPage.Positions), pages);
            if (node.Pages != pages)
                cache.Exchange(request.Blocks, node.Pages);
            node.Sequences++;
            request.Path.Sequences--;
            (request.Path, request.Blocks) = (node, request.Blocks + 1);
        }
    }

    /// <summary>Takes note that a sequence keeps so many tokens only.</summary>
    public static void Cut(EngineRequest request, int length)
    {
        for (; request.Path is not null && request.Blocks * KvPage.Positions > length; request.Blocks--)
        {
            request.Path.Sequences--;
            request.Path = request.Path.Parent!;
            request.Path.Sequences++;
        }
    }

    /// <summary>Takes a sequence's keys and values: of one that has ended for those that begin as it does, of one that is to come back nothing.</summary>
    public void Release(EngineRequest request, bool hasEnded)
    {
        if (!request.OwnsSession || request.Session is not { } session || request.Path is null)
            return;
        if (hasEnded)
        {
            Note(request);
            int whole = request.Blocks * KvPage.Positions, rest = session.Cache.Length - whole;
            if (rest is > 0 and < KvPage.Positions && session.Cache.Block(request.Blocks) is { } pages)
                _tree.Add(request.Path, request.Text.Tokens.Slice(whole, rest), pages);
            _tree.Use(request.Path);
        }
        request.Path.Sequences--;
        (request.Path, request.Blocks, request.Session) = (null, 0, null);
        session.Dispose();
    }

    /// <summary>Makes room for what the next pass may add.</summary>
    /// <param name="others">Those that are in.</param>
    /// <returns>False where somebody has to go first.</returns>
    public bool TryGrow(List<EngineRequest> others)
    {
        long pages = 0;
        foreach (EngineRequest each in others)
        {
            if (each.OwnsSession && !each.IsPaused)
                pages += Pages(Math.Min(each.Text.Count, each.Session!.Cache.Length + Layers.Pass.MaxBatch)) - Pages(each.Session.Cache.Length);
        }
        return pages == 0 || MakeRoom(pages * model.Kv.BlockBytes);

        static int Pages(int positions) => (positions + KvPage.Positions - 1) / KvPage.Positions;
    }

    /// <summary>Lets go of all that no sequence holds.</summary>
    public void Clear() => _tree.Clear();

    private bool MakeRoom(long bytes)
    {
        while (_meter.Bytes + bytes > limit)
        {
            if (!_tree.TryRemoveOldest())
                return false;
        }
        return true;
    }

    // What those that are in will need for their prompts.
    private long Reserved(List<EngineRequest> others)
    {
        long bytes = 0;
        foreach (EngineRequest other in others)
        {
            if (other.OwnsSession)
                bytes += Math.Max(0, model.Kv.BytesOf(Final(other)) - model.Kv.BytesOf(other.Session!.Cache.Length));
        }
        return bytes;
    }

    // A token more than there are.
    private int Final(EngineRequest request) => Math.Min(request.Text.Count + 1, model.Config.ContextLength);
}

/// <summary>Whether a sequence was let in.</summary>
internal enum Admission
{
    /// <summary>It was.</summary>
    Admitted,

    /// <summary>Another is computing what it begins with.</summary>
    Later,

    /// <summary>There is no memory for it.</summary>
    NoRoom,
}
