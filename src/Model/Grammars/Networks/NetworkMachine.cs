using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Networks;

/// <summary>
/// Runs a grammar over a text: at each place it holds every way in which the text so far can be read. Ways that call the same rule at the same place share
/// its frame, so that their number stays bounded by the grammar's size, and equal states are one.
/// </summary>
internal sealed class NetworkMachine : TextStart
{
    private const int MostStates = 20_000, MostFollowers = 2_000_000, MostWays = 500;

    private readonly Dictionary<string, NetworkFrame> _frames = [];
    private readonly Dictionary<string, NetworkSet> _sets = [];
    private readonly Dictionary<string, NetworkState> _states = [];
    private readonly NetworkFrame _root;
    private readonly NetworkRule _rule;
    private NetworkState? _start;
    private int _frameIds;

    public NetworkMachine(NetworkRule root, CharClasses classes)
    {
        Classes = classes;
        (_rule, _root) = (root, new(_frameIds++, [], ends: true));
    }

    /// <inheritdoc/>
    public override int MostCost => _rule.Start.Rest;

    /// <summary>The classes of characters that the grammar does not tell apart.</summary>
    public CharClasses Classes { get; }

    /// <inheritdoc/>
    public override MatchState Begin()
    {
        if (_start is null)
        {
            Closure closure = new(this);
            closure.Enter(_rule.Start, _root);
            _start = closure.ToState();
        }
        return _start!;
    }

    /// <summary>The state of a set of places as if their rule were the whole grammar.</summary>
    public NetworkState Alone(NetworkSet set) => StateOf([(_root, set)], isComplete: false);

    /// <summary>The state after a character of a class; null where none of the ways goes on.</summary>
    public NetworkState? After(NetworkState state, int kind)
    {
        int sample = Classes.Samples[kind];
        if (sample < 0)
            return null;
        Closure closure = new(this);
        foreach ((NetworkFrame frame, NetworkSet set) in state.Ways)
        {
            foreach (NetworkNode next in set.Next(kind, sample))
                closure.Enter(next, frame);
        }
        return closure.ToState();
    }

    /// <summary>The state after a rule; null where the whole text ends with it.</summary>
    public NetworkState? After(NetworkFrame frame)
    {
        if (frame.Returns.Count == 0)
            return null;
        if (frame.After is null)
        {
            Closure closure = new(this);
            foreach ((NetworkNode next, NetworkFrame outer) in frame.Returns)
                closure.Enter(next, outer);
            frame.After = closure.ToState(frame.Ends);
        }
        return frame.After;
    }

    private NetworkFrame FrameOf(List<(NetworkNode Next, NetworkFrame Outer)> returns, bool ends)
    {
        if (returns.Count == 0)
            return _root;
        returns.Sort(static (one, other) => (one.Next.Id, one.Outer.Id).CompareTo((other.Next.Id, other.Outer.Id)));
        string key = string.Join(',', returns.Select(static one => $"{one.Next.Id}:{one.Outer.Id}")) + (ends ? "!" : "");
        if (!_frames.TryGetValue(key, out NetworkFrame? frame))
            _frames[key] = frame = new(_frameIds++, returns, ends);
        return frame;
    }

    private NetworkSet SetOf(HashSet<NetworkNode> nodes)
    {
        NetworkNode[] sorted = [.. nodes.OrderBy(static node => node.Id)];
        string key = string.Join(',', sorted.Select(static node => node.Id));
        if (!_sets.TryGetValue(key, out NetworkSet? set))
            _sets[key] = set = new(_sets.Count, sorted);
        return set;
    }

    private NetworkState StateOf((NetworkFrame Frame, NetworkSet Set)[] ways, bool isComplete)
    {
        string key = string.Join(',', ways.Select(static way => $"{way.Frame.Id}:{way.Set.Id}")) + (isComplete ? "!" : "");
        if (!_states.TryGetValue(key, out NetworkState? state))
        {
            // What is forgotten is found again; states that are in use stay.
            if (_states.Count >= Math.Clamp(MostFollowers / Classes.Count, 64, MostStates))
            {
                _states.Clear();
                _frames.Clear();
                _start = null;
            }
            _states[key] = state = new(this, ways, isComplete);
        }
        return state;
    }

    /// <summary>All that is reached at one place of the text without a character.</summary>
    private sealed class Closure(NetworkMachine machine)
    {
        private readonly HashSet<(NetworkNode, object)> _seen = [];
        private readonly Dictionary<NetworkRule, NewFrame> _called = [];
        private readonly Dictionary<object, HashSet<NetworkNode>> _ways = [];
        private readonly Stack<(NetworkNode Node, object Frame)> _work = new();
        private bool _isComplete;

        public void Enter(NetworkNode node, object frame)
        {
            _work.Push((node, frame));
            while (_work.TryPop(out (NetworkNode Node, object Frame) next))
            {
                if (_seen.Add(next))
                    Visit(next.Node, next.Frame);
            }
        }

        public NetworkState? ToState(bool isComplete = false)
        {
            isComplete |= _isComplete;
            if (_ways.Count == 0 && !isComplete)
                return null;
            // Grammars that people write have a few; where their number grows with the text, each token takes longer than the one before.
            if (_ways.Count > MostWays)
                throw new GrammarException("grammar", "", $"can be read in more than {MostWays} ways at once", "Say in fewer ways what may come next");
            (NetworkFrame Frame, NetworkSet Set)[] ways = [.. _ways
                .GroupBy(one => one.Key as NetworkFrame ?? ((NewFrame)one.Key).Fixed(machine), static one => one.Value)
                .Select(group => (group.Key, machine.SetOf(group.SelectMany(static nodes => nodes).ToHashSet())))
                .OrderBy(static way => way.Key.Id)];
            return machine.StateOf(ways, isComplete);
        }

        private void Visit(NetworkNode node, object frame)
        {
            if (node.Characters.Count > 0)
            {
                if (!_ways.TryGetValue(frame, out HashSet<NetworkNode>? nodes))
                    _ways[frame] = nodes = [];
                nodes.Add(node);
            }
            foreach (NetworkNode next in node.Free)
                _work.Push((next, frame));
            foreach ((NetworkRule rule, NetworkNode next) in node.Calls)
            {
                if (!_called.TryGetValue(rule, out NewFrame? called))
                {
                    _called[rule] = called = new();
                    _work.Push((rule.Start, called));
                }
                // What comes last in a rule returns to where the rule would.
                if (next.IsOnlyFinal && frame is NetworkFrame known)
                {
                    called.Returns.UnionWith(known.Returns.Select(static one => (one.Next, (object)one.Outer)));
                    called.Ends |= known.Ends;
                }
                else
                    called.Returns.Add((next, frame));
                if (rule.IsNullable)
                    _work.Push((next, frame));
            }
            // A rule that was called here and ends here is nullable, and its caller has gone on already.
            if (node.IsFinal && frame is NetworkFrame outer)
            {
                _isComplete |= outer.Ends;
                foreach ((NetworkNode next, NetworkFrame after) in outer.Returns)
                    _work.Push((next, after));
            }
        }
    }

    /// <summary>A frame that may get more callers.</summary>
    private sealed class NewFrame
    {
        private NetworkFrame? _fixed;

        public HashSet<(NetworkNode Next, object Outer)> Returns { get; } = [];

        public bool Ends { get; set; }

        // Without left recursion no frame is, through others, its own caller.
        public NetworkFrame Fixed(NetworkMachine machine)
        {
            if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
                throw new GrammarException("grammar", "", "has too many rules that begin with each other", "Write it with fewer of them");
            return _fixed ??= machine.FrameOf([.. Returns.Select(one => (one.Next, one.Outer as NetworkFrame ?? ((NewFrame)one.Outer).Fixed(machine)))], Ends);
        }
    }
}
