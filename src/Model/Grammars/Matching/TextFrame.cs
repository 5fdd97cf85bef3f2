using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Matching;

/// <summary>A JSON string in progress: what it may be, and where the text goes on after it.</summary>
internal abstract class TextFrame
{
    private readonly Dictionary<TextLocal, TextState> _plain = [];
    private MatchState?[]? _exits;
    private bool[]? _isKnown;

    /// <param name="start">Where the languages of the strings begin; null where only named strings are allowed.</param>
    /// <param name="named">Strings that have a meaning of their own, ascending.</param>
    protected TextFrame(TextPosition? start, string[] named) => (Start, Named) = (start, named);

    public TextPosition? Start { get; }

    public string[] Named { get; }

    /// <summary>The state before the first character; null where no string is allowed.</summary>
    public TextState? Begin() => TextState.Begin(this);

    /// <summary>The state that is past all named strings.</summary>
    public TextState Plain(TextLocal local)
    {
        if (!_plain.TryGetValue(local, out TextState? state))
            _plain[local] = state = new(this, local);
        return state;
    }

    /// <summary>The state after a named string; null where it is not allowed.</summary>
    public MatchState? AfterNamed(int index)
    {
        (_exits, _isKnown) = (_exits ?? new MatchState?[Named.Length], _isKnown ?? new bool[Named.Length]);
        if (!_isKnown[index])
            (_exits[index], _isKnown[index]) = (FindAfterNamed(index), true);
        return _exits[index];
    }

    /// <summary>The state after another string.</summary>
    /// <param name="ends">The languages that it is of, a bit for each.</param>
    /// <param name="text">The string; null where it is not known.</param>
    public abstract MatchState? AfterPlain(ulong ends, string? text);

    /// <summary>Whether what follows a string depends on more than its language.</summary>
    public abstract bool NeedsText { get; }

    /// <summary>Tokens of what follows a string of one of the languages.</summary>
    public abstract int RestAfter(int language);

    /// <summary>Whether the languages have a named string, which then counts among their strings.</summary>
    public abstract bool IsInLanguages(int index);

    /// <summary>What is written behind the quote in any case, and often in one token with it.</summary>
    public abstract string Behind { get; }

    /// <summary>Counts the tokens of a text.</summary>
    public abstract int Tokens(string text);

    protected abstract MatchState? FindAfterNamed(int index);
}
