using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>Within a key. Keys are named that a shape speaks of by name, and those that the object has: none comes twice.</summary>
internal sealed class KeyFrame : TextFrame
{
    private readonly OpenObject _open;
    private readonly TextLanguage[] _languages;

    // Of each way, the place of its language; -1 where it allows no key that is not named.
    private readonly int[] _languageOfWay;
    private readonly Dictionary<string, MatchState?> _after = [];
    private int _rest = -1;

    public KeyFrame(OpenObject open)
        : this(open, [.. open.Ways.Select(way => Language(open, way.Progress))])
    {
    }

    private KeyFrame(OpenObject open, TextLanguage?[] languages)
        : this(open, languages, [.. languages.OfType<TextLanguage>().Distinct()])
    {
    }

    private KeyFrame(OpenObject open, TextLanguage?[] ofWays, TextLanguage[] languages)
        : base(languages.Length == 0 ? null : open.Level.Table.Machine(languages).Start, NamesOf(open))
    {
        (_open, _languages) = (open, languages);
        _languageOfWay = [.. ofWays.Select(language => language is null ? -1 : Array.IndexOf(languages, language))];
        if (languages.Length > TextMachine.MostLanguages)
            throw SchemaReader.Fault("", $"asks a key for more than {TextMachine.MostLanguages} patterns at one place");
    }

    /// <inheritdoc/>
    public override bool NeedsText => true;

    /// <inheritdoc/>
    public override int RestAfterPlain
    {
        get
        {
            if (_rest < 0)
            {
                _rest = Costs.Never;
                foreach ((int question, ObjectProgress progress) in _open.Ways)
                {
                    for (int kind = 0; kind < progress.Shape.Others.Needs.Length; kind++)
                    {
                        foreach ((ObjectProgress after, Need need) in progress.Add(_open.Seen, null, kind, _open.Height))
                            _rest = Math.Min(_rest, Costs.Add(need.Cost + 1, after.Rest(_open.Seen.With((string?)null)).Cost, _open.Level.Rest(question)));
                    }
                }
            }
            return _rest;
        }
    }

    /// <inheritdoc/>
    public override MatchState? AfterPlain(TextPosition end, string? text)
    {
        // Of a key that is not known nobody can tell whether it came before, nor whether it will come again.
        if (text is null && _open.Seen.HasUnknown)
            return null;
        if (text is not null)
            return FindAfterPlain(end, text);
        string classes = string.Join(',', ClassesAt(end));
        if (!_after.TryGetValue(classes, out MatchState? after))
            _after[classes] = after = FindAfterPlain(end, null);
        return after;
    }

    /// <inheritdoc/>
    public override bool IsInLanguages(int index) => Array.Exists(_languages, language => language.Contains(Named[index]));

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

    private static string[] NamesOf(OpenObject open)
    {
        string[] names = open.Ways[0].Progress.Shape.Names;
        if (open.Ways.TrueForAll(way => ReferenceEquals(way.Progress.Shape.Names, names))
            && Array.TrueForAll(open.Seen.Keys, key => open.Ways[0].Progress.Shape.IndexOf(key) >= 0))
            return names;
        return [.. open.Ways.SelectMany(static way => way.Progress.Shape.Names).Concat(open.Seen.Keys).Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)];
    }

    // The language of the keys that a way allows and that are not named.
    private static TextLanguage? Language(OpenObject open, ObjectProgress progress)
    {
        ulong classes = 0;
        KeyClasses others = progress.Shape.Others;
        for (int kind = 0; kind < others.Needs.Length; kind++)
        {
            if (progress.Add(open.Seen, null, kind, open.Height).Any())
                classes |= 1UL << kind;
        }
        TextLanguage? language = classes == 0 ? null : others.Of(classes);
        return language?.IsEmpty == false ? language : null;
    }

    private int[] ClassesAt(TextPosition end) => [.. _languageOfWay.Select((language, way) =>
        language >= 0 && (end.Ends >> language & 1) == 1 ? _open.Ways[way].Progress.Shape.Others.ClassAt(end.States[language]) : -1)];

    private KeyState? FindAfterPlain(TextPosition end, string? text)
    {
        List<(int, ObjectProgress, Need)> ways = [];
        int[] classes = ClassesAt(end);
        for (int i = 0; i < classes.Length; i++)
        {
            if (classes[i] < 0)
                continue;
            foreach ((ObjectProgress after, Need need) in _open.Ways[i].Progress.Add(_open.Seen, text, classes[i], _open.Height))
                ways.Add((_open.Ways[i].Question, after, need));
        }
        return ways.Count > 0 ? new(_open, text, ways) : null;
    }
}
