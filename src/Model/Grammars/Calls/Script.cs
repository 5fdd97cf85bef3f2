using System.Text;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;

namespace MeKi.Model.Grammars.Calls;

/// <summary>Of what a reply is made: texts that are given, free text up to a marker, arguments of tools. It is written from its end to its
/// beginning.</summary>
/// <param name="tokens">Counts the tokens of a text.</param>
internal sealed class Script(Func<string, int> tokens)
{
    /// <summary>Stands in <see cref="Spelt"/> for white space that may be there.</summary>
    public const char Space = '~';

    private const int MostSpaces = 8;
    private static readonly byte[] s_spaces = " \n\r\t"u8.ToArray();

    private readonly List<ScriptNode> _nodes = [];
    private readonly Dictionary<string, ScriptState> _states = [];

    /// <summary>Tokens of the costliest way to the end.</summary>
    public int MostRest { get; private set; }

    /// <summary>The reply may end, or white space follows.</summary>
    public ScriptNode End() => Spaces(Add(new(_nodes.Count) { IsFinal = true }));

    /// <summary>One of several ways; more may be added.</summary>
    public ScriptNode Any(params IEnumerable<ScriptNode> ways)
    {
        ScriptNode node = Add(new(_nodes.Count));
        node.Free.AddRange(ways);
        return node;
    }

    /// <summary>A text as it is.</summary>
    public ScriptNode Literal(string text, ScriptNode next)
    {
        ScriptNode node = next;
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        for (int i = bytes.Length - 1; i >= 0; i--)
        {
            ScriptNode before = Add(new(_nodes.Count));
            before.Bytes.Add((bytes[i], bytes[i], node));
            before.Ways.Add((tokens(Encoding.UTF8.GetString(bytes.AsSpan(i))), next));
            node = before;
        }
        return node;
    }

    /// <summary>A text in which <see cref="Space"/> stands for white space that may be there.</summary>
    public ScriptNode Spelt(string text, ScriptNode next)
    {
        string[] parts = text.Split(Space);
        for (int i = parts.Length - 1; i >= 0; i--)
            next = i > 0 ? Spaces(Literal(parts[i], next)) : Literal(parts[i], next);
        return next;
    }

    /// <summary>A byte of a range, a number of times.</summary>
    public ScriptNode Repeat(int least, int most, ReadOnlySpan<(char First, char Last)> ranges, ScriptNode next)
    {
        ScriptNode node = next;
        for (int i = most; i > 0; i--)
        {
            ScriptNode before = Add(new(_nodes.Count));
            foreach ((char first, char last) in ranges)
                before.Bytes.Add(((byte)first, (byte)last, node));
            before.Ways.Add((Math.Max(1, least - i + 1), next));
            if (i > least)
                before.Free.Add(next);
            node = before;
        }
        return node;
    }

    /// <summary>What another grammar matches.</summary>
    /// <param name="begin">Begins it, given where the reply goes on behind it.</param>
    /// <param name="cost">Its fewest tokens.</param>
    /// <param name="next">Behind it.</param>
    public ScriptNode Value(Func<MatchState, MatchState?> begin, int cost, ScriptNode next)
    {
        ScriptNode node = Add(new(_nodes.Count) { Value = begin, AfterValue = next });
        node.Ways.Add((cost, next));
        return node;
    }

    /// <summary>Free text up to the first of some markers (Aho and Corasick 1975).</summary>
    /// <param name="markers">The markers, and what follows each; nothing where the text must not have it.</param>
    /// <param name="isFinal">Whether the reply may end within.</param>
    public ScriptNode Text(IReadOnlyList<(string Marker, ScriptNode? Next)> markers, bool isFinal)
    {
        List<(byte[] Bytes, int Length, ScriptNode? Next)> prefixes = [([], 0, null)];
        foreach ((string marker, ScriptNode? next) in markers)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(marker);
            for (int length = 1; length < bytes.Length; length++)
            {
                if (!prefixes.Exists(one => one.Bytes.AsSpan().SequenceEqual(bytes.AsSpan(0, length))))
                    prefixes.Add((bytes[..length], length, next));
            }
        }
        ScriptNode[] nodes = [.. prefixes.Select(_ => Add(new(_nodes.Count) { IsFinal = isFinal }))];
        for (int i = 0; i < nodes.Length; i++)
        {
            ScriptNode?[] targets = [.. Enumerable.Range(0, 256).Select(value => After([.. prefixes[i].Bytes, (byte)value]))];
            AddRanges(nodes[i], targets);
            foreach ((string marker, ScriptNode? next) in markers)
            {
                byte[] bytes = Encoding.UTF8.GetBytes(marker);
                int begun = bytes.AsSpan().StartsWith(prefixes[i].Bytes) ? prefixes[i].Length : 0;
                if (next is not null)
                    nodes[i].Ways.Add((tokens(Encoding.UTF8.GetString(bytes.AsSpan(begun))), next));
            }
        }
        return nodes[0];

        // The longest end of what was read that a marker begins with; a whole marker ends the text.
        ScriptNode? After(byte[] read)
        {
            foreach ((string marker, ScriptNode? next) in markers)
            {
                if (read.AsSpan().EndsWith(Encoding.UTF8.GetBytes(marker)))
                    return next;
            }
            for (int from = 0; from <= read.Length; from++)
            {
                int at = prefixes.FindIndex(one => one.Bytes.AsSpan().SequenceEqual(read.AsSpan(from)));
                if (at >= 0)
                    return nodes[at];
            }
            return nodes[0];
        }
    }

    /// <summary>Free text that does not begin as JSON with one of some keys first, and goes on as other text does.</summary>
    public ScriptNode NoJsonWith(IReadOnlyList<string> keys, ScriptNode text)
    {
        List<string> begun = [.. keys.SelectMany(static key => Enumerable.Range(0, key.Length + 1).Select(length => key[..length])).Distinct()];
        ScriptNode[] nodes = [.. Enumerable.Range(0, begun.Count + 2).Select(_ => Add(new(_nodes.Count) { IsFinal = true }))];
        for (int i = 0; i < nodes.Length; i++)
            AddRanges(nodes[i], [.. Enumerable.Range(0, 256).Select(value => After(i, (char)value))]);
        return nodes[0];

        ScriptNode? After(int node, char value)
        {
            ScriptNode? other = text.Bytes.Find(one => one.First <= value && value <= one.Last).Next;
            if (node < 2)
                return s_spaces.Contains((byte)value) ? nodes[node] : node == 0 && value == '{' ? nodes[1] : node == 1 && value == '"' ? Of("") : other;
            string key = begun[node - 2];
            return value == '"' && keys.Contains(key) ? null : begun.Contains(key + value) ? Of(key + value) : other;
        }

        ScriptNode Of(string key) => nodes[begun.IndexOf(key) + 2];
    }

    /// <summary>Ends the writing: what the reply begins with.</summary>
    public ScriptState Begin(ScriptNode root)
    {
        for (bool changed = true; changed;)
        {
            changed = false;
            foreach (ScriptNode node in _nodes)
                changed |= node.Measure();
        }
        foreach (ScriptNode node in _nodes.Where(static node => node.Rest < Costs.Never))
            MostRest = Math.Max(MostRest, node.Rest);
        return StateOf([root])!;
    }

    /// <summary>The state of some places; null where there are none.</summary>
    public ScriptState? StateOf(IEnumerable<ScriptNode> places)
    {
        SortedDictionary<int, ScriptNode> found = [];
        Stack<ScriptNode> work = new(places);
        while (work.TryPop(out ScriptNode? node))
        {
            if (!found.TryAdd(node.Id, node))
                continue;
            foreach (ScriptNode next in node.Free)
                work.Push(next);
        }
        ScriptNode[] nodes = [.. found.Values.Where(static node => node.Rest < Costs.Never
            && (node.IsFinal || node.Bytes.Count > 0 || node.Value is not null))];
        if (nodes.Length == 0)
            return null;
        string key = string.Join(',', nodes.Select(static node => node.Id));
        if (!_states.TryGetValue(key, out ScriptState? state))
            _states[key] = state = new(this, nodes);
        return state;
    }

    private ScriptNode Add(ScriptNode node)
    {
        _nodes.Add(node);
        return node;
    }

    private ScriptNode Spaces(ScriptNode next)
    {
        ScriptNode node = next;
        for (int i = 0; i < MostSpaces; i++)
        {
            ScriptNode before = Any(next);
            foreach (byte space in s_spaces)
                before.Bytes.Add((space, space, node));
            node = before;
        }
        return node;
    }

    private static void AddRanges(ScriptNode node, ScriptNode?[] targets)
    {
        for (int first = 0; first < targets.Length;)
        {
            int last = first;
            while (last + 1 < targets.Length && ReferenceEquals(targets[last + 1], targets[first]))
                last++;
            if (targets[first] is ScriptNode next)
                node.Bytes.Add(((byte)first, (byte)last, next));
            first = last + 1;
        }
    }
}
