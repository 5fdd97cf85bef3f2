namespace MeKi.Model.Replies;

/// <summary>Mistral: a list of JSON objects, or a name and its arguments behind <c>[ARGS]</c>.</summary>
internal sealed class MistralCalls : JsonCalls
{
    public override string[] Inner => ["[CALL_ID]", "[ARGS]"];

    /// <summary>Whether the model writes a name and its arguments, and not a list.</summary>
    public bool IsNamed { get; init; }

    /// <summary>Whether it names its calls between the two.</summary>
    public bool HasId { get; init; }

    public override bool Read(ref ReplyCursor text, OfferedTools tools, FoundCalls found)
    {
        if (!text.Take(Openers[0]))
            return false;
        text.SkipSpace();
        if (!text.SeesJson(out bool isList))
            return false;
        if (isList)
            return ReadList(ref text, found, null);
        string? id = null;
        if (!text.Name(out string name) || !text.Sees("[CALL_ID]", out bool hasId))
            return false;
        if (hasId && !(text.Take("[CALL_ID]") && text.Name(out id)))
            return false;
        text.SkipSpace();
        if (!text.Sees("[ARGS]", out bool isMarked) || (isMarked && !text.Take("[ARGS]")) || !ReadArguments(ref text, out string arguments))
            return false;
        found.Calls.Add(new(id, name, arguments));
        return true;
    }
}
