using MeKi.Model;

namespace MeKi.Tool;

/// <summary>Shows on a terminal how far the pass over a long prompt is; nothing for a short one, and nothing where standard error is a file.</summary>
internal sealed class PromptBar : IProgress<WorkProgress>, IDisposable
{
    // Several seconds on a small board.
    private const int LongPrompt = 2000;

    private readonly StageProgress _bar = new();

    public void Report(WorkProgress value)
    {
        if (value.Total < LongPrompt || Console.IsErrorRedirected)
            return;
        _bar.Report(value);
        if (value.Done == value.Total)
            _bar.Dispose();
    }

    public void Dispose() => _bar.Dispose();
}
