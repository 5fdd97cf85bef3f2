namespace MeKi.Model.Replies;

/// <summary>
/// Functionary 3.2: each message begins with whom it is for, a function to call or all, which is the answer. The prompt ends with the first one's marker.
/// </summary>
internal sealed class RecipientMessages : CallSyntax
{
    /// <summary>Whom an answer is for; no tool can have this name.</summary>
    public const string Everyone = "all";

    public override bool HasAnswers => true;

    public override bool Read(ref ReplyCursor text, OfferedTools tools, FoundCalls found)
    {
        if (!text.Take(Openers[0]) || !text.Name(out string name) || !text.Take("\n"))
            return false;
        if (name == Everyone)
            return true;
        if (!tools.MayBe(name))
            return text.Fail();
        if (!JsonCalls.ReadArguments(ref text, out string arguments))
            return false;
        found.Calls.Add(new(null, name, arguments));
        return true;
    }
}
