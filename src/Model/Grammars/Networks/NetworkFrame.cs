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

    /// <summary>The fewest bytes that follow the rule.</summary>
    public int Rest => _rest >= 0 ? _rest
        : _rest = Ends ? 0 : Returns.Select(static one => Math.Min(NetworkNode.Never, one.Next.Rest + one.Outer.Rest)).DefaultIfEmpty(NetworkNode.Never).Min();
}

/// <summary>Places of a rule from which a character leads on.</summary>
internal sealed class NetworkSet(int id, NetworkNode[] nodes)
{
    private readonly Dictionary<int, NetworkNode[]> _next = [];

    public int Id => id;

    /// <summary>The rule that the places belong to.</summary>
    public NetworkRule Rule => nodes[0].Rule!;

    /// <summary>The fewest bytes to the rule's end.</summary>
    public int Rest { get; } = nodes.Min(static node => node.Rest);

    /// <summary>The places after a character of a class.</summary>
    /// <param name="kind">The class.</param>
    /// <param name="sample">A character of it.</param>
    public NetworkNode[] Next(int kind, int sample)
    {
        if (!_next.TryGetValue(kind, out NetworkNode[]? next))
        {
            _next[kind] = next = [.. nodes.SelectMany(static node => node.Characters).Where(one => one.Set.Contains(sample))
                .Select(static one => one.Next).Distinct()];
        }
        return next;
    }
}
