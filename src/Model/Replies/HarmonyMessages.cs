namespace MeKi.Model.Replies;

/// <summary>
/// gpt-oss: each message has a header, which names a channel (analysis is reasoning, all others are the answer) and perhaps a function to call.
/// </summary>
internal sealed class HarmonyMessages : CallSyntax
{
    private const string Recipient = "to=", Functions = "functions.", Channel = "<|channel|>", Analysis = "analysis", Begin = "<|message|>";
    private const int MaxHeader = 512;

    private static readonly ReasoningMarks Marks = new([], ["<|end|>", "<|return|>", "<|call|>"]);

    public HarmonyMessages() => Ends = ">}";

    public override bool HasAnswers => true;

    public override string[] Inner => [Channel, Begin, "<|end|>", "<|constrain|>"];

    public override bool Read(ref ReplyCursor text, OfferedTools tools, FoundCalls found)
    {
        if (!text.Until(Begin, out ReadOnlySpan<char> header))
            return text.Remaining > MaxHeader + Begin.Length && text.Fail();
        if (header.Length > MaxHeader)
            return text.Fail();
        ReadOnlySpan<char> function = Behind(header, Recipient + Functions);
        if (!function.IsEmpty)
        {
            if (!JsonCalls.ReadArguments(ref text, out string arguments))
                return false;
            found.Calls.Add(new(null, function.ToString(), arguments));
        }
        else if (Behind(header, Channel).SequenceEqual(Analysis))
            found.Reasoning = Marks;
        return true;
    }

    private static ReadOnlySpan<char> Behind(ReadOnlySpan<char> header, string key)
    {
        int at = header.IndexOf(key, StringComparison.Ordinal);
        if (at < 0)
            return default;
        ReadOnlySpan<char> value = header[(at + key.Length)..];
        int end = value.IndexOfAny(" <\n");
        return end < 0 ? value : value[..end];
    }
}
