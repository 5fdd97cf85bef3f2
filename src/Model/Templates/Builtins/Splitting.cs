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
                Add(parts, text[at..found], run);
                at = found + separator.Length;
            }
            Add(parts, text[at..], run);
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
                Add(parts, text[start..], run);
                return parts;
            }
            while (at < text.Length && !PythonText.IsSpace(text[at]))
                at++;
            Add(parts, text[start..at], run);
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
                Add(parts, text[(found + separator.Length)..end], run);
                end = found;
            }
            Add(parts, text[..end], run);
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
                    Add(parts, text[..end], run);
                    break;
                }
                int start = end;
                while (start > 0 && !PythonText.IsSpace(text[start - 1]))
                    start--;
                Add(parts, text[start..end], run);
                end = start;
            }
        }
        parts.Reverse();
        return parts;
    }

    private static void Add(List<string> parts, string part, Run run)
    {
        run.MakeElements(1);
        run.Make(part.Length);
        parts.Add(part);
    }

    private static void Check(string text, string? separator, Run run)
    {
        run.Read(text.Length);
        if (separator is "")
            throw new TemplateFault("empty separator");
    }
}
