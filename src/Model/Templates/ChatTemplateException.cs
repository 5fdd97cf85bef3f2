using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates;

/// <summary>A chat template that cannot be read, or that refuses a conversation. The message names its file, the line in it and the problem.</summary>
public sealed class ChatTemplateException : MeKiException
{
    internal ChatTemplateException(string path, int line, string problem, string? raisedMessage = null, Exception? innerException = null)
        : base(path, $"chat template, line {line}", problem, "", innerException)
    {
        Line = line;
        RaisedMessage = raisedMessage;
    }

    /// <summary>The line of the template, from 1.</summary>
    public int Line { get; }

    /// <summary>What the template itself says, whole and untrusted, where it refuses the conversation with <c>raise_exception</c>; null where something else
    /// is wrong.</summary>
    public string? RaisedMessage { get; }

    internal static ChatTemplateException Of(string path, int line, Exception fault) => fault switch
    {
        TemplateFault raised => new(path, line, Sentence(raised.Message), raised.IsRaised ? raised.Message : null, raised),
        InsufficientExecutionStackException => new(path, line, "maximum recursion depth exceeded: the template or a value is nested too deeply", null, fault),
        _ => new(path, line, Sentence(fault.Message), null, fault),
    };

    // The message puts a full stop behind it.
    private static string Sentence(string text) => text.EndsWith('.') && !text.EndsWith("..", StringComparison.Ordinal) ? text[..^1] : text;
}
