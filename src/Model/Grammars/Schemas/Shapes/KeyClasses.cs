using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>The keys of an object that nothing is said of by name, in classes: by the patterns that they match, and so by what is asked of their
/// values.</summary>
internal sealed class KeyClasses
{
    private readonly TextDfa _dfa;
    private readonly int[] _classes;
    private readonly Dictionary<ulong, TextLanguage> _languages = [];

    /// <exception cref="GrammarException">The automaton of all patterns together would be too large.</exception>
    public KeyClasses(NeedTable table, ObjectParts parts)
    {
        // What a key can match, a bit for each: patterns, and what is asked of keys.
        List<(string Key, TextDfa Dfa)> tests = [];
        foreach (SchemaPattern pattern in parts.KeyRules.SelectMany(static rule => rule.Keys.Patterns)
            .Concat(parts.Demands.SelectMany(static demand => demand.Keys.Patterns)))
            Add(pattern.Key, () => pattern.Dfa(isOffered: false));
        foreach (Literal schema in parts.KeySchemas.Concat(parts.Demands.Select(static demand => demand.Key).OfType<Literal>()))
            Add("k" + schema.Key, () => KeyDfa(table, table.Of(schema), parts.Pointer));
        (_dfa, ulong[] bits) = Run(tests, parts.Pointer);
        Dictionary<ulong, int> numbers = [];
        List<Need> needs = [];
        List<int[]> demands = [];
        _classes = new int[_dfa.Count];
        for (int state = 0; state < _classes.Length; state++)
        {
            ulong has = bits[state];
            if (!numbers.TryGetValue(has, out int number))
            {
                numbers[has] = number = needs.Count;
                needs.Add(parts.KeySchemas.All(schema => Has(has, "k" + schema.Key))
                    ? table.Of(parts.KeyRules.Where(rule => IsIn(has, rule.Keys)).Select(static rule => rule.Schema)) : table.Never);
                demands.Add([.. Enumerable.Range(0, parts.Demands.Count).Where(i => IsIn(has, parts.Demands[i].Keys)
                    && (parts.Demands[i].Key is not Literal key || Has(has, "k" + key.Key)))]);
            }
            _classes[state] = number;
        }
        if (needs.Count > 64)
            throw SchemaReader.Fault(parts.Pointer, "has patterns of keys that match in more than 64 combinations");
        (Needs, Demands) = ([.. needs], [.. demands]);

        void Add(string key, Func<TextDfa> dfa)
        {
            if (!tests.Exists(test => test.Key == key))
                tests.Add((key, dfa()));
            if (tests.Count > 60)
                throw SchemaReader.Fault(parts.Pointer, "has more than 60 patterns of keys");
        }

        bool Has(ulong has, string key) => (has >> tests.FindIndex(test => test.Key == key) & 1) == 1;

        bool IsIn(ulong has, KeySet keys) => keys.Patterns.Any(pattern => Has(has, pattern.Key)) != keys.IsRest;
    }

    /// <summary>What is asked of the values of each class.</summary>
    public Need[] Needs { get; }

    /// <summary>The demands that the keys of each class can fulfil.</summary>
    public int[][] Demands { get; }

    /// <summary>The class of a key.</summary>
    public int ClassOf(string key)
    {
        int state = 0;
        foreach (System.Text.Rune rune in key.EnumerateRunes())
            state = _dfa.Next(state, rune.Value);
        return _classes[state];
    }

    /// <summary>The class of a key that is complete in a state of its language.</summary>
    public int ClassAt(int state) => _classes[state];

    /// <summary>The keys of some classes, a bit for each.</summary>
    public TextLanguage Of(ulong classes)
    {
        if (!_languages.TryGetValue(classes, out TextLanguage? language))
        {
            TextDfa dfa = _dfa.Ending(state => _dfa.Accepts(state) && (classes >> _classes[state] & 1) == 1);
            _languages[classes] = language = dfa.IsEverything ? TextLanguage.Everything : new(dfa);
        }
        return language;
    }

    /// <summary>Keys that a schema of keys lists: they are told by name.</summary>
    public static IEnumerable<string> Listed(NeedTable table, ObjectParts parts) => parts.KeySchemas
        .Concat(parts.Demands.Select(static demand => demand.Key).OfType<Literal>())
        .SelectMany(schema => table.Of(schema).AllShapes.OfType<StringShape>()).SelectMany(static shape => shape.Strings ?? shape.Excluded);

    // Listed keys are told by name, so that only languages are left.
    private static TextDfa KeyDfa(NeedTable table, Need need, string pointer)
    {
        TextDfa? all = null;
        foreach (StringShape shape in need.AllShapes.OfType<StringShape>())
        {
            if (shape.Language is null)
                continue;
            TextDfa one = shape.Language.Dfa.OfLength(shape.Language.Least, shape.Language.Most) ?? throw TooLarge(pointer);
            all = all is null ? one : all.Or(one) ?? throw TooLarge(pointer);
        }
        return all ?? TextDfa.Everything.Not();
    }

    private static (TextDfa Dfa, ulong[] Bits) Run(List<(string Key, TextDfa Dfa)> tests, string pointer)
    {
        TextDfa dfa = TextDfa.Everything;
        ulong[] bits = [0];
        for (int i = 0; i < tests.Count; i++)
        {
            (TextDfa next, (int Left, int Right)[] pairs) = TextDfa.Combine(dfa, tests[i].Dfa, static (left, _) => left) ?? throw TooLarge(pointer);
            ulong[] before = bits;
            bits = [.. pairs.Select(pair => before[pair.Left] | (pair.Right >= 0 && tests[i].Dfa.Accepts(pair.Right) ? 1UL << i : 0))];
            dfa = next;
        }
        return (dfa, bits);
    }

    private static GrammarException TooLarge(string pointer) => SchemaReader.Fault(pointer, "has patterns of keys that together need too large an automaton");
}
