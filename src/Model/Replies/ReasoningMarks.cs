namespace MeKi.Model.Replies;

/// <summary>What stands around reasoning.</summary>
/// <param name="Opens">Markers before it.</param>
/// <param name="Closes">Markers behind it.</param>
/// <param name="HasCalls">Whether a call ends it, too.</param>
internal sealed record ReasoningMarks(string[] Opens, string[] Closes, bool HasCalls = false);
