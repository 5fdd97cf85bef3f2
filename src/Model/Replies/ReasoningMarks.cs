namespace MeKi.Model.Replies;

/// <summary>What stands around reasoning.</summary>
internal sealed record ReasoningMarks(string[] Opens, string[] Closes);
