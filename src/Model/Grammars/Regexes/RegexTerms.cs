using System.Runtime.CompilerServices;

namespace MeKi.Model.Grammars.Regexes;

/// <summary>What stands beside a place in a text.</summary>
internal enum Neighbour
{
    /// <summary>The text's begin or end.</summary>
    None,

    /// <summary>A character of a word.</summary>
    Word,

    /// <summary>Another character.</summary>
    Other,
}

/// <summary>
/// Makes the terms of one regular expression, and their derivatives: the derivative of a term for a character matches what the term matches after that
/// character (Brzozowski 1964). With places (<c>^ $ \b</c>) it depends on what stands around, as in Moseley et al., 2023.
/// </summary>
/// <param name="overflow">Makes the exception for a regular expression that needs too many terms.</param>
internal sealed class RegexTerms(Func<Exception> overflow)
{
    // Parts looked at in all, about a second's worth: terms may be few and each of them large.
    private const int MostTerms = 100_000, MostWork = 5_000_000;

    private readonly Dictionary<Key, RegexTerm> _terms = [];
    private readonly Dictionary<(int Term, int Sample, Neighbour Before), RegexTerm> _derivatives = [];

    private int _work;

    public RegexTerm Nothing => Make(TermKind.Nothing, []);

    public RegexTerm Empty => Make(TermKind.Empty, []);

    /// <summary>Every text.</summary>
    public RegexTerm Everything => Repeat(Character(CharSet.Any), 0, -1);

    public RegexTerm Place(TermKind kind) => Make(kind, []);

    public RegexTerm Character(CharSet set) => set.IsEmpty ? Nothing : Make(TermKind.Character, [], set);

    public RegexTerm Sequence(RegexTerm first, RegexTerm rest)
    {
        if (first.Kind == TermKind.Nothing || rest.Kind == TermKind.Nothing)
            return Nothing;
        if (first.Kind == TermKind.Empty)
            return rest;
        if (rest.Kind == TermKind.Empty)
            return first;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (first.Kind == TermKind.Sequence)
            return Sequence(first.Parts[0], Sequence(first.Parts[1], rest));
        // Two of "every text" are one.
        if (IsEverything(first) && (ReferenceEquals(first, rest) || (rest.Kind == TermKind.Sequence && ReferenceEquals(first, rest.Parts[0]))))
            return rest;
        return Make(TermKind.Sequence, [first, rest]);
    }

    public RegexTerm Or(IEnumerable<RegexTerm> parts)
    {
        SortedDictionary<int, RegexTerm> sorted = [];
        CharSet set = CharSet.None;
        foreach (RegexTerm part in parts)
        {
            foreach (RegexTerm one in part.Kind == TermKind.Or ? part.Parts : [part])
            {
                Step();
                if (IsEverything(one))
                    return one;
                if (one.Kind == TermKind.Character)
                    set = set.Or(one.Set!);
                else if (one.Kind != TermKind.Nothing)
                    sorted[one.Id] = one;
            }
        }
        if (!set.IsEmpty && Character(set) is { } character)
            sorted[character.Id] = character;
        return sorted.Count switch
        {
            0 => Nothing,
            1 => sorted.First().Value,
            _ => Make(TermKind.Or, [.. sorted.Values]),
        };
    }

    public RegexTerm And(IEnumerable<RegexTerm> parts)
    {
        SortedDictionary<int, RegexTerm> sorted = [];
        foreach (RegexTerm part in parts)
        {
            foreach (RegexTerm one in part.Kind == TermKind.And ? part.Parts : [part])
            {
                Step();
                if (one.Kind == TermKind.Nothing)
                    return one;
                if (!IsEverything(one))
                    sorted[one.Id] = one;
            }
        }
        return sorted.Count switch
        {
            0 => Everything,
            1 => sorted.First().Value,
            _ => Make(TermKind.And, [.. sorted.Values]),
        };
    }

    public RegexTerm Not(RegexTerm part) => part.Kind switch
    {
        TermKind.Not => part.Parts[0],
        TermKind.Nothing => Everything,
        _ => IsEverything(part) ? Nothing : Make(TermKind.Not, [part]),
    };

    public RegexTerm Repeat(RegexTerm body, int least, int most)
    {
        if (most == 0 || body.Kind == TermKind.Empty)
            return Empty;
        if (body.Kind == TermKind.Nothing)
            return least == 0 ? Empty : Nothing;
        if (least == 1 && most == 1)
            return body;
        // Any number of any number is any number.
        if (body is { Kind: TermKind.Repeat, Least: 0, Most: -1 })
            return body;
        if (body is { Kind: TermKind.Repeat, Least: 1, Most: -1 } && least <= 1)
            return Repeat(body.Parts[0], least, -1);
        return Make(TermKind.Repeat, [body], null, least, most);
    }

    /// <summary>Whether a term matches the empty text between two neighbours.</summary>
    public bool IsNullable(RegexTerm term, Neighbour before, Neighbour after)
    {
        Step();
        RuntimeHelpers.EnsureSufficientExecutionStack();
        switch (term.Kind)
        {
            case TermKind.Empty:
                return true;
            case TermKind.Sequence or TermKind.And:
                return Array.TrueForAll(term.Parts, part => IsNullable(part, before, after));
            case TermKind.Or:
                return Array.Exists(term.Parts, part => IsNullable(part, before, after));
            case TermKind.Not:
                return !IsNullable(term.Parts[0], before, after);
            case TermKind.Repeat:
                return term.Least == 0 || IsNullable(term.Parts[0], before, after);
            case TermKind.TextStart:
                return before == Neighbour.None;
            case TermKind.TextEnd:
                return after == Neighbour.None;
            case TermKind.Border or TermKind.NoBorder:
                return ((before == Neighbour.Word) != (after == Neighbour.Word)) == (term.Kind == TermKind.Border);
            default:
                return false;
        }
    }

    /// <summary>What a term matches after a character.</summary>
    /// <param name="term">The term.</param>
    /// <param name="sample">The character, or one that no set of the expression tells from it.</param>
    /// <param name="before">What stands before it.</param>
    public RegexTerm Derive(RegexTerm term, int sample, Neighbour before)
    {
        if (!term.HasPlaces)
            before = Neighbour.Other;
        switch (term.Kind)
        {
            case TermKind.Character:
                return term.Set!.Contains(sample) ? Empty : Nothing;
            case TermKind.Sequence or TermKind.Or or TermKind.And or TermKind.Not or TermKind.Repeat:
                break;
            default:
                return Nothing;
        }
        Step();
        if (_derivatives.TryGetValue((term.Id, sample, before), out RegexTerm? known))
            return known;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        RegexTerm derived = term.Kind switch
        {
            TermKind.Or => Or(term.Parts.Select(part => Derive(part, sample, before))),
            TermKind.And => And(term.Parts.Select(part => Derive(part, sample, before))),
            TermKind.Not => Not(Derive(term.Parts[0], sample, before)),
            TermKind.Repeat => Sequence(Derive(term.Parts[0], sample, before),
                Repeat(term.Parts[0], Math.Max(term.Least - 1, 0), term.Most < 0 ? -1 : term.Most - 1)),
            _ => Sequence(Derive(term.Parts[0], sample, before), term.Parts[1]),
        };
        if (term.Kind == TermKind.Sequence && IsNullable(term.Parts[0], before, NeighbourOf(sample)))
            derived = Or([derived, Derive(term.Parts[1], sample, before)]);
        if (_derivatives.Count > 4 * MostTerms)
            throw overflow();
        return _derivatives[(term.Id, sample, before)] = derived;
    }

    /// <summary>What a character is to the place beside it.</summary>
    public static Neighbour NeighbourOf(int scalar) => UnicodeSets.WordCharacters.Contains(scalar) ? Neighbour.Word : Neighbour.Other;

    private void Step()
    {
        if (++_work > MostWork)
            throw overflow();
    }

    private static bool IsEverything(RegexTerm term) =>
        term is { Kind: TermKind.Repeat, Least: 0, Most: -1 } && term.Parts[0] is { Kind: TermKind.Character } body && body.Set!.Equals(CharSet.Any);

    private RegexTerm Make(TermKind kind, RegexTerm[] parts, CharSet? set = null, int least = 0, int most = 0)
    {
        Key key = new(kind, parts, set, least, most);
        if (_terms.TryGetValue(key, out RegexTerm? term))
            return term;
        if (_terms.Count >= MostTerms)
            throw overflow();
        return _terms[key] = new(_terms.Count, kind)
        {
            Set = set,
            Parts = parts,
            Least = least,
            Most = most,
            HasPlaces = kind is TermKind.TextStart or TermKind.TextEnd or TermKind.Border or TermKind.NoBorder
                || Array.Exists(parts, static part => part.HasPlaces),
        };
    }

    private readonly record struct Key(TermKind Kind, RegexTerm[] Parts, CharSet? Set, int Least, int Most)
    {
        public bool Equals(Key other) => Kind == other.Kind && Least == other.Least && Most == other.Most && Parts.AsSpan().SequenceEqual(other.Parts)
            && (Set is null ? other.Set is null : Set.Equals(other.Set));

        public override int GetHashCode()
        {
            HashCode hash = default;
            hash.Add(Kind);
            hash.Add(Least);
            hash.Add(Most);
            hash.Add(Set);
            foreach (RegexTerm part in Parts)
                hash.Add(part.Id);
            return hash.ToHashCode();
        }
    }
}
