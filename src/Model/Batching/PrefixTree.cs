using MeKi.Kernels.Kv;

namespace MeKi.Model.Batching;

/// <summary>
/// Keys and values of sequences, by their tokens: a node for each page of positions, so that sequences with a common beginning meet in the same nodes and share
/// their pages. Nodes outlive their sequences until their memory is wanted; those that were used longest ago go first. For one thread.
/// </summary>
internal sealed class PrefixTree
{
    // Whoever uses a node uses those above it, too, and these are noted later: the first of the list has nothing below it, unless a sequence holds that.
    private readonly LinkedList<PrefixNode> _byUse = [];
    private readonly Dictionary<object, PrefixNode> _roots = [];
    private readonly object _none = new();

    /// <summary>Nodes held.</summary>
    public int Count => _byUse.Count;

    /// <summary>Sets of adapters that something begins with, those that the next root forgets included.</summary>
    public int Roots => _roots.Count;

    /// <summary>Where sequences begin.</summary>
    /// <param name="adapters">What the model is changed by: keys and values of one set are no other's. Null for nothing.</param>
    public PrefixNode Root(object? adapters = null)
    {
        if (_roots.TryGetValue(adapters ?? _none, out PrefixNode? root))
            return root;
        // Whoever asks chooses the scales: where nothing begins any more nothing is kept.
        foreach ((object key, _) in _roots.Where(static each => each.Value is { Sequences: 0, Children.Count: 0 }).ToArray())
            _roots.Remove(key);
        return _roots[adapters ?? _none] = new(null, [], []);
    }

    /// <summary>Finds the longest beginning that is held.</summary>
    /// <param name="root">Where to begin.</param>
    /// <param name="tokens">The sequence.</param>
    /// <param name="path">Receives the nodes of whole pages, in order.</param>
    /// <returns>A node whose first positions come next, and how many; null where there is none.</returns>
    public static (PrefixNode? Node, int Positions) Find(PrefixNode root, ReadOnlySpan<int> tokens, List<PrefixNode> path)
    {
        path.Clear();
        PrefixNode node = root;
        while (tokens.Length >= KvPage.Positions && node.Whole(tokens[..KvPage.Positions]) is { } next)
        {
            path.Add(next);
            node = next;
            tokens = tokens[KvPage.Positions..];
        }
        PrefixNode? longest = null;
        int positions = 0;
        foreach (PrefixNode child in node.Children)
        {
            int common = tokens.CommonPrefixLength(child.Tokens);
            if (common > positions)
                (longest, positions) = (child, common);
        }
        return (longest, positions);
    }

    /// <summary>Adds a page behind a node, or finds the one that is there already.</summary>
    /// <param name="parent">The node before it.</param>
    /// <param name="tokens">Its tokens, as many as have keys and values: a page's or fewer.</param>
    /// <param name="pages">Its pages; held by the node, too, from now on.</param>
    public PrefixNode Add(PrefixNode parent, ReadOnlySpan<int> tokens, KvPage[] pages)
    {
        for (int i = parent.Children.Count - 1; i >= 0; i--)
        {
            PrefixNode child = parent.Children[i];
            int common = tokens.CommonPrefixLength(child.Tokens);
            if (common == tokens.Length)
            {
                Use(child);
                return child;
            }
            // What goes on in this one is here once more.
            if (common == child.Tokens.Length && child.Sequences == 0)
                Remove(child);
        }
        PrefixNode node = new(parent, tokens.ToArray(), pages);
        foreach (KvPage page in pages)
            page.AddReference();
        parent.Children.Add(node);
        node.Place = _byUse.AddLast(node);
        Use(node);
        return node;
    }

    /// <summary>Notes that a node and those above it are in use.</summary>
    public void Use(PrefixNode node)
    {
        for (PrefixNode? each = node; each?.Place is { } place; each = each.Parent)
        {
            _byUse.Remove(place);
            _byUse.AddLast(place);
        }
    }

    /// <summary>Removes the node that was used longest ago, of those that no sequence goes on from.</summary>
    /// <returns>Whether there was one.</returns>
    public bool TryRemoveOldest()
    {
        for (LinkedListNode<PrefixNode>? place = _byUse.First; place is not null; place = place.Next)
        {
            if (place.Value is not { Sequences: 0, Children.Count: 0 } node)
                continue;
            Remove(node);
            return true;
        }
        return false;
    }

    /// <summary>Removes a node that has none below it: its pages stay with the sequences that hold them.</summary>
    public void Remove(PrefixNode node)
    {
        node.Parent!.Children.Remove(node);
        _byUse.Remove(node.Place!);
        foreach (KvPage page in node.Pages)
            page.Release();
    }

    /// <summary>Removes all nodes that no sequence goes on from.</summary>
    public void Clear()
    {
        while (TryRemoveOldest())
        {
        }
    }
}

/// <summary>The keys and values of a page of positions, or of its first ones, behind those of the nodes above.</summary>
/// <param name="parent">The node above; null at the root.</param>
/// <param name="tokens">The positions' tokens.</param>
/// <param name="pages">A page of each layer that holds pages.</param>
internal sealed class PrefixNode(PrefixNode? parent, int[] tokens, KvPage[] pages)
{
    public PrefixNode? Parent => parent;

    public int[] Tokens => tokens;

    public KvPage[] Pages => pages;

    public List<PrefixNode> Children { get; } = [];

    /// <summary>Sequences that go on behind this node: it stays as long as there is one.</summary>
    public int Sequences { get; set; }

    /// <summary>Where it stands in the order of use; null at the root.</summary>
    public LinkedListNode<PrefixNode>? Place { get; set; }

    /// <summary>The child of these tokens, a whole page.</summary>
    public PrefixNode? Whole(ReadOnlySpan<int> tokensOfPage)
    {
        foreach (PrefixNode child in Children)
        {
            if (tokensOfPage.SequenceEqual(child.Tokens))
                return child;
        }
        return null;
    }
}
