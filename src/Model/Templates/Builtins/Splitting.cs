using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>Python's <c>split</c> and <c>rsplit</c>.</summary>
internal static class Splitting
{
    /// <param name="text">The text.</param>
    /// <param name="separator">What stands between parts; null for whitespace, of which none is part of a part.</param>
    /// <param name="most">The most cuts; negative for any number.</param>
    /// <param name="run">The rendering.</param>
    public static List<string> Split(string text, string? separator, int most, Run run)
    {
        Check(text, separator, run);
        List<string> parts = [];
        int at = 0, cuts = most < 0 ? int.MaxValue : most;
        if (separator is not null)
        {
            for (int found; cuts > 0 && (found = text.IndexOf(separator, at, StringComparison.Ordinal)) >= 0; cuts--)
            {
                parts.Add(text[at..found]);
                at = found + separator.Length;
            }
            parts.Add(text[at..]);
            return parts;
        }
        while (true)
        {
            while (at < text.Length && PythonText.IsSpace(text[at]))
                at++;
            if (at == text.Length)
                return parts;
            int start = at;
            if (cuts-- == 0)
            {
                parts.Add(PythonText.StripEnd(text[start..], null));
                return parts;
            }
            while (at < text.Length && !PythonText.IsSpace(text[at]))
                at++;
            parts.Add(text[start..at]);
        }
    }

    /// <summary>Likewise, with the cuts counted from the end.</summary>
    public static List<string> SplitFromEnd(string text, string? separator, int most, Run run)
    {
        if (most < 0)
            return Split(text, separator, most, run);
        Check(text, separator, run);
        List<string> parts = [];
        int end = text.Length, cuts = most;
        if (separator is not null)
        {
            for (int found; cuts > 0 && (found = text.AsSpan(0, end).LastIndexOf(separator)) >= 0; cuts--)
            {
                parts.Add(text[(found + separator.Length)..end]);
                end = found;
            }
            parts.Add(text[..end]);
        }
        else
        {
            while (true)
            {
                while (end > 0 && PythonText.IsSpace(text[end - 1]))
                    end--;
                if (end == 0)
                    break;
                if (cuts-- == 0)
                {
                    parts.Add(PythonText.StripStart(text[..end], null));
                    break;
                }
                int start = end;
                while (start > 0 && !PythonText.IsSpace(text[start - 1]))
                    start--;
                parts.Add(text[start..end]);
                end = start;
            }
        }
        parts.Reverse();
        return parts;
    }

    private static void Check(string text, string? separator, Run run)
    {
        // A part for each char, at most.
        run.MakeElements(text.Length / 2);
        if (separator is "")
            throw new TemplateFault("empty separator");
    }
}
