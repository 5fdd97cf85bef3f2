namespace MeKi.Model.Grammars.Networks;

/// <summary>Rules that lead back to themselves (Tarjan 1972).</summary>
internal static class RuleCircles
{
    /// <summary>Orders rules so that each comes after those that it uses, circles apart.</summary>
    /// <param name="uses">The rules that each uses.</param>
    /// <param name="circular">Receives those that lead back to themselves.</param>
    public static List<int> Find(int[][] uses, out HashSet<int> circular)
    {
        circular = [];
        List<int> order = [];
        int[] numbers = new int[uses.Length], lowest = new int[uses.Length];
        bool[] isOpen = new bool[uses.Length];
        Stack<int> open = new();
        Stack<(int Rule, int Next)> work = new();
        int last = 0;
        for (int root = 0; root < uses.Length; root++)
        {
            if (numbers[root] == 0)
                work.Push((root, 0));
            while (work.TryPop(out (int Rule, int Next) top))
            {
                (int rule, int next) = top;
                if (next == 0)
                {
                    numbers[rule] = lowest[rule] = ++last;
                    isOpen[rule] = true;
                    open.Push(rule);
                }
                else
                    lowest[rule] = Math.Min(lowest[rule], isOpen[uses[rule][next - 1]] ? lowest[uses[rule][next - 1]] : int.MaxValue);
                while (next < uses[rule].Length && numbers[uses[rule][next]] > 0)
                {
                    int used = uses[rule][next++];
                    if (isOpen[used])
                        lowest[rule] = Math.Min(lowest[rule], numbers[used]);
                }
                if (next < uses[rule].Length)
                {
                    work.Push((rule, next + 1));
                    work.Push((uses[rule][next], 0));
                    continue;
                }
                if (lowest[rule] < numbers[rule])
                    continue;
                int member;
                bool isAlone = open.Peek() == rule;
                do
                {
                    member = open.Pop();
                    isOpen[member] = false;
                    order.Add(member);
                    if (!isAlone || Array.IndexOf(uses[member], member) >= 0)
                        circular.Add(member);
                }
                while (member != rule);
            }
        }
        return order;
    }
}
