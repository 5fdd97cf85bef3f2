using MeKi.Model.Grammars.Texts;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>
/// One way to satisfy a schema: values of one kind by what is asked of their parts, with no choice left. What a schema allows is the sum of its shapes.
/// </summary>
internal abstract class Shape(JsonKind kind)
{
    /// <summary>The most values that are listed where they are not listed by the schema.</summary>
    public const int MostListed = 1000;

    /// <summary>Characters of the arrays and objects among them at most: values share their parts, so that few may be long.</summary>
    public const int MostListedLength = 100_000;

    public JsonKind Kind => kind;

    /// <summary>Whether it turned out to have no value although each of its parts has.</summary>
    public bool IsImpossible { get; set; }

    /// <summary>Whether its values can be as different as they must; null where that cannot be told. Of the parts all is known.</summary>
    public virtual bool? CanDiffer => true;

    /// <summary>The needs that decide whether it has a value at all.</summary>
    public virtual IEnumerable<Need> Vital => [];

    /// <summary>All needs of its parts.</summary>
    public virtual IEnumerable<Need> Parts => [];

    /// <summary>Tokens of its shortest value, and levels of its lowest, from what is known of its parts so far.</summary>
    public abstract (int Cost, int Height) Measure();

    /// <summary>The same without some values of its kind; null where none is left.</summary>
    public abstract Shape? Without(IReadOnlyList<JsonValue> values);

    /// <summary>A bound from below of how many values it has.</summary>
    public abstract long Count();

    /// <summary>All its values, where they are few and plain; otherwise null.</summary>
    public virtual IReadOnlyList<JsonValue>? List() => null;
}

/// <summary><c>null</c>, <c>true</c> or <c>false</c>.</summary>
internal sealed class WordShape(JsonKind kind, Func<string, int> tokens) : Shape(kind)
{
    public override (int Cost, int Height) Measure() => (tokens(List()[0].ToString()), 0);

    public override Shape? Without(IReadOnlyList<JsonValue> values) => values.Any(value => value.Kind == Kind) ? null : this;

    public override long Count() => 1;

    public override IReadOnlyList<JsonValue> List() => [Kind == JsonKind.Null ? JsonValue.Null : Kind == JsonKind.True ? JsonValue.True : JsonValue.False];
}

/// <summary>Numbers of a set.</summary>
internal sealed class NumberShape(NumberSet set) : Shape(JsonKind.Number)
{
    private (int Cost, int Height)? _measure;

    public NumberSet Set => set;

    public override (int Cost, int Height) Measure() =>
        _measure ??= set.Count.IsZero ? (Costs.Never, 0) : (Math.Max(1, set.IsFree ? 1 : NumberText.Empty.FewestBytes(set)), 0);

    public override Shape? Without(IReadOnlyList<JsonValue> values)
    {
        JsonNumber[] numbers = [.. values.Where(static value => value.Kind == JsonKind.Number).Select(static value => value.Number).Where(set.Contains)];
        if (numbers.Length == 0)
            return this;
        NumberShape rest = new(set.Without(numbers));
        return rest.Set.Count.IsZero ? null : rest;
    }

    public override long Count() => (long)System.Numerics.BigInteger.Min(set.Count, Regexes.TextDfa.Many);

    public override IReadOnlyList<JsonValue>? List() =>
        set.Count > MostListed ? null : [.. set.Grid.Values(MostListed * 4).Select(number => JsonValue.Of(JsonNumber.Of(number, -set.Grid.Decimals)))];
}

/// <summary>Strings: a list, or those of a language.</summary>
internal sealed class StringShape : Shape
{
    private readonly Func<string, int> _tokens;
    private readonly HashSet<string>? _strings;
    private (int Cost, int Height)? _measure;

    /// <param name="list">The only strings; null for those of the language.</param>
    /// <param name="language">The language, where there is no list.</param>
    /// <param name="excluded">Strings of the language that it does not have.</param>
    /// <param name="tokens">Counts the tokens of a text.</param>
    public StringShape(IReadOnlyList<string>? list, TextLanguage? language, IReadOnlyList<string> excluded, Func<string, int> tokens)
        : base(JsonKind.String)
    {
        (Strings, Language, Excluded, _tokens) = (list, language, excluded, tokens);
        _strings = list?.ToHashSet(StringComparer.Ordinal);
    }

    public IReadOnlyList<string>? Strings { get; }

    public TextLanguage? Language { get; }

    public IReadOnlyList<string> Excluded { get; }

    /// <summary>Whether a string is one of it.</summary>
    public bool Contains(string text) => _strings?.Contains(text) ?? (Language!.Contains(text) && !Excluded.Contains(text));

    public override (int Cost, int Height) Measure()
    {
        if (_measure is null)
        {
            int cost = Strings is not null ? Strings.Count == 0 ? Costs.Never : Strings.Min(text => _tokens(JsonValue.Spell(text)))
                : Language!.Completions(0, 0) <= Excluded.Count ? Costs.Never
                // The shortest may be excluded.
                : 2 + Language.Shortest(0, 0) + Math.Min(Excluded.Count, 1);
            _measure = (cost, 0);
        }
        return _measure.Value;
    }

    public override Shape? Without(IReadOnlyList<JsonValue> values)
    {
        string[] texts = [.. values.Where(static value => value.Kind == JsonKind.String).Select(static value => value.Text).Where(Contains)];
        if (texts.Length == 0)
            return this;
        StringShape rest = Strings is not null ? new([.. Strings.Except(texts)], null, [], _tokens) : new(null, Language, [.. Excluded.Union(texts)], _tokens);
        return rest.Measure().Cost < Costs.Never ? rest : null;
    }

    public override long Count() => Strings?.Count ?? Math.Max(0, Language!.Completions(0, 0) - Excluded.Count);

    public override IReadOnlyList<JsonValue>? List() =>
        (Strings ?? Language!.List(MostListed + Excluded.Count)?.Except(Excluded))?.Select(JsonValue.Of).ToList();
}
