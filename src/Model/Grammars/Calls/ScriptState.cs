using MeKi.Model.Grammars.Masks;
using MeKi.Model.Grammars.Matching;

namespace MeKi.Model.Grammars.Calls;

/// <summary>A place in a reply, between the values in it.</summary>
internal sealed class ScriptState : MatchState
{
    private readonly Script _script;
    private readonly ScriptNode[] _nodes;
    private TextMask? _mask;

    public ScriptState(Script script, ScriptNode[] nodes)
    {
        (_script, _nodes) = (script, nodes);
        (IsComplete, Rest) = (Array.Exists(nodes, static node => node.IsFinal), nodes.Min(static node => node.Rest));
    }

    /// <inheritdoc/>
    public override bool IsComplete { get; }

    /// <inheritdoc/>
    public override int Rest { get; }

    /// <summary>Whether it stands in free text and nowhere else.</summary>
    public bool IsText => _nodes.Length == 1 && _nodes[0].IsText;

    /// <inheritdoc/>
    public override void AddTo(MaskWriter mask)
    {
        if (IsText && mask.Allows(_script.MostTextRest))
            mask.AddFree(_mask ??= TextMask.Of(mask.Trie, this, mask.Words));
        else
            mask.Walk(this);
    }

    /// <inheritdoc/>
    public override MatchState? Next(byte value, TextRecorder recorder)
    {
        // Values begin anew for each text.
        foreach (ScriptNode node in _nodes)
        {
            if (Begin(node)?.Next(value, recorder) is MatchState state)
                return state;
        }
        return Next(value);
    }

    /// <inheritdoc/>
    protected override MatchState? Step(byte value)
    {
        List<ScriptNode> next = [];
        foreach (ScriptNode node in _nodes)
        {
            if (Begin(node)?.Next(value) is MatchState state)
                return state;
            foreach ((byte first, byte last, ScriptNode to) in node.Bytes)
            {
                if (first <= value && value <= last)
                    next.Add(to);
            }
        }
        return _script.StateOf(next);
    }

    private MatchState? Begin(ScriptNode node) => node.Value?.Invoke(_script.StateOf([node.AfterValue!])!);
}

/// <summary>What tokens do in free text: nearly all stay in it.</summary>
/// <param name="Stay">The tokens that stay, a bit for each.</param>
/// <param name="Exits">The nodes of the vocabulary that lead out of it, and where to.</param>
internal sealed record TextMask(ulong[] Stay, IReadOnlyList<(int Node, MatchState State)> Exits)
{
    public static TextMask Of(TokenTrie trie, ScriptState start, int words)
    {
        ulong[] stay = new ulong[words];
        List<(int, MatchState)> exits = [];
        ScriptState[] path = new ScriptState[trie.Deepest + 1];
        path[0] = start;
        for (int node = 1; node < trie.Count;)
        {
            MatchState? next = path[trie.Depths[node] - 1].Next(trie.Labels[node]);
            if (next is not ScriptState { IsText: true } state)
            {
                if (next is not null)
                    exits.Add((node, next));
                node = trie.Ends[node];
                continue;
            }
            path[trie.Depths[node]] = state;
            foreach (int token in trie.TokensAt(node))
                stay[token >> 6] |= 1UL << (token & 63);
            node++;
        }
        return new(stay, exits);
    }
}

/// <summary>Where replies begin.</summary>
/// <param name="start">The first state.</param>
/// <param name="cost">Tokens of the costliest part.</param>
internal sealed class ScriptStart(ScriptState start, Func<int> cost) : TextStart
{
    /// <inheritdoc/>
    public override int MostCost => cost();

    /// <inheritdoc/>
    public override MatchState Begin() => start;
}
