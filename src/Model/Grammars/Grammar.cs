using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using MeKi.Model.Grammars.Calls;
using MeKi.Model.Grammars.Gbnf;
using MeKi.Model.Grammars.Masks;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Networks;
using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Schemas;
using MeKi.Model.Grammars.Schemas.Matching;
using MeKi.Model.Replies;
using MeKi.Model.Tokenization;
using Microsoft.Extensions.AI;

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
    /// A reply with tool calls as the model's family writes them: free text until a call begins, and then a tool that there is, with arguments that are valid
    /// against its schema. Calls end the reply. Reasoning may come before. Where calls are required, nothing but reasoning does.
    /// </summary>
    /// <param name="format">How the model writes.</param>
    /// <param name="tools">The tools.</param>
    /// <param name="mode">Whether tools may be called, must be, which; null for <see cref="ChatToolMode.Auto"/>.</param>
    /// <param name="allowMultiple">Whether a reply may have more than one call.</param>
    /// <param name="opensReasoning">Whether the prompt ends within reasoning (<see cref="ReplyFormat.OpensReasoning"/>).</param>
    /// <exception cref="GrammarException">The format has no tool calls, a tool's schema cannot be enforced, or a tool that must be called is
    /// missing.</exception>
    /// <exception cref="ArgumentException">Two tools have one name.</exception>
    public static Grammar ForToolCalls(
        ReplyFormat format, IEnumerable<AIFunctionDeclaration> tools, ChatToolMode? mode = null, bool allowMultiple = true, bool opensReasoning = false) =>
        ForReply(format, tools, mode, allowMultiple, opensReasoning, null);

    /// <summary>Likewise; where an answer has a form, what is neither reasoning nor a call is JSON of a schema.</summary>
    internal static Grammar ForReply(
        ReplyFormat format, IEnumerable<AIFunctionDeclaration> tools, ChatToolMode? mode, bool allowMultiple, bool opensReasoning, JsonElement? answer)
    {
        ArgumentNullException.ThrowIfNull(format);
        ArgumentNullException.ThrowIfNull(tools);
        string? only = (mode as RequiredChatToolMode)?.RequiredFunctionName;
        CallRules rules = new(mode is not NoneChatToolMode, mode is RequiredChatToolMode, allowMultiple, opensReasoning);
        OfferedTool[] offered = [.. tools.Where(tool => rules.IsAllowed && (only is null || tool.Name == only))
            .Select(static tool => new OfferedTool(tool.Name, tool.JsonSchema))];
        if (rules.IsRequired && offered.Length == 0)
            throw new GrammarException("tools", "", only is null ? "there is none, and one must be called" : $"{UntrustedText.Quote(only)} is none of them");
        if (offered.DistinctBy(static tool => tool.Name).Count() < offered.Length)
            throw new ArgumentException("Two tools have one name.", nameof(tools));
        rules = rules with { IsAllowed = offered.Length > 0 };
        if (rules.IsAllowed)
            CallScripts.Check(format, offered);
        OfferedTool? form = answer is JsonElement schema ? new(schema) : null;
        return new((vocabulary, isOffered) => CallScripts.Write(format, offered, form, rules, vocabulary, isOffered),
            [.. offered.SelectMany(static tool => tool.Warnings), .. form?.Warnings ?? []]);
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
