using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Texts;

/// <summary>The texts of some lengths that an automaton accepts.</summary>
internal sealed class TextLanguage
{
    private const long MostTable = 40_000_000;
    private const int LongestListed = 100;

    // By length and state, whether a text of that length leads to an end; null until it is needed.
    private bool[][]? _ends;

    /// <param name="dfa">The automaton.</param>
    /// <param name="least">The fewest characters.</param>
    /// <param name="most">The most; null for no bound.</param>
    public TextLanguage(TextDfa dfa, int least = 0, int? most = null)
    {
        (Dfa, Least, Most) = (dfa, least, most);
        Horizon = most ?? (dfa.IsEverything ? least : least + dfa.Count);
    }

    /// <summary>All texts.</summary>
    public static TextLanguage Everything { get; } = new(TextDfa.Everything);

    public TextDfa Dfa { get; }

    public int Least { get; }

    public int? Most { get; }

    /// <summary>Whether it can be used: what it needs to be searched for is bounded.</summary>
    public bool IsBounded => Dfa.IsEverything || (Most is null && Least == 0) || (long)Horizon * Dfa.Count * Dfa.Classes.Count <= MostTable;

    /// <summary>Whether it has no text.</summary>
    public bool IsEmpty => Dfa.IsEmpty || !CanEnd(0, 0);

    /// <summary>From which length on it makes no difference how long a text is.</summary>
    public int CountedLength => Most + 1 ?? Least;

    /// <summary>Characters of the longest of all shortest completions.</summary>
    public int MostShortest => Least + (Dfa.IsEverything ? 0
        : Enumerable.Range(0, Dfa.Count).Select(Dfa.Shortest).Where(static length => length < int.MaxValue).DefaultIfEmpty(0).Max());

    private int Horizon { get; }

    /// <summary>Whether it has a text.</summary>
    public bool Contains(string text)
    {
        int length = text.EnumerateRunes().Count();
        return length >= Least && !(length > Most) && Dfa.Accepts(text);
    }

    /// <summary>Whether a text may end after so many characters, which led to a state.</summary>
    public bool Ends(int state, int count) => count >= Least && !(count > Most) && Dfa.Accepts(state);

    /// <summary>Whether a text of so many characters, which led to a state, can be completed.</summary>
    public bool CanEnd(int state, int count)
    {
        int least = Math.Max(0, Least - count);
        if (count > Most)
            return false;
        if (Dfa.IsEverything)
            return !(Least > Most);
        int shortest = Dfa.Shortest(state);
        if (Most is not int most)
            return shortest < int.MaxValue && Dfa.Longest(state) >= least;
        if (shortest > most - count || Dfa.Longest(state) < least)
            return false;
        return shortest >= least || FindEnd(state, least, most - count) >= 0;
    }

    /// <summary>How many characters the shortest completion has.</summary>
    public int Shortest(int state, int count)
    {
        int least = Math.Max(0, Least - count);
        if (Dfa.IsEverything)
            return least;
        int shortest = Dfa.Shortest(state);
        return shortest >= least ? shortest : FindEnd(state, least, Horizon - Math.Min(count, Least));
    }

    /// <summary>A bound from below of how many completions there are, the more exact the fewer.</summary>
    public long Completions(int state, int count)
    {
        if (!CanEnd(state, count))
            return 0;
        int left = Most - count ?? int.MaxValue;
        if (Dfa.IsEverything)
            return left > 0 ? TextDfa.Many : 1;
        if (Most is null && Dfa.Longest(state) == int.MaxValue)
            return TextDfa.Many;
        int longest = Math.Min(left, Dfa.Longest(state));
        if ((long)longest * Dfa.Count * Dfa.Classes.Count > MostTable)
            return 1;
        long[] ways = [.. Enumerable.Range(0, Dfa.Count).Select(one => one == state ? 1L : 0)];
        long total = Ends(state, count) ? 1 : 0;
        for (int length = 1; length <= longest && total < TextDfa.Many; length++)
        {
            long[] next = new long[ways.Length];
            for (int from = 0; from < ways.Length; from++)
            {
                for (int kind = 0; ways[from] > 0 && kind < Dfa.Classes.Count; kind++)
                {
                    int to = Dfa.NextOfClass(from, kind);
                    if (to >= 0)
                        next[to] = Math.Min(TextDfa.Many, next[to] + ways[from] * Math.Min(Dfa.Classes.Sizes[kind], 1L << 21));
                }
            }
            ways = next;
            for (int one = 0; one < ways.Length; one++)
            {
                if (ways[one] > 0 && Ends(one, count + length))
                    total = Math.Min(TextDfa.Many, total + ways[one]);
            }
        }
        return total;
    }

    /// <summary>All texts; null where there are more than some, or they are long.</summary>
    public IReadOnlyList<string>? List(int most)
    {
        if (Math.Min(Most ?? int.MaxValue, Dfa.Longest(0)) > LongestListed || Completions(0, 0) > most)
            return null;
        List<string> texts = [];
        CharSet[] sets = Dfa.Classes.Sets();
        Stack<(int State, string Text, int Count)> work = new([(0, "", 0)]);
        while (work.TryPop(out (int State, string Text, int Count) next))
        {
            if (Ends(next.State, next.Count))
                texts.Add(next.Text);
            if (texts.Count + work.Count > most)
                return null;
            for (int kind = 0; kind < sets.Length; kind++)
            {
                int to = Dfa.NextOfClass(next.State, kind);
                if (to < 0 || !CanEnd(to, next.Count + 1))
                    continue;
                if (Dfa.Classes.Sizes[kind] > most)
                    return null;
                foreach (int scalar in sets[kind].Scalars)
                    work.Push((to, next.Text + char.ConvertFromUtf32(scalar), next.Count + 1));
            }
        }
        return texts;
    }

    // The first length within bounds at which a text from a state can end, or -1.
    private int FindEnd(int state, int least, int most)
    {
        bool[][] ends = _ends ??= Ends();
        for (int length = least; length <= most && length < ends.Length; length++)
        {
            if (ends[length][state])
                return length;
        }
        return -1;
    }

    private bool[][] Ends()
    {
        bool[][] ends = new bool[Horizon + 1][];
        ends[0] = [.. Enumerable.Range(0, Dfa.Count).Select(Dfa.Accepts)];
        for (int length = 1; length <= Horizon; length++)
        {
            bool[] shorter = ends[length - 1], row = ends[length] = new bool[Dfa.Count];
            for (int state = 0; state < row.Length; state++)
            {
                for (int kind = 0; kind < Dfa.Classes.Count && !row[state]; kind++)
                {
                    int to = Dfa.NextOfClass(state, kind);
                    row[state] = to >= 0 && shorter[to];
                }
            }
        }
        return ends;
    }
}
