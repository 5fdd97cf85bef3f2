using System.Text;

namespace MeKi.Model.Replies;

/// <summary>Gemma 4: <c>call:name{key:&lt;|"|&gt;text&lt;|"|&gt;,key:1}</c>.</summary>
internal sealed class GemmaCalls : CallSyntax
{
    public override string[] Inner => ["<|\"|>"];

    public override bool Read(ref ReplyCursor text, OfferedTools tools, FoundCalls found)
    {
        if (!text.Take(Openers[0]))
            return false;
        text.SkipSpace();
        if (!text.Take("call:") || !text.Name(out string name))
            return false;
        text.SkipSpace();
        if (!text.Sees("{", out bool sees))
            return false;
        StringBuilder json = new();
        if (!sees)
            return text.Fail();
        if (!text.Literal(json))
            return false;
        found.Calls.Add(new(null, name, json.ToString()));
        return true;
    }
}
