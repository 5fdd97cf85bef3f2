using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>
/// The keys of an object that nothing is said of by name, in classes: by the patterns that they match, and so by what is asked of their values.
/// </summary>
internal sealed class KeyClasses
{
    private readonly KeyProduct _product;
    private readonly Dictionary<ulong, int> _classes = [];
    private readonly List<ulong> _bits = [];

    /// <exception cref="GrammarException">The automaton of all patterns together would be too large.</exception>
    public KeyClasses(NeedTable table, ObjectParts parts)
    {
        // What a key can match, a bit for each: patterns, and what is asked of keys.
        List<(string Key, TextDfa Dfa)> tests = [];
        IEnumerable<KeySet> sets = parts.KeyRules.Select(static rule => rule.Keys).Concat(parts.Demands.Select(static demand => demand.Keys));
        foreach (SchemaPattern pattern in sets.SelectMany(static set => set.Patterns))
            Add(pattern.Key, () => pattern.Dfa);
        foreach (Literal schema in parts.KeySchemas.Concat(parts.Demands.Select(static demand => demand.Key).OfType<Literal>()))
            Add("k" + schema.Key, () => KeyDfa(table, table.Of(schema), parts.Pointer));
        _product = table.Keys(string.Join('\u0001', tests.Select(static test => test.Key)), () => new(tests,
            table.IsOffered && tests.Count > 0 ? SchemaPattern.Basic : TextDfa.Everything, parts.Pointer));
        List<Need> needs = [];
        List<int[]> demands = [];
        foreach (ulong has in _product.Combinations)
        {
            _classes[has] = needs.Count;
            _bits.Add(has);
            needs.Add(parts.KeySchemas.All(schema => Has(has, "k" + schema.Key))
                ? table.Of(parts.KeyRules.Where(rule => IsIn(has, rule.Keys)).Select(static rule => rule.Schema)) : table.Never);
            demands.Add([.. Enumerable.Range(0, parts.Demands.Count).Where(i => IsIn(has, parts.Demands[i].Keys)
                && (parts.Demands[i].Key is not Literal key || Has(has, "k" + key.Key)))]);
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

    /// <summary>The class of a key; -1 where it is in none.</summary>
    public int ClassOf(string key) => _product.Find(key) is ulong has ? _classes[has] : -1;

    /// <summary>The keys of a class.</summary>
    public TextLanguage Of(int kind) => _product.Of(_bits[kind]);

    /// <summary>Keys that a schema of keys lists: they are told by name.</summary>
    public static IEnumerable<string> Listed(NeedTable table, ObjectParts parts) => parts.KeySchemas
        .Concat(parts.Demands.Select(static demand => demand.Key).OfType<Literal>())
        .SelectMany(schema => table.Of(schema).Strings).SelectMany(static shape => shape.Strings ?? shape.Excluded);

    // Listed keys are told by name, so that only languages are left.
    private static TextDfa KeyDfa(NeedTable table, Need need, string pointer)
    {
        TextDfa? all = null;
        foreach (StringShape shape in need.Strings)
        {
            if (shape.Language is null)
                continue;
            TextDfa one = shape.Language.Dfa.OfLength(shape.Language.Least, shape.Language.Most) ?? throw TooLarge(pointer);
            all = all is null ? one : all.Or(one) ?? throw TooLarge(pointer);
        }
        return all ?? TextDfa.Everything.Not();
    }

    internal static GrammarException TooLarge(string pointer) => SchemaReader.Fault(pointer, "has patterns of keys that together need too large an automaton");
}

/// <summary>The automaton of several tests of keys at once: what a key passes, a bit for each.</summary>
internal sealed class KeyProduct
{
    private readonly TextDfa _dfa;
    private readonly ulong[] _bits;
    private readonly Dictionary<ulong, TextLanguage> _languages = [];

    /// <exception cref="GrammarException">It would be too large.</exception>
    public KeyProduct(List<(string Key, TextDfa Dfa)> tests, TextDfa alphabet, string pointer)
    {
        (_dfa, _bits) = (alphabet, [0]);
        for (int i = 0; i < tests.Count; i++)
        {
            (TextDfa next, (int Left, int Right)[] pairs) = TextDfa.Combine(_dfa, tests[i].Dfa, static (left, _) => left) ?? throw KeyClasses.TooLarge(pointer);
            ulong[] before = _bits;
            _bits = [.. pairs.Select(pair => before[pair.Left] | (pair.Right >= 0 && tests[i].Dfa.Accepts(pair.Right) ? 1UL << i : 0))];
            _dfa = next;
        }
    }

    /// <summary>What keys can pass together.</summary>
    public IEnumerable<ulong> Combinations => _bits.Distinct();

    /// <summary>What a key passes; null where it has characters that keys do not have.</summary>
    public ulong? Find(string key)
    {
        int state = 0;
        foreach (System.Text.Rune rune in key.EnumerateRunes())
            state = state < 0 ? -1 : _dfa.Next(state, rune.Value);
        return state < 0 ? null : _bits[state];
    }

    /// <summary>The keys that pass just some tests.</summary>
    public TextLanguage Of(ulong has)
    {
        if (!_languages.TryGetValue(has, out TextLanguage? language))
        {
            TextDfa dfa = _dfa.Ending(state => _bits[state] == has);
            _languages[has] = language = dfa.IsEverything ? TextLanguage.Everything : new(dfa);
        }
        return language;
    }
}
