namespace MeKi.Model.Grammars.Regexes;

/// <summary>A set of Unicode scalar values. Immutable; equal sets compare equal.</summary>
internal sealed class CharSet : IEquatable<CharSet>
{
    /// <summary>One above the highest scalar value.</summary>
    public const int End = 0x110000;

    // Sorted: the set begins at each even entry and ends before each odd one.
    private readonly int[] _borders;
    private readonly int _hash;

    private CharSet(int[] borders)
    {
        _borders = borders;
        HashCode hash = default;
        foreach (int border in borders)
            hash.Add(border);
        _hash = hash.ToHashCode();
    }

    /// <summary>No character.</summary>
    public static CharSet None { get; } = new([]);

    /// <summary>Every scalar value; surrogates are none.</summary>
    public static CharSet Any { get; } = new([0, 0xD800, 0xE000, End]);

    /// <summary>Whether it has no character.</summary>
    public bool IsEmpty => _borders.Length == 0;

    /// <summary>Where the set begins and ends, in turn, ascending.</summary>
    public ReadOnlySpan<int> Borders => _borders;

    /// <summary>Its characters, ascending.</summary>
    public IEnumerable<int> Scalars => Enumerable.Range(0, _borders.Length / 2)
        .SelectMany(i => Enumerable.Range(_borders[2 * i], _borders[2 * i + 1] - _borders[2 * i]));

    /// <summary>The characters from one to another, both of them included.</summary>
    public static CharSet Range(int first, int last) => new CharSet([first, last + 1]).And(Any);

    /// <summary>A single character.</summary>
    public static CharSet Of(int scalar) => Range(scalar, scalar);

    /// <summary>The characters of a text.</summary>
    public static CharSet OfText(string text) => text.EnumerateRunes().Aggregate(None, static (set, rune) => set.Or(Of(rune.Value)));

    /// <summary>The set whose sorted ranges are given, the ends excluded.</summary>
    public static CharSet OfBorders(List<int> borders) => new CharSet([.. borders]).And(Any);

    /// <summary>Whether a character is in the set.</summary>
    public bool Contains(int scalar)
    {
        int at = Array.BinarySearch(_borders, scalar);
        return ((at >= 0 ? at : ~at - 1) & 1) == 0;
    }

    /// <summary>The characters of either set.</summary>
    public CharSet Or(CharSet other) => Merge(other, static (left, right) => left || right);

    /// <summary>The characters of both sets.</summary>
    public CharSet And(CharSet other) => Merge(other, static (left, right) => left && right);

    /// <summary>The characters of this set that the other does not have.</summary>
    public CharSet Without(CharSet other) => Merge(other, static (left, right) => left && !right);

    /// <summary>All other characters.</summary>
    public CharSet Not() => Any.Without(this);

    /// <inheritdoc/>
    public bool Equals(CharSet? other) => other is not null && _hash == other._hash && _borders.AsSpan().SequenceEqual(other._borders);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CharSet);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    private CharSet Merge(CharSet other, Func<bool, bool, bool> rule)
    {
        List<int> borders = [];
        bool isIn = false;
        for (int i = 0, j = 0; i < _borders.Length || j < other._borders.Length;)
        {
            int left = i < _borders.Length ? _borders[i] : End + 1, right = j < other._borders.Length ? other._borders[j] : End + 1, at = Math.Min(left, right);
            if (left == at)
                i++;
            if (right == at)
                j++;
            if (rule((i & 1) == 1, (j & 1) == 1) != isIn)
            {
                isIn = !isIn;
                borders.Add(at);
            }
        }
        return new([.. borders]);
    }
}
