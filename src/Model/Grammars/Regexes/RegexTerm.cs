namespace MeKi.Model.Grammars.Regexes;

/// <summary>What a term of a regular expression is.</summary>
internal enum TermKind
{
    /// <summary>Matches no text.</summary>
    Nothing,

    /// <summary>Matches the empty text.</summary>
    Empty,

    /// <summary>One character of a set.</summary>
    Character,

    /// <summary>One after another.</summary>
    Sequence,

    /// <summary>Some of its parts match.</summary>
    Or,

    /// <summary>All of its parts match.</summary>
    And,

    /// <summary>Its part does not match.</summary>
    Not,

    /// <summary>Several times the same.</summary>
    Repeat,

    /// <summary><c>^</c>.</summary>
    TextStart,

    /// <summary><c>$</c>.</summary>
    TextEnd,

    /// <summary><c>\b</c>.</summary>
    Border,

    /// <summary><c>\B</c>.</summary>
    NoBorder,
}

/// <summary>A term of a regular expression with intersection and complement. <see cref="RegexTerms"/> makes each just once: equal terms are the same.</summary>
internal sealed class RegexTerm(int id, TermKind kind)
{
    /// <summary>Its number, in the order of making.</summary>
    public int Id => id;

    public TermKind Kind => kind;

    /// <summary>The characters of a <see cref="TermKind.Character"/>.</summary>
    public CharSet? Set { get; init; }

    /// <summary>What it is made of; of a sequence, the first and the rest.</summary>
    public RegexTerm[] Parts { get; init; } = [];

    /// <summary>How often a repetition takes place at least.</summary>
    public int Least { get; init; }

    /// <summary>How often at most; -1 for any number.</summary>
    public int Most { get; init; }

    /// <summary>Whether something in it depends on what stands around.</summary>
    public bool HasPlaces { get; init; }
}
