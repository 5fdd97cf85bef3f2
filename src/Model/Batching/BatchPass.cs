using System.Diagnostics;
using MeKi.Kernels;
using MeKi.Model.Layers;

namespace MeKi.Model.Batching;

/// <summary>
/// Computes planned passes: tokens of many sequences together, then what follows each, on all threads. What goes wrong with one sequence is its own: the others
/// are computed without it.
/// </summary>
internal sealed class BatchPass : IDisposable
{
    private readonly LoadedModel _model;
    private readonly Pass _pass;
    private readonly Choices _choices = new();
    private readonly int[] _tokens = new int[Pass.MaxBatch];
    private Segment[] _segments = [];
    private float[] _logits = [];
    private bool _isCapped;

    public BatchPass(LoadedModel model) => (_model, _pass) = (model, model.CreatePass());

    /// <summary>Passes so far.</summary>
    public long Passes { get; private set; }

    /// <summary>Their time.</summary>
    public TimeSpan Time { get; private set; }

    /// <summary>Tokens of prompts that were computed.</summary>
    public long PromptTokens { get; private set; }

    /// <summary>Tokens generated.</summary>
    public long GeneratedTokens { get; private set; }

    /// <summary>Computes a pass. A sequence that fails has its <see cref="EngineRequest.Failure"/> set.</summary>
    /// <param name="parts">The sequences, and how many tokens of each; in a pass of their sessions.</param>
    /// <param name="next">A token of each prompt's next part: rows to be read ahead.</param>
    /// <param name="cancellationToken">Ends waiting for rows.</param>
    public void Run(ReadOnlySpan<(EngineRequest Request, int Count)> parts, ReadOnlySpan<int> next, CancellationToken cancellationToken)
    {
        int tokens = 0, wanted = 0;
        _isCapped = false;
        if (_segments.Length < parts.Length)
            _segments = new Segment[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            (EngineRequest request, int count) = parts[i];
            KvCache cache = request.Session!.Cache;
            request.Text.Tokens.Slice(cache.Length, count).CopyTo(_tokens.AsSpan(tokens));
            _segments[i] = new(cache, count, count == request.Pending ? request.Text.Wanted : 0, request.Adapters);
            tokens += count;
            wanted += _segments[i].Wanted;
            _isCapped |= _segments[i].Wanted > 0 && !request.Text.TakesUncapped;
        }
        int vocabulary = _model.Config.VocabularySize;
        if (_logits.Length < wanted * vocabulary)
            _logits = new float[wanted * vocabulary];
        long start = Stopwatch.GetTimestamp();
        try
        {
            _pass.Run(_tokens.AsSpan(0, tokens), _segments.AsSpan(0, parts.Length), next, _logits.AsSpan(0, wanted * vocabulary), cancellationToken,
                _isCapped);
        }
        catch (Exception failure)
        {
            Recover(parts, failure, cancellationToken);
            return;
        }
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        Passes++;
        Time += time;
        Note(parts, time);
        Accept(parts);
    }

    /// <summary>Lets go of rows that are on their way.</summary>
    public void Dispose() => _pass.Branch?.Rows.Dispose();

    // A row that cannot be read, or memory that is not there, is one sequence's fault: which one's, each shows alone.
    private void Recover(ReadOnlySpan<(EngineRequest Request, int Count)> parts, Exception failure, CancellationToken cancellationToken)
    {
        for (int i = 0; i < parts.Length; i++)
        {
            KvCache cache = parts[i].Request.Session!.Cache;
            cache.Truncate(Math.Min(cache.Length, parts[i].Request.Session!.Position));
        }
        if (failure is OperationCanceledException && cancellationToken.IsCancellationRequested)
            return;
        if (parts.Length == 1)
        {
            parts[0].Request.Failure = failure;
            return;
        }
        for (int i = 0; i < parts.Length; i++)
        {
            if (!parts[i].Request.IsCancelled)
                Run(parts.Slice(i, 1), [], cancellationToken);
        }
    }

    private void Note(ReadOnlySpan<(EngineRequest Request, int Count)> parts, TimeSpan time)
    {
        for (int i = 0; i < parts.Length; i++)
        {
            (EngineRequest request, int count) = parts[i];
            PromptTokens += request.Text.Generated == 0 ? count : 0;
            request.Session!.Follow(request.Text.Tokens);
            request.Passed(time, _segments[i].Wanted > 0);
        }
    }

    private void Accept(ReadOnlySpan<(EngineRequest Request, int Count)> parts)
    {
        int vocabulary = _model.Config.VocabularySize, row = 0;
        _choices.Clear();
        for (int i = 0; i < parts.Length; i++)
        {
            EngineRequest request = parts[i].Request;
            int wanted = _segments[i].Wanted;
            if (wanted == 0)
                continue;
            Choices.Choice choice = new(request, _logits, row * vocabulary, wanted * vocabulary, _isCapped, request.Text.Generated);
            row += wanted;
            // The caller's own code may compute: not within a region.
            if (request.Text.HasProcessor)
                choice.Make();
            else
                _choices.Add(choice);
            if (request.Text.HasProcessor)
                GeneratedTokens += request.Text.Generated - choice.Before;
        }
        if (_choices.Count == 0)
            return;
        _model.Pool.Run(_choices, _choices.Count, chunk: 1);
        GeneratedTokens += _choices.Made;
    }

    /// <summary>What follows each sequence: one item each.</summary>
    private sealed class Choices : Region
    {
        private readonly List<Choice> _choices = [];

        public int Count => _choices.Count;

        public int Made
        {
            get
            {
                int made = 0;
                foreach (Choice choice in _choices)
                    made += choice.Request.Text.Generated - choice.Before;
                return made;
            }
        }

        public void Clear() => _choices.Clear();

        public void Add(Choice choice) => _choices.Add(choice);

        public override void Execute(int begin, int end)
        {
            for (int i = begin; i < end; i++)
                _choices[i].Make();
        }

        public readonly record struct Choice(EngineRequest Request, float[] Logits, int First, int Length, bool IsCapped, int Before)
        {
            public void Make()
            {
                if (Request.Failure is not null)
                    return;
                try
                {
                    Request.Text.Accept(Logits.AsSpan(First, Length), IsCapped);
                }
                catch (Exception failure)
                {
                    Request.Failure = failure;
                }
            }
        }
    }
}
