namespace MeKi.Model.Replies;

/// <summary>What a construct turned out to be.</summary>
internal sealed class FoundCalls
{
    public List<ToolCall> Calls { get; } = [];

    /// <summary>The reasoning that begins behind the construct.</summary>
    public ReasoningMarks? Reasoning { get; set; }

    public void Clear()
    {
        Calls.Clear();
        Reasoning = null;
    }
}
