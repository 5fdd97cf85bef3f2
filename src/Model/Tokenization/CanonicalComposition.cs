using System.Globalization;
using System.Text;

namespace MeKi.Model.Tokenization;

/// <summary>Unicode normalisation form C (Unicode Standard Annex 15), independent of ICU and of globalisation-invariant mode.</summary>
internal sealed class CanonicalComposition
{
    private const int HangulFirst = 0xAC00, HangulCount = 11172, LeadFirst = 0x1100, VowelFirst = 0x1161, TailBefore = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TailCount = 28;

    // No character below this one changes or is changed by the text around it.
    private const char FirstAffected = '\u0300';

    private static readonly Lazy<CanonicalComposition> s_shared = new(() => new());

    private readonly Dictionary<int, (int First, int Second)> _decompositions = [];
    private readonly Dictionary<(int First, int Second), int> _compositions = [];
    private readonly Dictionary<int, byte> _classes = [];
    private readonly HashSet<int> _suspicious = [];

    private CanonicalComposition()
    {
        foreach (string group in CanonicalData.Decompositions.Split(';'))
        {
            string[] parts = group.Split(':');
            int second = Hexadecimal(parts[0]), composed = 0;
            bool isExcluded = false;
            foreach (string entry in parts[1].Split(','))
            {
                string[] fields = entry.Trim().Split(' ');
                int first = Hexadecimal(fields[^1]);
                if (fields.Length == 1)
                    composed++;
                else
                    (isExcluded, composed) = (fields[0][0] == '!', Hexadecimal(fields[0].TrimStart('!')));
                _decompositions.Add(composed, (first, second));
                if (!isExcluded)
                    _compositions.Add((first, second), composed);
                _suspicious.Add(isExcluded ? composed : second);
            }
        }
        foreach (string entry in CanonicalData.CombiningClasses.Split(','))
        {
            string[] fields = entry.Trim().Split(' ');
            int first = Hexadecimal(fields[0]);
            for (int i = 0; i < int.Parse(fields[1], CultureInfo.InvariantCulture); i++)
            {
                _classes.Add(first + i, byte.Parse(fields[2], CultureInfo.InvariantCulture));
                _suspicious.Add(first + i);
            }
        }
        for (int jamo = VowelFirst; jamo < VowelFirst + VowelCount; jamo++)
            _suspicious.Add(jamo);
        for (int jamo = TailBefore + 1; jamo < TailBefore + TailCount; jamo++)
            _suspicious.Add(jamo);
    }

    /// <summary>Brings text to form C; a lone surrogate becomes U+FFFD where anything changes at all.</summary>
    /// <returns>The text itself when it is in form C already.</returns>
    public static ReadOnlySpan<char> Normalize(ReadOnlySpan<char> text) =>
        text.IndexOfAnyExceptInRange('\0', (char)(FirstAffected - 1)) < 0 || !s_shared.Value.MayChange(text) ? text : s_shared.Value.Compose(text);

    // The quick check of Annex 15: without a combining mark, a second half or an excluded character the text is in form C.
    private bool MayChange(ReadOnlySpan<char> text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value >= FirstAffected && _suspicious.Contains(rune.Value))
                return true;
        }
        return false;
    }

    private string Compose(ReadOnlySpan<char> text)
    {
        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
            Decompose(rune.Value, points);
        OrderMarks(points);

        int kept = 0, starter = -1, lastClass = 0;
        for (int i = 0; i < points.Count; i++)
        {
            int point = points[i], markClass = ClassOf(point);
            // A mark is blocked from its starter by an earlier one of the same or a higher class.
            bool adjacent = starter == kept - 1;
            if (starter >= 0 && (adjacent || (lastClass != 0 && lastClass < markClass)) && TryCompose(points[starter], point) is int composed)
            {
                points[starter] = composed;
                continue;
            }
            if (markClass == 0)
                starter = kept;
            lastClass = markClass;
            points[kept++] = point;
        }

        var result = new StringBuilder(kept);
        for (int i = 0; i < kept; i++)
            result.Append(new Rune(points[i]).ToString());
        return result.ToString();
    }

    private static int Hexadecimal(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private int ClassOf(int point) => point < FirstAffected ? 0 : _classes.GetValueOrDefault(point);

    private void Decompose(int point, List<int> into)
    {
        if ((uint)(point - HangulFirst) < HangulCount)
        {
            int index = point - HangulFirst;
            into.Add(LeadFirst + index / (VowelCount * TailCount));
            into.Add(VowelFirst + index / TailCount % VowelCount);
            if (index % TailCount != 0)
                into.Add(TailBefore + index % TailCount);
        }
        else if (point >= 0xC0 && _decompositions.TryGetValue(point, out var parts))
        {
            Decompose(parts.First, into);
            if (parts.Second != 0)
                Decompose(parts.Second, into);
        }
        else
            into.Add(point);
    }

    // Marks in a row go by combining class, equals in the order of the text. Sorting by (class, position) keeps a long row O(n log n).
    private void OrderMarks(List<int> points)
    {
        for (int start = 0; start < points.Count; start++)
        {
            if (ClassOf(points[start]) == 0)
                continue;
            int end = start + 1;
            while (end < points.Count && ClassOf(points[end]) != 0)
                end++;
            if (end - start > 1)
            {
                int[] marks = [.. points[start..end]];
                long[] order = [.. marks.Select((mark, i) => ((long)ClassOf(mark) << 32) | (uint)i)];
                Array.Sort(order, marks);
                for (int i = 0; i < marks.Length; i++)
                    points[start + i] = marks[i];
            }
            start = end;
        }
    }

    private int? TryCompose(int first, int second)
    {
        if ((uint)(first - LeadFirst) < LeadCount && (uint)(second - VowelFirst) < VowelCount)
            return HangulFirst + ((first - LeadFirst) * VowelCount + second - VowelFirst) * TailCount;
        if ((uint)(first - HangulFirst) < HangulCount && (first - HangulFirst) % TailCount == 0 && second > TailBefore && second < TailBefore + TailCount)
            return first + second - TailBefore;
        return _compositions.TryGetValue((first, second), out int composed) ? composed : null;
    }
}
