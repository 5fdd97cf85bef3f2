using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Networks;

/// <summary>Another rule at a place of a rule.</summary>
internal sealed record RuleSyntax(int Rule) : RegexSyntax;

/// <summary>Makes networks of rules. A rule that does not lead back to itself is written into the rules that use it, as long as that stays small.</summary>
internal sealed class NetworkBuilder
{
    private const int MostNodes = 200_000, MostInlined = 20_000, MostReached = 3_000_000;

    private readonly IReadOnlyList<(string Name, RegexSyntax Body)> _syntax;
    private readonly NetworkRule[] _rules;
    private readonly int[] _sizes;
    private readonly List<NetworkNode> _nodes = [];
    private readonly Stack<int> _built = new();
    private NetworkRule? _rule;
    private long _reached;
    private int _searches;

    private NetworkBuilder(IReadOnlyList<(string Name, RegexSyntax Body)> syntax)
    {
        _syntax = syntax;
        _rules = [.. syntax.Select(static rule => new NetworkRule(rule.Name))];
        _sizes = new int[syntax.Count];
    }

    /// <summary>Makes the network of a grammar.</summary>
    /// <param name="syntax">The rules.</param>
    /// <param name="root">The rule that the whole text must match.</param>
    /// <exception cref="GrammarException">It is too large, leads back to itself without a character, or matches no text.</exception>
    public static NetworkRule Build(IReadOnlyList<(string Name, RegexSyntax Body)> syntax, int root)
    {
        NetworkBuilder builder = new(syntax);
        try
        {
            builder.FindSizes();
            builder.Use(root);
            while (builder._built.TryPop(out int rule))
            {
                builder._rule = builder._rules[rule];
                NetworkNode end = builder.New();
                end.IsFinal = true;
                builder._rules[rule].Start = builder.Build(syntax[rule].Body, end);
            }
            NetworkRule[] used = [.. builder._rules.Where(static rule => rule.Start is not null)];
            FindRests(builder._nodes);
            foreach (NetworkRule rule in used)
                rule.IsNullable = rule.Start.Rest == 0;
            builder.CheckLeftRecursion(used);
            if (builder._rules[root].Start.Rest >= NetworkNode.Never)
                throw new GrammarException("grammar", $"rule {UntrustedText.Quote(syntax[root].Name)}", "matches no text",
                    "Every way through it leads back to itself");
            builder.Prune();
            NetworkFollows.Find(used, builder._nodes, builder.Reach);
            return builder._rules[root];
        }
        catch (InsufficientExecutionStackException exception)
        {
            throw new GrammarException("grammar", "", "is nested too deep", "Give parts of it names", exception);
        }
    }

    /// <summary>The classes of characters that the network of a rule does not tell apart.</summary>
    public static CharClasses ClassesOf(NetworkRule root)
    {
        HashSet<NetworkNode> seen = [root.Start];
        Stack<NetworkNode> work = new(seen);
        HashSet<CharSet> sets = [CharSet.Any];
        while (work.TryPop(out NetworkNode? node))
        {
            sets.UnionWith(node.Characters.Select(static one => one.Set));
            foreach (NetworkNode next in node.Free.Concat(node.Characters.Select(static one => one.Next))
                .Concat(node.Calls.SelectMany(static call => new[] { call.Rule.Start, call.Next })))
            {
                if (seen.Add(next))
                    work.Push(next);
            }
        }
        return CharClasses.Of([.. sets]);
    }

    /// <summary>Makes the network of an automaton.</summary>
    public static NetworkRule Build(TextDfa dfa)
    {
        NetworkRule rule = new("") { IsNullable = dfa.Accepts(0) };
        NetworkNode[] nodes = [.. Enumerable.Range(0, dfa.Count).Select(id => new NetworkNode(id) { Rule = rule })];
        rule.Start = nodes[0];
        CharSet[] sets = dfa.Classes.Sets();
        for (int state = 0; state < nodes.Length; state++)
        {
            nodes[state].IsFinal = dfa.Accepts(state);
            Dictionary<int, CharSet> next = [];
            for (int kind = 0; kind < sets.Length; kind++)
            {
                int to = dfa.NextOfClass(state, kind);
                if (to >= 0)
                    next[to] = next.TryGetValue(to, out CharSet? set) ? set.Or(sets[kind]) : sets[kind];
            }
            foreach ((int to, CharSet set) in next)
                nodes[state].Characters.Add((set, nodes[to]));
        }
        FindRests(nodes);
        return rule;
    }

    private NetworkNode New()
    {
        if (_nodes.Count >= MostNodes)
            throw new GrammarException("grammar", "", $"needs more than {MostNodes} places", "Take smaller counts in {m,n}");
        NetworkNode node = new(_nodes.Count) { Rule = _rule };
        _nodes.Add(node);
        return node;
    }

    private NetworkRule Use(int rule)
    {
        if (_rules[rule].Start is null)
        {
            // A mark until it is built.
            _rules[rule].Start = New();
            _built.Push(rule);
        }
        return _rules[rule];
    }

    // How many nodes each rule has with all that it uses; those that lead back to themselves count as too many.
    private void FindSizes()
    {
        foreach (int rule in RuleCircles.Find([.. _syntax.Select(static rule => RulesOf(rule.Body))], out HashSet<int> circular))
        {
            long size = SizeOf(_syntax[rule].Body);
            _sizes[rule] = circular.Contains(rule) || size > MostInlined ? int.MaxValue : (int)size;
        }
    }

    private static int[] RulesOf(RegexSyntax syntax)
    {
        HashSet<int> rules = [];
        Stack<RegexSyntax> work = new([syntax]);
        while (work.TryPop(out RegexSyntax? next))
        {
            if (next is RuleSyntax rule)
                rules.Add(rule.Rule);
            foreach (RegexSyntax part in PartsOf(next))
                work.Push(part);
        }
        return [.. rules];
    }

    private static IEnumerable<RegexSyntax> PartsOf(RegexSyntax syntax) => syntax switch
    {
        SequenceSyntax sequence => sequence.Parts,
        ChoiceSyntax choice => choice.Parts,
        RepeatSyntax repeat => [repeat.Body],
        _ => [],
    };

    private long SizeOf(RegexSyntax syntax)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        switch (syntax)
        {
            case RuleSyntax rule:
                // A call is one node, and what is written in is as many as it has.
                int size = _sizes[rule.Rule];
                return size == int.MaxValue ? 1 : size;
            case RepeatSyntax repeat:
                return Math.Min(int.MaxValue, SizeOf(repeat.Body) * Math.Max(1, Math.Max(repeat.Least, repeat.Most ?? 0)) + 2);
            default:
                return Math.Min(int.MaxValue, PartsOf(syntax).Sum(SizeOf) + 1);
        }
    }

    private NetworkNode Build(RegexSyntax syntax, NetworkNode next)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        switch (syntax)
        {
            case CharacterSyntax character:
                NetworkNode node = New();
                if (!character.Set.IsEmpty)
                    node.Characters.Add((character.Set, next));
                return node;
            case SequenceSyntax sequence:
                return sequence.Parts.Reverse().Aggregate(next, (after, part) => Build(part, after));
            case ChoiceSyntax choice:
                NetworkNode fork = New();
                foreach (RegexSyntax part in choice.Parts)
                    fork.Free.Add(Build(part, next));
                return fork;
            case RepeatSyntax repeat:
                return BuildRepeat(repeat, next);
            case RuleSyntax rule:
                if (_sizes[rule.Rule] < int.MaxValue)
                    return Build(_syntax[rule.Rule].Body, next);
                NetworkNode call = New();
                call.Calls.Add((Use(rule.Rule), next));
                return call;
            default:
                throw new NotSupportedException(syntax.GetType().Name);
        }
    }

    private NetworkNode BuildRepeat(RepeatSyntax repeat, NetworkNode next)
    {
        NetworkNode after = next;
        if (repeat.Most is int most)
        {
            for (int i = repeat.Least; i < most; i++)
            {
                NetworkNode optional = New();
                optional.Free.Add(Build(repeat.Body, after));
                optional.Free.Add(next);
                after = optional;
            }
        }
        else
        {
            NetworkNode loop = New();
            loop.Free.Add(Build(repeat.Body, loop));
            loop.Free.Add(next);
            after = loop;
        }
        for (int i = 0; i < repeat.Least; i++)
        {
            NetworkNode before = after;
            after = Build(repeat.Body, after);
            // What is empty stays so, and makes no node that would be counted, however often it is repeated.
            if (after == before)
                break;
        }
        return after;
    }

    // The nodes that are reached without a character.
    private List<NetworkNode> Reach(NetworkNode start)
    {
        int search = ++_searches;
        List<NetworkNode> found = [];
        Add(start);
        for (int i = 0; i < found.Count; i++)
        {
            foreach (NetworkNode next in found[i].Free)
                Add(next);
            foreach ((NetworkRule rule, NetworkNode next) in found[i].Calls)
            {
                if (rule.IsNullable)
                    Add(next);
            }
        }
        _reached += found.Count;
        return _reached <= MostReached ? found
            : throw new GrammarException("grammar", "", "has too many parts in a row that may be left out", "Give runs of them rules of their own");

        void Add(NetworkNode node)
        {
            if (node.FoundBy == search)
                return;
            node.FoundBy = search;
            found.Add(node);
        }
    }

    private void CheckLeftRecursion(NetworkRule[] rules)
    {
        Dictionary<NetworkRule, int> numbers = rules.Select(static (rule, i) => KeyValuePair.Create(rule, i)).ToDictionary();
        int[][] first = [.. rules.Select(rule =>
            Reach(rule.Start).SelectMany(static node => node.Calls).Select(call => numbers[call.Rule]).Distinct().ToArray())];
        RuleCircles.Find(first, out HashSet<int> circular);
        if (circular.Count > 0)
        {
            throw new GrammarException("grammar", $"rule {UntrustedText.Quote(rules[circular.Min()].Name)}", "leads back to itself before any character",
                "Write the repetition with * or +, or let the rule come last");
        }
    }

    // From the ends backwards, the nearest first (Knuth 1977): each node is settled once, however rules lead to each other.
    private static void FindRests(IReadOnlyList<NetworkNode> nodes)
    {
        Dictionary<NetworkNode, List<(NetworkNode Before, int Bytes, NetworkNode? Also)>> ways = new(nodes.Count);
        PriorityQueue<NetworkNode, int> work = new();
        foreach (NetworkNode node in nodes)
        {
            if (node.IsFinal)
                work.Enqueue(node, node.Rest = 0);
            foreach (NetworkNode next in node.Free)
                Lead(next, (node, 0, null));
            foreach ((CharSet set, NetworkNode next) in node.Characters)
                Lead(next, (node, new System.Text.Rune(set.Borders[0]).Utf8SequenceLength, null));
            foreach ((NetworkRule rule, NetworkNode next) in node.Calls)
            {
                Lead(next, (node, 0, rule.Start));
                Lead(rule.Start, (node, 0, next));
            }
        }
        while (work.TryDequeue(out NetworkNode? node, out int rest))
        {
            if (rest > node.Rest || !ways.TryGetValue(node, out List<(NetworkNode Before, int Bytes, NetworkNode? Also)>? before))
                continue;
            foreach ((NetworkNode from, int bytes, NetworkNode? also) in before)
            {
                int sum = Math.Min(NetworkNode.Never, rest + bytes + (also?.Rest ?? 0));
                if (sum < from.Rest)
                    work.Enqueue(from, from.Rest = sum);
            }
        }

        void Lead(NetworkNode next, (NetworkNode, int, NetworkNode?) way)
        {
            if (!ways.TryGetValue(next, out List<(NetworkNode Before, int Bytes, NetworkNode? Also)>? before))
                ways[next] = before = [];
            before.Add(way);
        }
    }

    // What cannot be completed is never entered.
    private void Prune()
    {
        foreach (NetworkNode node in _nodes)
        {
            node.Free.RemoveAll(static next => next.Rest >= NetworkNode.Never);
            node.Characters.RemoveAll(static one => one.Next.Rest >= NetworkNode.Never);
            node.Calls.RemoveAll(static one => one.Next.Rest >= NetworkNode.Never || one.Rule.Start.Rest >= NetworkNode.Never);
        }
    }
}
