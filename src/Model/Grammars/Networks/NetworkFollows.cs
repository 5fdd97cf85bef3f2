using System.Text;
using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Networks;

/// <summary>Which bytes can come behind each rule, whoever called it: what tokens have behind a rule's end is looked at only where it begins with
/// one.</summary>
internal sealed class NetworkFollows
{
    private const int MostWork = 10_000_000;

    private readonly Dictionary<NetworkRule, bool[]> _first = [];
    private long _work;

    /// <summary>Finds what can follow each rule.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="nodes">Their nodes.</param>
    /// <param name="reach">The nodes that are reached from a node without a character.</param>
    public static void Find(NetworkRule[] rules, IReadOnlyList<NetworkNode> nodes, Func<NetworkNode, List<NetworkNode>> reach)
    {
        NetworkFollows follows = new();
        foreach (NetworkRule rule in rules)
            follows._first[rule] = new bool[256];
        for (bool changed = true; changed;)
        {
            changed = false;
            foreach (NetworkRule rule in rules)
                changed |= follows.Add(reach(rule.Start), follows._first[rule], null);
        }
        (NetworkRule Rule, NetworkRule Caller, List<NetworkNode> After)[] calls = [.. nodes.SelectMany(node =>
            node.Calls.Select(call => (call.Rule, node.Rule!, reach(call.Next))))];
        for (bool changed = true; changed;)
        {
            changed = false;
            foreach ((NetworkRule rule, NetworkRule caller, List<NetworkNode> after) in calls)
                changed |= follows.Add(after, rule.Follow, caller.Follow);
        }
    }

    // Adds what the places begin with and, where the rule ends, what follows its caller.
    private bool Add(List<NetworkNode> places, bool[] to, bool[]? behind)
    {
        bool changed = false;
        _work += places.Count;
        if (_work > MostWork)
            throw new GrammarException("grammar", "", "has too many rules that lead to each other", "Write it with fewer of them");
        foreach (NetworkNode node in places)
        {
            foreach ((CharSet set, _) in node.Characters)
                changed |= AddSet(set, to);
            foreach ((NetworkRule rule, _) in node.Calls)
                changed |= AddAll(_first[rule], to);
            if (node.IsFinal && behind is not null)
                changed |= AddAll(behind, to);
        }
        return changed;
    }

    private static bool AddAll(bool[] from, bool[] to)
    {
        bool changed = false;
        for (int i = 0; i < to.Length; i++)
        {
            changed |= from[i] && !to[i];
            to[i] |= from[i];
        }
        return changed;
    }

    private static bool AddSet(CharSet set, bool[] to)
    {
        bool changed = false;
        for (int i = 0; i < set.Borders.Length; i += 2)
        {
            for (int first = FirstByte(set.Borders[i]); first <= FirstByte(set.Borders[i + 1] - 1); first++)
            {
                changed |= !to[first];
                to[first] = true;
            }
        }
        return changed;
    }

    private static byte FirstByte(int scalar)
    {
        Span<byte> utf8 = stackalloc byte[4];
        new Rune(scalar).EncodeToUtf8(utf8);
        return utf8[0];
    }
}
