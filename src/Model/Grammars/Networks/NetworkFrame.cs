using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Networks;

/// <summary>Where the text goes on after a rule: the places that called it, each in a frame of its own.</summary>
internal sealed class NetworkFrame
{
    private int _rest = -1;

    public NetworkFrame(int id, IReadOnlyList<(NetworkNode Next, NetworkFrame Outer)> returns, bool ends) => (Id, Returns, Ends) = (id, returns, ends);

    public int Id { get; }

    public IReadOnlyList<(NetworkNode Next, NetworkFrame Outer)> Returns { get; }

    /// <summary>Whether the text may end after the rule.</summary>
    public bool Ends { get; }

    /// <summary>The state after the rule, once it was asked for.</summary>
    public NetworkState? After { get; set; }

    /// <summary>The fewest characters that follow the rule.</summary>
    public int Rest => _rest >= 0 ? _rest
        : _rest = Ends ? 0 : Returns.Select(static one => Math.Min(NetworkNode.Never, one.Next.Rest + one.Outer.Rest)).DefaultIfEmpty(NetworkNode.Never).Min();
}

/// <summary>Places of a rule from which a character leads on.</summary>
internal sealed class NetworkSet(int id, NetworkNode[] nodes)
{
    private readonly NetworkNode[]?[] _next = new NetworkNode[]?[128];

    public int Id => id;

    /// <summary>The rule that the places belong to.</summary>
    public NetworkRule Rule => nodes[0].Rule!;

    /// <summary>The fewest characters to the rule's end.</summary>
    public int Rest { get; } = nodes.Min(static node => node.Rest);

    /// <summary>The places after a character.</summary>
    public NetworkNode[] Next(int scalar)
    {
        if (scalar < _next.Length && _next[scalar] is NetworkNode[] known)
            return known;
        HashSet<NetworkNode> next = [];
        foreach (NetworkNode node in nodes)
        {
            foreach ((CharSet set, NetworkNode to) in node.Characters)
            {
                if (set.Contains(scalar))
                    next.Add(to);
            }
        }
        NetworkNode[] found = [.. next];
        if (scalar < _next.Length)
            _next[scalar] = found;
        return found;
    }

    /// <summary>Whether a character of a range leads on.</summary>
    public bool HasNext(CharSet range) => Array.Exists(nodes, node => node.Characters.Exists(one => !one.Set.And(range).IsEmpty));
}
