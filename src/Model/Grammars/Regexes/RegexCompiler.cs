namespace MeKi.Model.Grammars.Regexes;

/// <summary>Turns regular expressions into automata. Nothing ever goes back in the text, so no expression is catastrophic; one that is too large is
/// refused.</summary>
internal sealed class RegexCompiler
{
    private const int MostStates = 10_000, MostTransitions = 2_000_000, MostUnrolled = 32, MostBuilt = 200_000;

    private readonly string _pattern, _place;
    private readonly RegexTerms _terms;
    private readonly List<CharSet> _sets = [CharSet.Any];
    private int _built;

    private RegexCompiler(string pattern, string place) => (_pattern, _place, _terms) = (pattern, place, new(Overflow));

    /// <summary>Compiles a regular expression.</summary>
    /// <param name="pattern">The expression, of ECMA-262.</param>
    /// <param name="isWhole">Whether it must match the whole text; if not, a part of it is enough.</param>
    /// <param name="place">Where it stands in a schema, for messages; empty where it stands alone.</param>
    /// <param name="alphabet">The characters that texts are made of; others are in none.</param>
    /// <exception cref="GrammarException">It is malformed, has what no automaton can do, or needs too many states.</exception>
    public static TextDfa Compile(string pattern, bool isWhole, string place = "", CharSet? alphabet = null)
    {
        RegexSyntax syntax = RegexParser.Parse(pattern, place);
        RegexCompiler compiler = new(pattern, place);
        try
        {
            RegexTerms terms = compiler._terms;
            RegexTerm after = isWhole ? terms.Empty : terms.Everything;
            RegexTerm term = compiler.Build(syntax, after);
            return compiler.ToAutomaton(isWhole ? term : terms.Sequence(terms.Everything, term), alphabet ?? CharSet.Any);
        }
        catch (InsufficientExecutionStackException exception)
        {
            throw compiler.Fault("is nested too deep", "Write it shorter", exception);
        }
    }

    private GrammarException Overflow() =>
        Fault("needs too large an automaton", "Take smaller counts, or say less before them: '.*' before a count is the usual reason");

    private GrammarException Fault(string problem, string remedy, Exception? cause = null) => _place.Length > 0
        ? new("JSON schema", _place, $"the regular expression {UntrustedText.Quote(_pattern)} {problem}", remedy, cause)
        : new("regular expression", "", $"{UntrustedText.Quote(_pattern)} {problem}", remedy, cause);

    // The term of what is written followed by what comes after: a look ahead bounds all that comes after it.
    private RegexTerm Build(RegexSyntax syntax, RegexTerm after)
    {
        // Repetitions within repetitions multiply.
        if (++_built > MostBuilt)
            throw Overflow();
        if (!syntax.LooksAhead)
            return _terms.Sequence(BuildPlain(syntax), after);
        switch (syntax)
        {
            case SequenceSyntax sequence:
                return sequence.Parts.Reverse().Aggregate(after, (rest, part) => Build(part, rest));
            case ChoiceSyntax choice:
                return _terms.Or(choice.Parts.Select(part => Build(part, after)));
            case AheadSyntax ahead:
                RegexTerm seen = Build(ahead.Body, _terms.Everything);
                return _terms.And([ahead.IsNegative ? _terms.Not(seen) : seen, after]);
            case RepeatSyntax { Most: int most } repeat when most <= MostUnrolled:
                RegexTerm term = after;
                for (int i = most; i > 0; i--)
                    term = i > repeat.Least ? _terms.Or([after, Build(repeat.Body, term)]) : Build(repeat.Body, term);
                return term;
            default:
                throw Fault("looks ahead in a repetition", "Put the look ahead outside");
        }
    }

    private RegexTerm BuildPlain(RegexSyntax syntax)
    {
        if (++_built > MostBuilt)
            throw Overflow();
        switch (syntax)
        {
            case CharacterSyntax character:
                _sets.Add(character.Set);
                return _terms.Character(character.Set);
            case PlaceSyntax place:
                return _terms.Place(place.Kind);
            case SequenceSyntax sequence:
                return sequence.Parts.Reverse().Aggregate(_terms.Empty, (rest, part) => _terms.Sequence(BuildPlain(part), rest));
            case ChoiceSyntax choice:
                return _terms.Or(choice.Parts.Select(BuildPlain));
            case RepeatSyntax repeat:
                return _terms.Repeat(BuildPlain(repeat.Body), repeat.Least, repeat.Most ?? -1);
            default:
                throw new NotSupportedException(syntax.GetType().Name);
        }
    }

    private TextDfa ToAutomaton(RegexTerm start, CharSet alphabet)
    {
        if (start.HasPlaces)
            _sets.Add(UnicodeSets.WordCharacters);
        _sets.Add(alphabet);
        CharClasses classes = CharClasses.Of(_sets);
        Dictionary<(RegexTerm Term, Neighbour Before), int> numbers = new() { [(start, Neighbour.None)] = 0 };
        List<(RegexTerm Term, Neighbour Before)> states = [(start, Neighbour.None)];
        List<int> next = [];
        List<bool> accepts = [];
        for (int i = 0; i < states.Count; i++)
        {
            (RegexTerm term, Neighbour before) = states[i];
            if (next.Count > MostTransitions)
                throw Overflow();
            accepts.Add(_terms.IsNullable(term, before, Neighbour.None));
            foreach (int sample in classes.Samples)
            {
                if (sample < 0 || !alphabet.Contains(sample))
                {
                    next.Add(-1);
                    continue;
                }
                RegexTerm derived = _terms.Derive(term, sample, before);
                if (derived.Kind == TermKind.Nothing)
                {
                    next.Add(-1);
                    continue;
                }
                // What stands before matters only to terms with places.
                (RegexTerm, Neighbour) state = (derived, derived.HasPlaces ? RegexTerms.NeighbourOf(sample) : Neighbour.None);
                if (!numbers.TryGetValue(state, out int number))
                {
                    if (states.Count >= MostStates)
                        throw Overflow();
                    numbers[state] = number = states.Count;
                    states.Add(state);
                }
                next.Add(number);
            }
        }
        return new(classes, [.. next], [.. accepts]);
    }
}
