using MeKi.Model.Layers;

namespace MeKi.Model.Batching;

/// <summary>
/// What goes through the next pass: a token of every sequence that generates, and as much of waiting prompts as fits. Half of that room is the oldest
/// prompt's, so
/// that short ones never stop it; the other half goes to those with the least to do, so that they wait for one pass of a long one at most.
/// </summary>
internal sealed class BatchPlan
{
    // Tokens of a sequence that count as a step of its generation.
    private const int MostOfStep = 16;

    // What steps leave to prompts.
    private const int LeastForPrompts = 64;

    private readonly List<EngineRequest> _reading = [];
    private int _first;

    /// <summary>The sequences of the pass, and how many tokens of each.</summary>
    public List<(EngineRequest Request, int Count)> Parts { get; } = [];

    /// <summary>Plans a pass.</summary>
    /// <param name="live">The sequences that are in, the oldest first.</param>
    /// <param name="wholePages">Whether passes have to end where pages do.</param>
    /// <returns>Whether there is anything to do.</returns>
    public bool Make(List<EngineRequest> live, bool wholePages)
    {
        Parts.Clear();
        _reading.Clear();
        foreach (EngineRequest each in live)
        {
            if (!IsStep(each) && !each.IsPaused)
                _reading.Add(each);
        }
        int room = Pass.MaxBatch - (_reading.Count > 0 ? LeastForPrompts : 0);
        _first = live.Count > 0 ? (_first + 1) % live.Count : 0;
        for (int i = 0; i < live.Count; i++)
        {
            EngineRequest each = live[(_first + i) % live.Count];
            if (IsStep(each) && each.Pending <= room && !each.IsPaused)
                room -= Add(each, each.Pending, wholePages);
        }
        Read(room + (_reading.Count > 0 ? LeastForPrompts : 0), wholePages);
        return Parts.Count > 0;
    }

    private static bool IsStep(EngineRequest request) => request.Text.Generated > 0 && request.Pending <= MostOfStep;

    private void Read(int room, bool wholePages)
    {
        if (_reading.Count == 0)
            return;
        EngineRequest oldest = _reading[0];
        int others = 0;
        for (int i = 1; i < _reading.Count; i++)
            others += Math.Min(_reading[i].Pending, room);
        room -= Add(oldest, Math.Max(room - others, room / 2), wholePages);
        _reading.RemoveAt(0);
        _reading.Sort(static (a, b) => (a.Pending, a.Arrival).CompareTo((b.Pending, b.Arrival)));
        for (int i = 0; i < _reading.Count && room > 0; i++)
            room -= Add(_reading[i], room, wholePages);
    }

    private int Add(EngineRequest request, int room, bool wholePages)
    {
        int count = Math.Min(request.Pending, room);
        if (wholePages && request.OwnsSession)
            count = Math.Min(count, Kernels.Kv.KvPage.Positions - request.Session!.Cache.Length % Kernels.Kv.KvPage.Positions);
        Parts.Add((request, count));
        return count;
    }
}
