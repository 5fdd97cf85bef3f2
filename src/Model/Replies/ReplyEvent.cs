namespace MeKi.Model.Replies;

/// <summary>A part of a model's reply: <see cref="ReplyText"/>, <see cref="ReplyReasoning"/> or a <see cref="ToolCall"/>.</summary>
public abstract record ReplyEvent
{
    private protected ReplyEvent()
    {
    }
}

/// <summary>A piece of the answer.</summary>
/// <param name="Text">Goes on where the text before ended.</param>
public sealed record ReplyText(string Text) : ReplyEvent;

/// <summary>A piece of what the model thought before it answered.</summary>
/// <param name="Text">Goes on where the reasoning before ended.</param>
public sealed record ReplyReasoning(string Text) : ReplyEvent;

/// <summary>A whole call of a tool.</summary>
/// <param name="Id">The model's own name for the call; null in the families whose models give none.</param>
/// <param name="Name">The tool's name as the model wrote it: it need not be one that was offered.</param>
/// <param name="Arguments">A JSON object.</param>
public sealed record ToolCall(string? Id, string Name, string Arguments) : ReplyEvent;
