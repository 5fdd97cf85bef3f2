using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>A regular expression of a schema, or a format, as an automaton.</summary>
internal sealed class SchemaPattern
{
    private SchemaPattern(string key, TextDfa dfa, bool isFormat) => (Key, Dfa, IsFormat) = (key, dfa, isFormat);

    /// <summary>
    /// Texts of the characters that have one UTF-16 unit. Engines that count units see another character as two, and do not agree on what '.' is: what is
    /// generated has none where a pattern rules.
    /// </summary>
    public static TextDfa Basic { get; } = RegexCompiler.Compile("[\\s\\S]*", isWhole: true, alphabet: CharSet.Range(0, 0xFFFF));

    /// <summary>What tells it from others.</summary>
    public string Key { get; }

    public TextDfa Dfa { get; }

    /// <summary>Whether it is a format: those are the same to all engines.</summary>
    public bool IsFormat { get; }

    /// <summary>A regular expression that must match somewhere in a text.</summary>
    /// <exception cref="GrammarException">It cannot be used.</exception>
    public static SchemaPattern OfRegex(string pattern, string pointer) =>
        new("p" + pattern, RegexCompiler.Compile(pattern, isWhole: false, pointer), isFormat: false);

    /// <summary>A format, by the regular expression that a whole text must match.</summary>
    public static SchemaPattern OfFormat(string name, string pattern) => new("f" + name, RegexCompiler.Compile(pattern, isWhole: true), isFormat: true);
}
