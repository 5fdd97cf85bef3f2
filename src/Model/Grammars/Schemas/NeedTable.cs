using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Texts;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>Makes each need once, finds its shapes, and finds which needs can be satisfied and at what cost.</summary>
/// <param name="isOffered">Whether it is for texts that are generated: formats count, and numbers are plain.</param>
/// <param name="tokens">Counts the tokens of a text.</param>
internal sealed class NeedTable(bool isOffered, Func<string, int> tokens)
{
    private const int MostNeeds = 400_000, MostTexts = 20_000;

    // Of needs that are solved or counted because another is, and each on the stack.
    private const int DeepestWithin = 100;

    // Of choices in all needs together, some seconds' worth: few needs may be large.
    private const long MostWork = 10_000_000;

    private readonly Dictionary<string, Need> _needs = [], _lists = [];
    private readonly Dictionary<string, TextMachine> _machines = [];
    private readonly Dictionary<TextLanguage, int> _languages = [];
    private readonly Dictionary<string, int> _tokens = new(StringComparer.Ordinal);
    private readonly Dictionary<string, KeyProduct> _keys = [];
    private Need? _never;
    private long _work;
    private int _solving, _counting;

    public bool IsOffered => isOffered;

    /// <summary>Takes note of choices that are made.</summary>
    /// <returns>Whether so many may be.</returns>
    public bool TrySpend(long work) => (_work += work) <= MostWork;

    /// <summary>Counts the tokens of a text.</summary>
    public int Tokens(string text)
    {
        if (_tokens.TryGetValue(text, out int count))
            return count;
        if (_tokens.Count >= MostTexts)
            _tokens.Clear();
        return _tokens[text] = tokens(text);
    }

    /// <summary>Tokens of the costliest need so far.</summary>
    public int MostCost { get; private set; }

    public SchemaCheck Check { get; } = new(isOffered);

    /// <summary>What no value satisfies.</summary>
    public Need Never => _never ??= new(this, [SchemaNodes.False], []) { IsSolved = true };

    /// <summary>The need for some schemas together.</summary>
    public Need Of(params IEnumerable<Literal> literals)
    {
        SortedDictionary<int, Literal> sorted = [];
        Stack<Literal> work = new(literals);
        while (work.TryPop(out Literal literal))
        {
            SchemaNode node = literal.Node;
            if (node.Types == JsonTypes.None)
            {
                if (literal.Holds)
                    return Never;
            }
            else if (node.IsPlain && literal.Holds)
            {
                foreach (Literal inner in node.All)
                    work.Push(inner);
            }
            else if (node.IsPlain && node.All.Count == 0)
                return Never;
            else if (node.IsPlain && node.All.Count == 1)
                work.Push(node.All[0].Not);
            else if (sorted.ContainsKey(literal.Not.Key))
                return Never;
            else
                sorted[literal.Key] = literal;
        }
        string key = string.Join(',', sorted.Keys);
        if (!_needs.TryGetValue(key, out Need? need))
        {
            if (_needs.Count >= MostNeeds)
                throw SchemaReader.Fault(sorted.Count > 0 ? sorted.Values.First().Node.Pointer : "#", "combines its parts in too many ways");
            _needs[key] = need = Make([.. sorted.Values]);
        }
        return need;
    }

    /// <summary>The need for one more schema.</summary>
    public Need And(Need need, Literal literal) => Of([.. need.Literals, literal]);

    /// <summary>The need for one of some values.</summary>
    public Need OfValues(IReadOnlyList<JsonValue> values)
    {
        if (values.Count == 0)
            return Never;
        string key = string.Join('\u0001', values.Select(static value => value.ToString()));
        if (!_lists.TryGetValue(key, out Need? need))
            _lists[key] = need = new(this, [new(SchemaNodes.New("", values), true)]);
        return need;
    }

    /// <summary>The need for a value that is met in a text: there are too many to be kept.</summary>
    public Need OfValue(JsonValue value) =>
        new(this, [new(SchemaNodes.New("", [value]), true)], [.. ShapeFinder.OfValues(this, value.Kind, [value])]);

    /// <summary>The shapes of a need.</summary>
    public Shape[] Shapes(Need need) => new ShapeFinder(this, need).Find();

    /// <summary>Those of strings.</summary>
    public IEnumerable<StringShape> Strings(Need need) => new ShapeFinder(this, need).Find(JsonKind.String).OfType<StringShape>();

    /// <summary>
    /// Finds cost and height of a need and of all that they depend on: the least numbers that agree with each other, so that what needs itself is impossible.
    /// </summary>
    /// <exception cref="GrammarException">To solve it others must be solved first, and for those others, in too long a row.</exception>
    public void Solve(Need need)
    {
        if (_solving >= DeepestWithin)
            throw SchemaReader.Fault(need.Pointer, "leads through too many schemas whose values must differ");
        _solving++;
        try
        {
            SolveAll(Open(need));
        }
        finally
        {
            _solving--;
        }
    }

    // All that must be known for a need to be, those that it depends on first.
    private static List<Need> Open(Need need)
    {
        List<Need> open = [];
        HashSet<Need> seen = [need];
        Stack<Need> work = new([need]);
        while (work.TryPop(out Need? next))
        {
            open.Add(next);
            foreach (Need vital in next.AllShapes.SelectMany(static shape => shape.Vital))
            {
                if (!vital.IsSolved && seen.Add(vital))
                    work.Push(vital);
            }
        }
        // Those found last are deepest.
        open.Reverse();
        return open;
    }

    private void SolveAll(List<Need> open)
    {
        bool isSound;
        do
        {
            Measure(open);
            isSound = true;
            // What must differ has the values of its parts counted, which are known now. A shape that falls can make others fall.
            foreach (Need one in open)
            {
                foreach (Shape shape in one.AllShapes.Where(static shape => !shape.IsImpossible))
                {
                    bool? differs = shape.CanDiffer;
                    if (differs is null && isOffered)
                        throw Untold(one);
                    if (differs == false)
                        (shape.IsImpossible, isSound) = (true, false);
                }
            }
            if (!isSound)
                open.ForEach(static one => one.Reset());
        }
        while (!isSound);
        foreach (Need one in open)
            MostCost = Math.Max(MostCost, one.Cost < Costs.Never ? one.Cost : 0);
    }

    /// <summary>Counts within a need, where that is not too deep.</summary>
    /// <returns>A bound from below; null where it is.</returns>
    public long? Count(IEnumerable<Shape> shapes) => Within(() => (long?)shapes.Select(static shape => shape.Count()).DefaultIfEmpty(0).Max());

    /// <summary>Lists within a need, where that is not too deep.</summary>
    /// <returns>Each value once; null where they are not few and plain.</returns>
    public IReadOnlyList<JsonValue>? List(IEnumerable<Shape> shapes) => Within<IReadOnlyList<JsonValue>>(() =>
    {
        List<JsonValue> all = [];
        foreach (Shape shape in shapes)
        {
            if (shape.List() is not { } list)
                return null;
            all.AddRange(list);
        }
        if (all.Where(static value => value.Items.Length > 0).Sum(static value => value.Length) > Shape.MostListedLength)
            return null;
        return [.. all.Distinct()];
    });

    /// <summary>What is taken for true: of what cannot be told, what is offered takes the worst, and what is judged the best.</summary>
    public bool Assumes(bool? known) => known ?? !isOffered;

    private static GrammarException Untold(Need need) => SchemaReader.Fault(need.Pointer,
        "cannot be enforced: whether it has as many different values as it takes is not known",
        "Ask for fewer with minItems, list the values with enum, or take out uniqueItems");

    private T? Within<T>(Func<T?> find)
    {
        if (_counting >= DeepestWithin)
            return default;
        _counting++;
        try
        {
            return find();
        }
        finally
        {
            _counting--;
        }
    }

    private static void Measure(List<Need> open)
    {
        for (bool changed = true; changed;)
        {
            changed = false;
            foreach (Need one in open)
                changed |= one.Measure();
        }
        open.ForEach(static one => one.IsSolved = true);
    }

    /// <summary>Runs some languages together. Machines are shared, so that what is known of them is.</summary>
    public TextMachine Machine(IReadOnlyList<TextLanguage> languages)
    {
        if (languages.Count == 1 && ReferenceEquals(languages[0], TextLanguage.Everything))
            return TextMachine.Free;
        string key = string.Join(',', languages.Select(Number));
        if (!_machines.TryGetValue(key, out TextMachine? machine))
            _machines[key] = machine = new(languages);
        return machine;

        int Number(TextLanguage language)
        {
            if (!_languages.TryGetValue(language, out int number))
                _languages[language] = number = _languages.Count;
            return number;
        }
    }

    /// <summary>The automaton of some tests of keys, made once.</summary>
    public KeyProduct Keys(string tests, Func<KeyProduct> make)
    {
        if (!_keys.TryGetValue(tests, out KeyProduct? keys))
            _keys[tests] = keys = make();
        return keys;
    }

    /// <summary>The automaton of some patterns that match and some that do not.</summary>
    /// <exception cref="GrammarException">It would be too large.</exception>
    public TextDfa Patterns(IEnumerable<(SchemaPattern Pattern, bool Holds)> patterns, string pointer)
    {
        TextDfa dfa = TextDfa.Everything;
        bool isBasic = false;
        foreach ((SchemaPattern pattern, bool holds) in patterns)
        {
            dfa = dfa.And(holds ? pattern.Dfa : pattern.Dfa.Not()) ?? throw TooLarge();
            isBasic |= isOffered && !pattern.IsFormat;
        }
        TextDfa basic = isBasic ? dfa.And(SchemaPattern.Basic) ?? throw TooLarge() : dfa;
        return basic.IsEmpty ? dfa : basic;

        GrammarException TooLarge() => SchemaReader.Fault(pointer, "combines patterns that together need too large an automaton");
    }

    private Need Make(Literal[] literals)
    {
        // Where the values are listed, all else only makes the list shorter.
        ValueList? list = literals.Where(static literal => literal.Holds).SelectMany(static literal => literal.Node.Values)
            .MinBy(static values => values.Count);
        if (list is not null)
        {
            if (literals.Length == 1 && literals[0].Node.IsList)
                return new(this, literals);
            return OfValues([.. list.All.Where(value => Array.TrueForAll(literals, literal => Check.IsValid(literal, value)))]);
        }
        JsonTypes types = JsonTypes.All;
        foreach (Literal literal in literals)
            types &= literal.Holds ? literal.Node.Types : JsonTypes.All;
        return types == JsonTypes.None ? Never : new(this, literals);
    }
}
