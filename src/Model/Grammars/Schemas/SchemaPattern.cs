using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>A regular expression of a schema, or a format, as automata.</summary>
internal sealed class SchemaPattern
{
    // Engines that count UTF-16 units see a character beyond as two, and do not agree on what '.' is: what is generated has none where a pattern rules.
    private static readonly CharSet s_basic = CharSet.Range(0, 0xFFFF);

    private readonly TextDfa _whole, _basic;

    private SchemaPattern(string key, TextDfa whole, TextDfa basic) => (Key, _whole, _basic) = (key, whole, basic);

    /// <summary>What tells it from others.</summary>
    public string Key { get; }

    /// <summary>A regular expression that must match somewhere in a text.</summary>
    /// <exception cref="GrammarException">It cannot be used.</exception>
    public static SchemaPattern OfRegex(string pattern, string pointer)
    {
        TextDfa whole = RegexCompiler.Compile(pattern, isWhole: false, pointer);
        TextDfa basic = whole.And(new TextDfa(CharClasses.Of([s_basic]), [.. CharClasses.Of([s_basic]).Samples.Select(Basic)], [true])) ?? whole;
        return new("p" + pattern, whole, basic.IsEmpty ? whole : basic);
    }

    /// <summary>A format, by the regular expression that a whole text must match.</summary>
    public static SchemaPattern OfFormat(string name, string pattern)
    {
        TextDfa dfa = RegexCompiler.Compile(pattern, isWhole: true);
        return new("f" + name, dfa, dfa);
    }

    /// <summary>The automaton.</summary>
    /// <param name="isOffered">Whether it is for texts that are generated.</param>
    public TextDfa Dfa(bool isOffered) => isOffered ? _basic : _whole;

    private static int Basic(int sample) => sample >= 0 && s_basic.Contains(sample) ? 0 : -1;
}
