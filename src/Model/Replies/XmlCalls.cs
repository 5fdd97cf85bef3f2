using System.Text;

namespace MeKi.Model.Replies;

/// <summary>
/// Calls whose arguments stand between tags as they are: Qwen3-Coder, GLM, MiniCPM, MiniMax, DeepSeek V3.2. The tags or the tool's schema say of what type they
/// are.
/// </summary>
internal sealed class XmlCalls : CallSyntax
{
    public XmlCalls() => Ends = ">}]";

    /// <summary>Stands before the name of the tool.</summary>
    public required string FunctionOpen { get; init; }

    /// <summary>Stands behind the name; empty where whitespace or a tag ends it.</summary>
    public string FunctionNameEnd { get; init; } = "";

    public required string FunctionClose { get; init; }

    public required string ParameterOpen { get; init; }

    /// <summary>Stand between a parameter's name and its value, and may have whitespace between them.</summary>
    public required string[] ParameterNameEnds { get; init; }

    /// <summary>
    /// The attribute of a parameter that is true for a text and false for JSON. Where there is one, values are exact; else a line break on either side of them
    /// belongs to the tags.
    /// </summary>
    public string? TextAttribute { get; init; }

    public required string ParameterClose { get; init; }

    /// <summary>Tokens within the tags.</summary>
    public string[] Tokens { get; init; } = [];

    public override string[] Inner => Tokens;

    public override bool Read(ref ReplyCursor text, OfferedTools tools, FoundCalls found)
    {
        // Models leave the tag around the function out at times.
        if (!SkipAny(ref text, Openers, out string? opener))
            return false;
        text.SkipSpace();
        // And those of families that wrote JSON before go on to do so at times.
        if (opener == Openers[0])
        {
            if (!text.SeesJson(out bool isCall))
                return false;
            if (isCall)
                return JsonCalls.ReadList(ref text, found, null);
        }
        if ((opener != FunctionOpen && !text.Take(FunctionOpen)) || !FunctionName(ref text, out string tool))
            return false;
        text.SkipSpace();
        if (!text.SeesJson(out bool isJson))
            return false;
        if (isJson)
            return ReadJson(ref text, tool, found);
        List<(string Name, string Json)> arguments = [];
        while (true)
        {
            text.SkipSpace();
            if (!SkipAny(ref text, [ParameterOpen, FunctionClose], out string? tag))
                return false;
            if (tag != ParameterOpen)
            {
                // A tag around the function ends the function too; it is a closer and stays to be skipped as one.
                if (tag is null && !(SeesCloser(ref text, out bool closes) && closes))
                    return !text.IsIncomplete && text.Fail();
                break;
            }
            if (!ParameterName(ref text, out string parameter, out bool? isText) || !Value(ref text, out ReadOnlySpan<char> value))
                return false;
            arguments.RemoveAll(each => each.Name == parameter);
            arguments.Add((parameter, isText == true ? ReplyCursor.Quoted(value) : tools.ToJson(tool, parameter, value, isJson: isText == false)));
        }
        StringBuilder json = new("{");
        foreach ((string parameter, string value) in arguments)
            json.Append(json.Length > 1 ? ", " : "").Append(ReplyCursor.Quoted(parameter)).Append(": ").Append(value);
        found.Calls.Add(new(null, tool, json.Append('}').ToString()));
        return true;
    }

    // Llama 3.1 was taught <function=name>{"parameter": …}</function>.
    private bool ReadJson(ref ReplyCursor text, string tool, FoundCalls found)
    {
        if (!JsonCalls.ReadArguments(ref text, out string arguments))
            return false;
        text.SkipSpace();
        if (!text.Take(FunctionClose))
            return false;
        found.Calls.Add(new(null, tool, arguments));
        return true;
    }

    // A few write quotes where others do not.
    private bool FunctionName(ref ReplyCursor text, out string name)
    {
        name = "";
        bool isQuoted = false;
        if (FunctionNameEnd.Length > 0 && !text.Sees("\"", out isQuoted))
            return false;
        if ((isQuoted && !text.Take("\"")) || !text.Name(out name) || (isQuoted && !text.Take("\"")))
            return false;
        text.SkipSpace();
        return text.Take(FunctionNameEnd);
    }

    private bool ParameterName(ref ReplyCursor text, out string name, out bool? isText)
    {
        (name, isText) = ("", null);
        if (!text.Until(ParameterNameEnds[0], out ReadOnlySpan<char> raw))
            return false;
        int attribute = TextAttribute is null ? -1 : raw.IndexOf($" {TextAttribute}=", StringComparison.Ordinal);
        if (attribute >= 0)
        {
            isText = raw[(attribute + TextAttribute!.Length + 2)..].Trim().Trim('"').SequenceEqual("true");
            raw = raw[..attribute];
        }
        name = raw.Trim().Trim('"').ToString();
        if (ParameterNameEnds.Length == 1)
            return true;
        text.SkipSpace();
        return text.Take(ParameterNameEnds[1]);
    }

    /// <summary>A value ends where its tag is followed by another parameter or by the end: a program's text may contain the tag.</summary>
    private bool Value(ref ReplyCursor text, out ReadOnlySpan<char> value)
    {
        ReplyCursor ahead = text;
        ahead.SkipSpace();
        value = default;
        bool isVerbatim = false;
        if (TextAttribute is null && !ahead.Sees("<![CDATA[", out isVerbatim))
        {
            text = ahead;
            return false;
        }
        if (isVerbatim)
        {
            text = ahead;
            if (!text.Take("<![CDATA[") || !text.Until("]]>", out value))
                return false;
            text.SkipSpace();
            return text.Take(ParameterClose);
        }
        int length = -ParameterClose.Length;
        ahead = text;
        while (true)
        {
            if (!ahead.Until(ParameterClose, out ReadOnlySpan<char> part))
                break;
            length += part.Length + ParameterClose.Length;
            ReplyCursor behind = ahead;
            behind.SkipSpace();
            if (!behind.Sees(ParameterOpen, out bool next) || !behind.Sees(FunctionClose, out bool ends) || !SeesCloser(ref behind, out bool closes))
            {
                text = behind;
                return false;
            }
            if (next || ends || closes)
            {
                value = TextAttribute is null ? Trimmed(text.Ahead(length)) : text.Ahead(length);
                text = ahead;
                return true;
            }
        }
        text = ahead;
        return false;
    }

    private bool SeesCloser(ref ReplyCursor text, out bool sees)
    {
        sees = false;
        foreach (string closer in Closers)
        {
            if (!text.Sees(closer, out bool one))
                return false;
            sees |= one;
        }
        return true;
    }

    // One line break on either side belongs to the tags.
    private static ReadOnlySpan<char> Trimmed(ReadOnlySpan<char> value)
    {
        value = value.StartsWith("\r\n") ? value[2..] : value.StartsWith('\n') ? value[1..] : value;
        return value.EndsWith("\r\n") ? value[..^2] : value.EndsWith('\n') ? value[..^1] : value;
    }
}
