using System.Text;

namespace MeKi.Model.Replies;

/// <summary>Calls as Python writes them: LFM2's lists, and Llama 3's built-in tools behind <c>&lt;|python_tag|&gt;</c>.</summary>
internal sealed class PythonCalls : JsonCalls
{
    private const string Method = ".call";

    public PythonCalls() => Ends = ")}]";

    /// <summary>Whether <c>tool.call(query="…")</c> is expected, and not a list of <c>tool(query="…")</c>.</summary>
    public bool IsMethod { get; init; }

    public override bool Read(ref ReplyCursor text, OfferedTools tools, FoundCalls found)
    {
        if (!SkipAny(ref text, Openers, out string? opener))
            return false;
        if (opener is null)
            return base.Read(ref text, tools, found);
        text.SkipSpace();
        if (IsMethod)
            return text.SeesJson(out bool isJson) && (isJson ? ReadList(ref text, found, null) : Call(ref text, tools, found));
        ReplyCursor list = text;
        if (!text.Take("["))
            return false;
        text.SkipSpace();
        if (!text.SeesJson(out bool isObject))
            return false;
        if (isObject)
        {
            text = list;
            return ReadList(ref text, found, null);
        }
        while (Call(ref text, tools, found))
        {
            text.SkipSpace();
            if (!text.Sees(",", out bool more))
                return false;
            if (!more)
                return text.Take("]");
            text.Take(",");
            text.SkipSpace();
        }
        return false;
    }

    private bool Call(ref ReplyCursor text, OfferedTools tools, FoundCalls found)
    {
        if (!text.Name(out string name))
            return false;
        if (IsMethod)
        {
            // Any other program may be meant to run as it is.
            if (name.EndsWith(Method, StringComparison.Ordinal) && name.Length > Method.Length)
                name = name[..^Method.Length];
            else if (!tools.Has(name))
                return text.Fail();
        }
        text.SkipSpace();
        if (!text.Take("("))
            return false;
        StringBuilder json = new("{");
        while (true)
        {
            text.SkipSpace();
            if (!text.Sees(")", out bool ends))
                return false;
            if (ends)
                break;
            if (!text.Name(out string parameter))
                return false;
            text.SkipSpace();
            json.Append(json.Length > 1 ? ", " : "").Append(ReplyCursor.Quoted(parameter)).Append(": ");
            if (!text.Take("=") || !text.Literal(json))
                return false;
            text.SkipSpace();
            if (!text.Sees(",", out bool more))
                return false;
            if (!more)
                break;
            text.Take(",");
        }
        found.Calls.Add(new(null, name, json.Append('}').ToString()));
        return text.Take(")");
    }
}
