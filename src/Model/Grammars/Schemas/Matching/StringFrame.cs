using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Texts;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>The strings that satisfy some needs.</summary>
internal sealed class StringPlan
{
    private readonly (int Need, StringShape Shape)[] _shapes;
    private readonly (int Need, int Language)[] _languages;

    public StringPlan(NeedTable table, IReadOnlyList<Need> needs)
    {
        _shapes = [.. needs.SelectMany(static (need, i) => need.Of(JsonKind.String, Costs.Never).Select(shape => (i, (StringShape)shape)))];
        TextLanguage[] languages = [.. _shapes.Select(static one => one.Shape.Language).OfType<TextLanguage>().Distinct()];
        // What is generated need not use all ways.
        if (table.IsOffered && languages.Length > TextMachine.MostLanguages)
        {
            languages = languages[..TextMachine.MostLanguages];
            _shapes = [.. _shapes.Where(one => one.Shape.Language is null || languages.Contains(one.Shape.Language))];
        }
        if (languages.Length > TextMachine.MostLanguages)
            throw SchemaReader.Fault("", $"asks a string for more than {TextMachine.MostLanguages} patterns at one place");
        _languages = [.. _shapes.Where(static one => one.Shape.Language is not null).Select(one => (one.Need, Array.IndexOf(languages, one.Shape.Language)))];
        Start = languages.Length == 0 ? null : table.Machine(languages).Start;
        Named = [.. _shapes.SelectMany(static one => one.Shape.Strings ?? one.Shape.Excluded).Where(IsText).Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)];
        IsInLanguages = new bool[Named.Length];
        for (int i = 0; i < Named.Length; i++)
            IsInLanguages[i] = Array.Exists(languages, language => language.Contains(Named[i]));
        (Needs, IsEmpty) = (needs.Count, _shapes.Length == 0);
    }

    public int Needs { get; }

    public bool IsEmpty { get; }

    public TextPosition? Start { get; }

    public string[] Named { get; }

    public bool[] IsInLanguages { get; }

    /// <summary>The needs that the strings of a language satisfy.</summary>
    public IEnumerable<int> NeedsOf(int language) => _languages.Where(one => one.Language == language).Select(static one => one.Need);

    /// <summary>Which needs a named string satisfies.</summary>
    public bool[] Satisfied(string named)
    {
        bool[] satisfied = new bool[Needs];
        foreach ((int need, StringShape shape) in _shapes)
            satisfied[need] |= shape.Contains(named);
        return satisfied;
    }

    /// <summary>Which needs another string satisfies.</summary>
    public bool[] Satisfied(ulong ends)
    {
        bool[] satisfied = new bool[Needs];
        foreach ((int need, int language) in _languages)
            satisfied[need] |= (ends >> language & 1) == 1;
        return satisfied;
    }

    private static bool IsText(string text) =>
        !text.EnumerateRunes().Contains(System.Text.Rune.ReplacementChar) || text.Contains('\uFFFD', StringComparison.Ordinal);
}

/// <summary>Within a string that is a value.</summary>
internal sealed class StringFrame : TextFrame
{
    private readonly Level _level;
    private readonly StringPlan _plan;
    private readonly Dictionary<ulong, MatchState?> _after = [];

    private StringFrame(Level level, StringPlan plan)
        : base(plan.Start, plan.Named) => (_level, _plan) = (level, plan);

    /// <inheritdoc/>
    public override bool NeedsText => _level.Keeps;

    /// <inheritdoc/>
    public override int RestAfter(int language) => _plan.NeedsOf(language).Min(_level.Rest);

    /// <summary>The state after the opening quote; null where no string satisfies any of the needs.</summary>
    public static TextState? Begin(Level level, Need[] needs)
    {
        StringPlan plan = needs.Length == 1 ? (StringPlan)(needs[0].Prepared ??= new StringPlan(level.Table, needs)) : new(level.Table, needs);
        return plan.IsEmpty ? null : new StringFrame(level, plan).Begin();
    }

    /// <inheritdoc/>
    public override MatchState? AfterPlain(ulong ends, string? text)
    {
        if (_level.Keeps)
            return _level.Complete(_plan.Satisfied(ends), text is null ? JsonValue.Unknown : JsonValue.Of(text));
        if (!_after.TryGetValue(ends, out MatchState? after))
            _after[ends] = after = _level.Complete(_plan.Satisfied(ends), null);
        return after;
    }

    /// <inheritdoc/>
    public override bool IsInLanguages(int index) => _plan.IsInLanguages[index];

    /// <inheritdoc/>
    public override string Behind => "";

    /// <inheritdoc/>
    public override int Tokens(string text) => _level.Table.Tokens(text);

    /// <inheritdoc/>
    protected override MatchState? FindAfterNamed(int index)
    {
        bool[] satisfied = _plan.Satisfied(Named[index]);
        return satisfied.Contains(true) ? _level.Complete(satisfied, _level.Keeps ? JsonValue.Of(Named[index]) : null) : null;
    }
}
