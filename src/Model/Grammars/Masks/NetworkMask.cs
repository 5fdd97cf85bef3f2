using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Networks;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Masks;

/// <summary>What tokens do at places of a rule, whatever called it: those that stay in it or end it, and of those that go on behind it what they have
/// there.</summary>
internal sealed class NetworkMask
{
    private readonly (int Left, TokenSet Tokens)[] _groups;
    private readonly ulong[] _stay;

    private NetworkMask((int, TokenSet)[] groups, ulong[] stay, ClassTrie? behind) => (_groups, _stay, Behind) = (groups, stay, behind);

    /// <summary>What tokens have behind the rule's end; null where none has anything.</summary>
    public ClassTrie? Behind { get; }

    /// <summary>The mask of a set of places.</summary>
    /// <param name="classes">The vocabulary.</param>
    /// <param name="start">The places, as if their rule were the whole grammar.</param>
    /// <param name="follow">Whether a class can come behind the rule; null where none does.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static NetworkMask Of(ClassTrie classes, NetworkState start, Func<int, bool>? follow)
    {
        SortedDictionary<int, List<int>> groups = [];
        List<int> exits = [];
        NetworkState[] path = new NetworkState[classes.Deepest + 1];
        for (int node = 0; node < classes.Count;)
        {
            NetworkState? next = node == 0 ? start : path[classes.Depths[node] - 1].After(classes.Symbols[node]);
            if (next is null)
            {
                node = classes.Ends[node];
                continue;
            }
            path[classes.Depths[node]] = next;
            if (classes.Whole(node) is TokenSet whole)
                whole.AddTo(GroupOf(next.Rest));
            foreach ((SpellingState state, TokenSet tokens) in classes.Parts(node))
            {
                if (next.RestWithin(state.Character) is < NetworkNode.Never and int rest)
                    tokens.AddTo(GroupOf(rest));
            }
            if (node > 0 && follow is not null && next.IsComplete)
                exits.Add(node);
            node++;
        }
        ulong[] stay = new ulong[classes.Words];
        (int, TokenSet)[] sets = [.. groups.Select(one => (one.Key, TokenSet.Of(one.Value, classes.Words)))];
        foreach ((_, TokenSet tokens) in sets)
            tokens.AddTo(stay);
        return new(sets, stay, exits.Count == 0 ? null : classes.Below(exits, follow!));

        List<int> GroupOf(int rest)
        {
            if (!groups.TryGetValue(rest, out List<int>? group))
                groups[rest] = group = [];
            return group;
        }
    }

    /// <summary>Adds the tokens that stay or end the rule.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="behind">The fewest bytes that follow the rule.</param>
    public void AddTo(MaskWriter writer, int behind)
    {
        if (writer.AllowsAll)
        {
            writer.Or(_stay);
            return;
        }
        foreach ((int left, TokenSet tokens) in _groups)
        {
            if (!writer.Allows(left + behind))
                break;
            writer.Set(tokens);
        }
    }
}
