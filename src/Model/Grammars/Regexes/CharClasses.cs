using System.Runtime.InteropServices;

namespace MeKi.Model.Grammars.Regexes;

/// <summary>All characters, cut into the classes that some sets do not tell apart.</summary>
internal sealed class CharClasses
{
    // Range i goes from _starts[i] to the next start, less one, and belongs to class _ids[i].
    private readonly int[] _starts, _ids, _ascii = new int[128];

    private CharClasses(int[] starts, int[] ids, int count)
    {
        (_starts, _ids, Count) = (starts, ids, count);
        (Samples, Sizes) = (new int[count], new long[count]);
        Array.Fill(Samples, -1);
        for (int i = 0; i < starts.Length; i++)
        {
            int end = i + 1 < starts.Length ? starts[i + 1] : CharSet.End;
            int surrogates = Math.Max(0, Math.Min(end, 0xE000) - Math.Max(starts[i], 0xD800));
            Sizes[ids[i]] += end - starts[i] - surrogates;
            int sample = starts[i] < 0xD800 ? Plainest(starts[i], Math.Min(end, 0xD800)) : Math.Max(starts[i], 0xE000);
            if (sample < end && Plainness(sample) > Plainness(Samples[ids[i]]))
                Samples[ids[i]] = sample;
        }
        for (int i = 0; i < _ascii.Length; i++)
            _ascii[i] = ids[RangeOf(i)];
    }

    /// <summary>A single class of all characters.</summary>
    public static CharClasses One { get; } = Of([]);

    /// <summary>How many classes there are.</summary>
    public int Count { get; }

    /// <summary>One character of each class, a plain one where there is; -1 where a class is made of surrogates only.</summary>
    public int[] Samples { get; }

    /// <summary>How many characters each class has.</summary>
    public long[] Sizes { get; }

    /// <summary>The classes that some sets make.</summary>
    public static CharClasses Of(IReadOnlyList<CharSet> sets)
    {
        sets = [.. sets.Distinct()];
        SortedSet<int> borders = [0];
        foreach (CharSet set in sets)
            borders.UnionWith(set.Borders.ToArray());
        borders.Remove(CharSet.End);
        int[] starts = [.. borders];
        return Number(starts, start =>
        {
            ulong[] bits = new ulong[(sets.Count + 63) / 64];
            for (int i = 0; i < sets.Count; i++)
            {
                if (sets[i].Contains(start))
                    bits[i >> 6] |= 1UL << (i & 63);
            }
            return Convert.ToHexString(MemoryMarshal.AsBytes(bits.AsSpan()));
        });
    }

    /// <summary>The classes that both tell apart.</summary>
    public static CharClasses Of(CharClasses left, CharClasses right)
    {
        if (ReferenceEquals(left, right) || right.Count == 1)
            return left;
        if (left.Count == 1)
            return right;
        int[] starts = [.. left._starts.Concat(right._starts).Distinct().Order()];
        return Number(starts, start => ((long)left.Of(start) << 32) | (uint)right.Of(start));
    }

    /// <summary>The characters of each class.</summary>
    public CharSet[] Sets()
    {
        List<int>[] borders = [.. Enumerable.Range(0, Count).Select(static _ => new List<int>())];
        for (int i = 0; i < _starts.Length; i++)
        {
            int end = i + 1 < _starts.Length ? _starts[i + 1] : CharSet.End;
            List<int> own = borders[_ids[i]];
            if (own.Count > 0 && own[^1] == _starts[i])
                own[^1] = end;
            else
                own.AddRange([_starts[i], end]);
        }
        return [.. borders.Select(CharSet.OfBorders)];
    }

    /// <summary>The class of a character.</summary>
    public int Of(int scalar) => scalar < 128 ? _ascii[scalar] : _ids[RangeOf(scalar)];

    /// <summary>The class that all characters from one to another have; null where they have several.</summary>
    public int? OnlyOne(int first, int last)
    {
        int range = RangeOf(first);
        return range + 1 == _starts.Length || _starts[range + 1] > last ? _ids[range] : null;
    }

    /// <summary>The classes that have a character from one to another, each once or more often.</summary>
    public IEnumerable<int> Between(int first, int last)
    {
        for (int i = RangeOf(first); i < _starts.Length && _starts[i] <= last; i++)
            yield return _ids[i];
    }

    private static CharClasses Number<TKey>(int[] starts, Func<int, TKey> key)
        where TKey : notnull
    {
        Dictionary<TKey, int> known = [];
        int[] ids = new int[starts.Length];
        for (int i = 0; i < starts.Length; i++)
        {
            TKey of = key(starts[i]);
            if (!known.TryGetValue(of, out ids[i]))
                known[of] = ids[i] = known.Count;
        }
        return new(starts, ids, known.Count);
    }

    // What stands for a class is shown in answers that are cut short: rather a letter than a control character.
    private static int Plainest(int start, int end)
    {
        foreach (int plain in (ReadOnlySpan<int>)['a', '0', 'A', ' '])
        {
            if (plain >= start && plain < end)
                return plain;
        }
        return start < ' ' && end > ' ' ? ' ' : start;
    }

    private static int Plainness(int scalar) => scalar < 0 ? -1 : scalar < ' ' ? 0 : scalar > '~' ? 1 : char.IsAsciiLetterOrDigit((char)scalar) ? 3 : 2;

    private int RangeOf(int scalar)
    {
        int at = Array.BinarySearch(_starts, scalar);
        return at >= 0 ? at : ~at - 1;
    }
}
