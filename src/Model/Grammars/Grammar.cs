using System.Runtime.CompilerServices;
using System.Text;
using MeKi.Model.Grammars.Gbnf;
using MeKi.Model.Grammars.Masks;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Networks;
using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Schemas;
using MeKi.Model.Grammars.Schemas.Matching;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Grammars;

/// <summary>
/// What a generated text may be: a grammar, a JSON schema, a regular expression. Immutable; one instance serves any number of generations, and is best kept,
/// as it remembers what it found.
/// </summary>
public sealed class Grammar
{
    private readonly Func<TokenVocabulary?, bool, TextStart> _start;
    private readonly ConditionalWeakTable<TokenVocabulary, TextStart> _starts = [];
    private TextStart? _accepted;

    private Grammar(Func<TokenVocabulary?, bool, TextStart> start, IReadOnlyList<string>? warnings = null) => (_start, Warnings) = (start, warnings ?? []);

    private Grammar(NetworkRule network)
    {
        // Tokens are nothing to a network: one machine serves all vocabularies.
        NetworkMachine machine = new(network, NetworkBuilder.ClassesOf(network));
        (_start, Warnings) = ((_, _) => machine, []);
    }

    /// <summary>Any JSON value.</summary>
    public static Grammar Json => field ??= FromJsonSchema("true");

    /// <summary>What was passed over, one line each: keywords of a schema that are not known.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Held while the grammar is used: it remembers what it finds.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>A grammar as llama.cpp writes them (GBNF). The whole text must match one of its rules.</summary>
    /// <param name="text">The rules.</param>
    /// <param name="root">The name of the rule that the text must match.</param>
    /// <exception cref="GrammarException">It is malformed, too large, recursive on the left, or matches no text.</exception>
    public static Grammar FromGbnf(string text, string root = "root")
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentException.ThrowIfNullOrEmpty(root);
        (IReadOnlyList<(string, RegexSyntax)> rules, int number) = GbnfParser.Parse(text, root);
        return new(NetworkBuilder.Build(rules, number));
    }

    /// <summary>
    /// A regular expression of ECMA-262 (the flag <c>u</c> holds) that the whole text must match. Look-behind and references back to a group are refused.
    /// </summary>
    /// <param name="pattern">The expression.</param>
    /// <exception cref="GrammarException">It is malformed, needs too large an automaton, or matches no text.</exception>
    public static Grammar FromRegex(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        TextDfa dfa = RegexCompiler.Compile(pattern, isWhole: true);
        if (dfa.IsEmpty)
            throw new GrammarException("regular expression", "", "matches no text");
        return new(NetworkBuilder.Build(dfa));
    }

    /// <summary>
    /// JSON that is valid against a schema of draft 2020-12; older drafts are read where they do not conflict. A keyword that cannot be enforced is an error.
    /// </summary>
    /// <param name="schema">The schema, a JSON text.</param>
    /// <exception cref="GrammarException">It is malformed, has a keyword that cannot be enforced, is too complex, or allows no value.</exception>
    public static Grammar FromJsonSchema(string schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        SchemaNode root = SchemaReader.Read(schema, out IReadOnlyList<string> warnings);
        // What cannot be enforced must be found now, not in an answer.
        SchemaExplorer.Explore(root);
        return new((vocabulary, isOffered) => new JsonStart(root, isOffered, vocabulary is null ? Encoding.UTF8.GetByteCount : vocabulary.Tokens), warnings);
    }

    /// <summary>
    /// Whether a whole text is what the grammar allows. Of JSON every spelling is accepted here, and a <c>format</c> is an annotation; what is generated is
    /// spelt plainly and obeys formats.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <exception cref="GrammarException">The text can be read in too many ways.</exception>
    public bool Accepts(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.EnumerateRunes().Contains(Rune.ReplacementChar) && !text.Contains('\uFFFD', StringComparison.Ordinal))
            return false;
        lock (Gate)
        {
            MatchState? state = (_accepted ??= _start(null, false)).Begin();
            TextRecorder recorder = new();
            foreach (byte value in Encoding.UTF8.GetBytes(text))
                state = state?.Next(value, recorder);
            return state?.IsComplete == true;
        }
    }

    /// <summary>Begins a text of the grammar.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="shown">Control tokens that are written as their texts; null for none.</param>
    internal TokenConstraint Start(Tokenizer tokenizer, IReadOnlyDictionary<int, string>? shown = null) => Start(TokenVocabulary.Of(tokenizer, shown));

    /// <summary>Begins a text of the grammar.</summary>
    internal TokenConstraint Start(TokenVocabulary vocabulary)
    {
        lock (Gate)
        {
            TextStart start = _starts.GetValue(vocabulary, key => _start(key, true));
            return new(this, vocabulary, start, start.Begin());
        }
    }
}
