using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>Within a key. Keys are named that a shape speaks of by name, and those that the object has: none comes twice.</summary>
internal sealed class KeyFrame : TextFrame
{
    private readonly OpenObject _open;
    private readonly KeyWay[] _ways;
    private readonly TextLanguage[] _languages;
    private readonly int[] _rests;
    private readonly Dictionary<ulong, MatchState?> _after = [];

    private KeyFrame(OpenObject open, KeyWay[] ways, TextLanguage[] languages)
        : base(languages.Length == 0 ? null : open.Level.Table.Machine(languages).Start, NamesOf(open, isClosed: languages.Length == 0))
    {
        (_open, _ways, _languages, _rests) = (open, ways, languages, new int[languages.Length]);
        Array.Fill(_rests, -1);
    }

    /// <summary>How many arrays and objects are open around the key's object.</summary>
    public int Depth => _open.Level.Depth;

    /// <inheritdoc/>
    public override bool NeedsText => true;

    /// <summary>The state after the opening quote; null where no key can follow.</summary>
    public static TextState? Begin(OpenObject open)
    {
        List<KeyWay> ways = [];
        List<TextLanguage> languages = [];
        foreach ((int question, ObjectProgress progress) in open.Ways)
        {
            KeyClasses others = progress.Shape.Others;
            for (int kind = 0; kind < others.Needs.Length; kind++)
            {
                if (progress.Add(open.Seen, null, kind, open.Height).Any() && others.Of(kind) is { IsEmpty: false } language)
                {
                    int number = languages.IndexOf(language);
                    if (number < 0)
                    {
                        // What is generated need not use all ways.
                        if (languages.Count == TextMachine.MostLanguages && open.Level.Limits.IsPlain)
                            continue;
                        if (languages.Count == TextMachine.MostLanguages)
                            throw SchemaReader.Fault("", $"asks a key for more than {TextMachine.MostLanguages} patterns at one place");
                        number = languages.Count;
                        languages.Add(language);
                    }
                    ways.Add(new(question, progress, kind, number));
                }
            }
        }
        return new KeyFrame(open, [.. ways], [.. languages]).Begin();
    }

    /// <inheritdoc/>
    public override int RestAfter(int language)
    {
        if (_rests[language] < 0)
        {
            SeenKeys seen = _open.Seen.With((string?)null);
            _rests[language] = Costs.Add(2, _ways.Where(way => way.Language == language).Min(way => Costs.Add(_open.Level.Rest(way.Question),
                way.Progress.Add(_open.Seen, null, way.Class, _open.Height).Min(one => Costs.Add(one.Value.Cost, one.After.RestBesideRivals(seen))))));
        }
        return _rests[language];
    }

    /// <inheritdoc/>
    public override MatchState? AfterPlain(ulong ends, string? text)
    {
        if (text is not null)
            return FindAfterPlain(ends, text);
        // Of a key that is not known nobody can tell whether it came before, nor whether it will come again.
        if (_open.Seen.HasUnknown)
            return null;
        if (!_after.TryGetValue(ends, out MatchState? after))
            _after[ends] = after = FindAfterPlain(ends, null);
        return after;
    }

    /// <inheritdoc/>
    public override bool IsInLanguages(int index) => Array.Exists(_languages, language => language.Contains(Named[index]));

    /// <inheritdoc/>
    public override string Behind => ":";

    /// <inheritdoc/>
    public override int Tokens(string text) => _open.Level.Table.Tokens(text);

    /// <inheritdoc/>
    protected override MatchState? FindAfterNamed(int index)
    {
        string key = Named[index];
        List<(int, ObjectProgress, Need)> ways = [];
        if (_open.Seen.Contains(key))
            return null;
        foreach ((int question, ObjectProgress progress) in _open.Ways)
        {
            int kind = progress.Shape.IndexOf(key) >= 0 ? 0 : progress.Shape.Others.ClassOf(key);
            foreach ((ObjectProgress after, Need need) in progress.Add(_open.Seen, key, kind, _open.Height))
                ways.Add((question, after, need));
        }
        return ways.Count > 0 ? new KeyState(_open, key, ways) : null;
    }

    private static string[] NamesOf(OpenObject open, bool isClosed)
    {
        string[] names = open.Ways[0].Progress.Shape.Names;
        bool isOne = open.Ways.TrueForAll(way => ReferenceEquals(way.Progress.Shape.Names, names));
        // Where no others are allowed, those that the object has need no name to be refused: to pass them over for each key would take the square of them.
        if (isOne && isClosed && open.Seen.Count > 0)
            return Without(names, open.Seen.Keys);
        if (isOne && Array.TrueForAll(open.Seen.Keys, key => open.Ways[0].Progress.Shape.IndexOf(key) >= 0))
            return names;
        return [.. open.Ways.SelectMany(static way => way.Progress.Shape.Names).Concat(open.Seen.Keys).Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)];
    }

    // Both are ascending.
    private static string[] Without(string[] names, string[] seen)
    {
        List<string> left = new(names.Length);
        int at = 0;
        foreach (string name in names)
        {
            while (at < seen.Length && string.CompareOrdinal(seen[at], name) < 0)
                at++;
            if (at == seen.Length || seen[at] != name)
                left.Add(name);
        }
        return [.. left];
    }

    private KeyState? FindAfterPlain(ulong ends, string? text)
    {
        List<(int, ObjectProgress, Need)> ways = [];
        foreach (KeyWay way in _ways.Where(way => (ends >> way.Language & 1) == 1))
        {
            foreach ((ObjectProgress after, Need need) in way.Progress.Add(_open.Seen, text, way.Class, _open.Height))
                ways.Add((way.Question, after, need));
        }
        return ways.Count > 0 ? new(_open, text, ways) : null;
    }

    /// <summary>Keys of a class, in one of the ways in which the object can go on.</summary>
    private sealed record KeyWay(int Question, ObjectProgress Progress, int Class, int Language);
}
