namespace MeKi.Model.Replies;

/// <summary>
/// DeepSeek and Kimi: a marker, a name, a marker, the arguments. DeepSeek R1 has a type before the name and a code block around the arguments.
/// </summary>
internal sealed class MarkedCalls : JsonCalls
{
    // The code block ends behind the arguments.
    public MarkedCalls() => Ends = "}`";

    public required string Separator { get; init; }

    public override string[] Inner => [Separator];

    /// <summary>Stands before a tool's name.</summary>
    public string BeforeName { get; init; } = "";

    /// <summary>Whether the arguments stand in a block of code.</summary>
    public bool IsFenced { get; init; }

    public override bool Read(ref ReplyCursor text, OfferedTools tools, FoundCalls found)
    {
        string? opener = null;
        for (int i = 0; i < 2 && opener != Openers[^1]; i++)
        {
            text.SkipSpace();
            if (!SkipAny(ref text, Openers, out opener))
                return false;
        }
        text.SkipSpace();
        if (opener != Openers[^1])
            return text.Fail();
        if (!text.Name(out string head))
            return false;
        text.SkipSpace();
        if (!text.Take(Separator))
            return false;
        text.SkipSpace();
        if (!text.SeesJson(out bool isJson))
            return false;
        string name = head;
        if (!isJson)
        {
            if (!text.Name(out name))
                return false;
            text.SkipSpace();
            if (!text.SkipOptional("```json"))
                return false;
        }
        if (!ReadArguments(ref text, out string arguments) || (!isJson && !text.SkipOptional("```")))
            return false;
        // Kimi's head is functions.get_weather:0, and that is the call's name too.
        const string Functions = "functions.";
        int index = head.LastIndexOf(':');
        bool isKimi = isJson && index > Functions.Length && head.StartsWith(Functions, StringComparison.Ordinal);
        found.Calls.Add(isKimi ? new(head, head[Functions.Length..index], arguments) : new(null, name, arguments));
        return true;
    }
}
