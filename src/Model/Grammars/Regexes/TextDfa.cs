namespace MeKi.Model.Grammars.Regexes;

/// <summary>A deterministic automaton over characters. State 0 begins; from every other state that is reached the text can still be completed.</summary>
internal sealed class TextDfa
{
    /// <summary>As many words as cannot run out.</summary>
    public const long Many = 1L << 40;

    private const int MostStates = 20_000;
    private const long MostWork = 50_000_000;

    private readonly int[] _next;
    private readonly bool[] _accepts;
    private int[]? _shortest;
    private int[]? _longest;

    /// <summary>Takes an automaton, and cuts off what leads nowhere.</summary>
    /// <param name="classes">The classes of characters.</param>
    /// <param name="next">The next state, [state × class]; -1 for none.</param>
    /// <param name="accepts">Whether a text may end, by state.</param>
    public TextDfa(CharClasses classes, int[] next, bool[] accepts)
    {
        (Classes, _next, _accepts) = (classes, next, accepts);
        bool[] lives = Living();
        IsEmpty = !lives[0];
        for (int i = 0; i < next.Length; i++)
        {
            if (next[i] >= 0 && !lives[next[i]])
                next[i] = -1;
        }
        IsEverything = Count == 1 && accepts[0] && Enumerable.Range(0, classes.Count).All(kind => next[kind] == 0 || classes.Samples[kind] < 0);
    }

    /// <summary>Accepts every text.</summary>
    public static TextDfa Everything { get; } = new(CharClasses.One, [0], [true]);

    public CharClasses Classes { get; }

    /// <summary>How many states there are.</summary>
    public int Count => _accepts.Length;

    /// <summary>Whether it accepts no text.</summary>
    public bool IsEmpty { get; }

    /// <summary>Whether it has one state, which accepts all.</summary>
    public bool IsEverything { get; }

    /// <summary>The state after a class of characters, or -1.</summary>
    public int NextOfClass(int state, int kind) => _next[state * Classes.Count + kind];

    /// <summary>The state after a character, or -1.</summary>
    public int Next(int state, int scalar) => _next[state * Classes.Count + Classes.Of(scalar)];

    /// <summary>Whether a text may end in a state.</summary>
    public bool Accepts(int state) => _accepts[state];

    /// <summary>Whether it accepts a text.</summary>
    public bool Accepts(string text)
    {
        int state = 0;
        foreach (System.Text.Rune rune in text.EnumerateRunes())
        {
            if ((state = Next(state, rune.Value)) < 0)
                return false;
        }
        return _accepts[state];
    }

    /// <summary>The characters of the shortest text from a state.</summary>
    public int Shortest(int state) => (_shortest ??= Shortest())[state];

    /// <summary>The characters of the longest text from a state; <see cref="int.MaxValue"/> where there is none that is longest.</summary>
    public int Longest(int state) => (_longest ??= Longest())[state];

    /// <summary>The same with other ends.</summary>
    public TextDfa Ending(Func<int, bool> accepts) => new(Classes, [.. _next], [.. Enumerable.Range(0, Count).Select(accepts)]);

    /// <summary>Accepts what both accept.</summary>
    /// <returns>The automaton; null where it would be too large.</returns>
    public TextDfa? And(TextDfa other) => other.IsEverything ? this : IsEverything ? other : Combine(this, other, static (left, right) => left && right)?.Dfa;

    /// <summary>Accepts what either accepts; null where it would be too large.</summary>
    public TextDfa? Or(TextDfa other) => Combine(this, other, static (left, right) => left || right)?.Dfa;

    /// <summary>Accepts what it does not accept.</summary>
    public TextDfa Not() => Combine(Everything, this, static (left, right) => left && !right)!.Value.Dfa;

    /// <summary>Accepts its texts of so many characters; null where it would be too large.</summary>
    public TextDfa? OfLength(int least, int? most)
    {
        if (least == 0 && most is null)
            return this;
        int end = most ?? least;
        if (end >= MostStates)
            return null;
        int[] next = new int[end + 1];
        for (int i = 0; i <= end; i++)
            next[i] = i < end ? i + 1 : most is null ? i : -1;
        return And(new TextDfa(CharClasses.One, next, [.. Enumerable.Range(0, end + 1).Select(length => length >= least)]));
    }

    /// <summary>Runs two automata side by side.</summary>
    /// <param name="left">The one.</param>
    /// <param name="right">The other.</param>
    /// <param name="rule">Whether a text is accepted, by what each says.</param>
    /// <returns>The automaton with the pair of states that each of its states is; -1 where one has stopped. Null where it would be too large.</returns>
    public static (TextDfa Dfa, (int Left, int Right)[] Pairs)? Combine(TextDfa left, TextDfa right, Func<bool, bool, bool> rule)
    {
        CharClasses classes = CharClasses.Of(left.Classes, right.Classes);
        int[] leftKinds = [.. classes.Samples.Select(sample => sample < 0 ? -1 : left.Classes.Of(sample))];
        int[] rightKinds = [.. classes.Samples.Select(sample => sample < 0 ? -1 : right.Classes.Of(sample))];
        Dictionary<(int, int), int> numbers = new() { [(0, 0)] = 0 };
        List<(int Left, int Right)> pairs = [(0, 0)];
        List<int> next = [];
        bool stopsLeft = !rule(false, true), stopsRight = !rule(true, false);
        for (int i = 0; i < pairs.Count; i++)
        {
            (int leftState, int rightState) = pairs[i];
            for (int kind = 0; kind < classes.Count; kind++)
            {
                int toLeft = leftState < 0 || leftKinds[kind] < 0 ? -1 : left.NextOfClass(leftState, leftKinds[kind]);
                int toRight = rightState < 0 || rightKinds[kind] < 0 ? -1 : right.NextOfClass(rightState, rightKinds[kind]);
                if (leftKinds[kind] < 0 || (toLeft < 0 && stopsLeft) || (toRight < 0 && stopsRight) || (toLeft < 0 && toRight < 0))
                {
                    next.Add(-1);
                    continue;
                }
                if (!numbers.TryGetValue((toLeft, toRight), out int number))
                {
                    if (pairs.Count >= MostStates || next.Count >= MostWork)
                        return null;
                    numbers[(toLeft, toRight)] = number = pairs.Count;
                    pairs.Add((toLeft, toRight));
                }
                next.Add(number);
            }
        }
        bool[] accepts = [.. pairs.Select(pair => rule(pair.Left >= 0 && left._accepts[pair.Left], pair.Right >= 0 && right._accepts[pair.Right]))];
        return (new(classes, [.. next], accepts), [.. pairs]);
    }

    private bool[] Living()
    {
        List<int>[] before = [.. Enumerable.Range(0, Count).Select(static _ => new List<int>())];
        for (int i = 0; i < _next.Length; i++)
        {
            if (_next[i] >= 0)
                before[_next[i]].Add(i / Classes.Count);
        }
        bool[] lives = new bool[Count];
        Stack<int> work = new(Enumerable.Range(0, Count).Where(state => _accepts[state]));
        while (work.TryPop(out int state))
        {
            if (lives[state])
                continue;
            lives[state] = true;
            foreach (int one in before[state])
                work.Push(one);
        }
        return lives;
    }

    private int[] Shortest()
    {
        int[] shortest = new int[Count];
        Array.Fill(shortest, int.MaxValue);
        List<int>[] before = [.. Enumerable.Range(0, Count).Select(static _ => new List<int>())];
        for (int i = 0; i < _next.Length; i++)
        {
            if (_next[i] >= 0)
                before[_next[i]].Add(i / Classes.Count);
        }
        Queue<int> work = new();
        for (int state = 0; state < Count; state++)
        {
            if (_accepts[state])
            {
                shortest[state] = 0;
                work.Enqueue(state);
            }
        }
        while (work.TryDequeue(out int state))
        {
            foreach (int one in before[state])
            {
                if (shortest[one] == int.MaxValue)
                {
                    shortest[one] = shortest[state] + 1;
                    work.Enqueue(one);
                }
            }
        }
        return shortest;
    }

    // Without a circle the order of leaving a depth-first walk is one in which every state comes after those it leads to.
    private int[] Longest()
    {
        const int Unknown = -1, Open = -2;
        int[] longest = new int[Count];
        Array.Fill(longest, Unknown);
        Stack<(int State, int Kind)> work = new();
        for (int start = 0; start < Count; start++)
        {
            if (longest[start] != Unknown)
                continue;
            longest[start] = Open;
            work.Push((start, 0));
            while (work.TryPop(out (int State, int Kind) top))
            {
                (int state, int kind) = top;
                int to = -1;
                while (kind < Classes.Count && ((to = NextOfClass(state, kind)) < 0 || longest[to] != Unknown))
                    kind++;
                if (kind < Classes.Count)
                {
                    work.Push((state, kind));
                    longest[to] = Open;
                    work.Push((to, 0));
                    continue;
                }
                int most = 0;
                for (kind = 0; kind < Classes.Count; kind++)
                {
                    if ((to = NextOfClass(state, kind)) >= 0)
                        most = Math.Max(most, longest[to] is Open or int.MaxValue ? int.MaxValue : longest[to] + 1);
                }
                longest[state] = most;
            }
        }
        return longest;
    }
}
