using MeKi.Model.Grammars.Masks;
using MeKi.Model.Grammars.Matching;

namespace MeKi.Model.Grammars.Calls;

/// <summary>A place in a reply, between the values in it.</summary>
internal sealed class ScriptState : MatchState
{
    private readonly Script _script;
    private readonly ScriptNode[] _nodes;
    private ScriptMask? _mask;

    public ScriptState(Script script, ScriptNode[] nodes)
    {
        (_script, _nodes) = (script, nodes);
        (IsComplete, Rest) = (Array.Exists(nodes, static node => node.IsFinal), nodes.Min(static node => node.Rest));
    }

    /// <inheritdoc/>
    public override bool IsComplete { get; }

    /// <inheritdoc/>
    public override int Rest { get; }

    /// <summary>Nothing is forgotten: there are not many, and they come again.</summary>
    public override void Forget()
    {
    }

    /// <inheritdoc/>
    public override void AddTo(MaskWriter mask) => mask.Add(_mask ??= ScriptMask.Of(mask.Trie, this, mask.Words));

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

/// <summary>What tokens do at a place of a reply: those that stay around its values by where they lead, and where values begin.</summary>
/// <param name="Groups">The tokens that stay.</param>
/// <param name="Exits">The nodes of the vocabulary at which a value has begun.</param>
internal sealed record ScriptMask((ScriptState End, TokenSet Tokens)[] Groups, IReadOnlyList<(int Node, MatchState State)> Exits)
{
    public static ScriptMask Of(TokenTrie trie, ScriptState start, int words)
    {
        Dictionary<ScriptState, List<int>> groups = [];
        List<(int, MatchState)> exits = [];
        ScriptState[] path = new ScriptState[trie.Deepest + 1];
        path[0] = start;
        for (int node = 1; node < trie.Count;)
        {
            MatchState? next = path[trie.Depths[node] - 1].Next(trie.Labels[node]);
            if (next is not ScriptState state)
            {
                if (next is not null)
                    exits.Add((node, next));
                node = trie.Ends[node];
                continue;
            }
            path[trie.Depths[node]] = state;
            if (trie.TokensAt(node) is { Length: > 0 } tokens)
            {
                if (!groups.TryGetValue(state, out List<int>? group))
                    groups[state] = group = [];
                group.AddRange(tokens);
            }
            node++;
        }
        return new([.. groups.Select(group => (group.Key, TokenSet.Of(group.Value, words)))], exits);
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
