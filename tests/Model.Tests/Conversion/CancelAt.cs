namespace MeKi.Model.Tests.Conversion;

/// <summary>Cancels a conversion at one of its reports.</summary>
internal sealed class CancelAt(int report, Action<WorkProgress>? seen = null) : IProgress<WorkProgress>, IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly Lock _lock = new();

    public CancellationToken Token => _source.Token;

    public int Reports { get; private set; }

    public HashSet<string> Stages { get; } = [];

    public void Dispose() => _source.Dispose();

    public void Report(WorkProgress value)
    {
        lock (_lock)
        {
            Stages.Add(value.Stage);
            seen?.Invoke(value);
            if (++Reports == report)
                _source.Cancel();
        }
    }
}
