using System.Diagnostics;
using MeKi.Fuzz.Mutation;
using MeKi.Fuzz.Readers;

namespace MeKi.Fuzz;

/// <summary>Gives readers inputs, turn by turn, until the time is over. Inputs with a new outcome are changed further.</summary>
/// <param name="options">What to do.</param>
internal sealed class Worker(FuzzOptions options)
{
    private const int MostKept = 2_000;

    // A reader's turn in processor time, however many inputs that is.
    private static readonly TimeSpan s_turn = TimeSpan.FromSeconds(0.1);

    public void Run()
    {
        using CurrentInput current = new(options.Current);
        Tally tally = new(options.Statistics);
        using Watchdog watchdog = new();
        Lane[] lanes = [.. AllReaders.Create(options.Readers).Select(reader => new Lane(reader, options.Seed))];
        long began = Stopwatch.GetTimestamp(), end = began + (long)(options.Seconds * Stopwatch.Frequency);
        while (Stopwatch.GetTimestamp() < end && tally.Inputs < options.Inputs)
        {
            foreach (Lane lane in lanes)
            {
                TimeSpan over = Environment.CpuUsage.TotalTime + s_turn;
                while (Environment.CpuUsage.TotalTime < over && Stopwatch.GetTimestamp() < end && tally.Inputs < options.Inputs)
                    Once(lane, current, watchdog, tally);
            }
            tally.Save();
        }
        tally.Save();
        foreach (Lane lane in lanes)
            lane.Reader.Dispose();
    }

    private void Once(Lane lane, CurrentInput current, Watchdog watchdog, Tally tally)
    {
        byte[] input = lane.Next();
        current.Set(lane.Reader.Name, input);
        long start = Stopwatch.GetTimestamp();
        Outcome outcome = Judge.Run(lane.Reader, input, watchdog.Begin);
        bool isNew = lane.Note(outcome, input);
        tally.Add(lane.Reader.Name, outcome, Stopwatch.GetElapsedTime(start).TotalMilliseconds, isNew);
        if (outcome.Fault is not null && isNew)
            Failures.Save(options.Failures, lane.Reader.Name, input, outcome.Fault);
    }

    /// <summary>A reader, its inputs so far and their outcomes.</summary>
    private sealed class Lane
    {
        private readonly Random _random;
        private readonly List<byte[]> _kept;
        private readonly HashSet<string> _outcomes = [];
        private readonly int _mostBytes;

        public Lane(Reader reader, int seed)
        {
            Reader = reader;
            _kept = [.. reader.Seeds];
            // What grows from change to change would soon be nothing but large, and slow.
            _mostBytes = 4096 + 2 * _kept.Max(input => input.Length);
            _random = new(seed ^ Judge.Hash(System.Text.Encoding.UTF8.GetBytes(reader.Name)));
        }

        public Reader Reader { get; }

        public byte[] Next()
        {
            byte[] from = _random.Next(3) == 0 ? Interesting.Pick(_random, _kept) : Interesting.Pick(_random, Reader.Seeds);
            return Reader.Mutate(from, Interesting.Pick(_random, _kept), _random);
        }

        /// <summary>Keeps an input whose outcome is new.</summary>
        public bool Note(Outcome outcome, byte[] input)
        {
            if (!_outcomes.Add(outcome.Signature))
                return false;
            if (_kept.Count < MostKept && outcome.Fault is null && input.Length <= _mostBytes)
                _kept.Add(input);
            return true;
        }
    }
}
