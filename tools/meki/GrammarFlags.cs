using System.CommandLine;
using MeKi.Model.Evaluation;
using MeKi.Model.Grammars;

namespace MeKi.Tool;

/// <summary>The options of a command that say what the text must be, by llama.cpp's names.</summary>
internal sealed class GrammarFlags
{
    private readonly Option<string?> _grammar = Text("--grammar", "A grammar (GBNF) that the text must match.", "GBNF");
    private readonly Option<string?> _grammarFile = Text("--grammar-file", "A file with such a grammar.", "FILE");
    private readonly Option<string?> _schema = Text("--json-schema", "A JSON schema that the text must be valid against; {} is any JSON.", "JSON", "-j");
    private readonly Option<string?> _schemaFile = Text("--json-schema-file", "A file with such a schema.", "FILE", "-jf");
    private readonly Option<string?> _regex = Text("--regex", "A regular expression that the whole text must match.", "REGEX");

    public void AddTo(Command command)
    {
        Option<string?>[] all = [_grammar, _grammarFile, _schema, _schemaFile, _regex];
        Array.ForEach(all, command.Add);
        command.Validators.Add(parsed =>
        {
            if (all.Count(option => parsed.GetResult(option) is not null) > 1)
                parsed.AddError($"Give one of {string.Join(", ", all.Select(option => option.Name))}.");
        });
    }

    /// <summary>The grammar given; null for none.</summary>
    /// <exception cref="GrammarException">It is malformed, or cannot be enforced.</exception>
    /// <exception cref="EvaluationException">A file cannot be read.</exception>
    public Grammar? Of(ParseResult parsed)
    {
        Grammar? grammar =
            parsed.GetValue(_grammar) is { } rules ? Grammar.FromGbnf(rules)
            : parsed.GetValue(_grammarFile) is { } rulesFile ? Grammar.FromGbnf(EvaluationText.Read(rulesFile).Content)
            : parsed.GetValue(_schema) is { } schema ? Grammar.FromJsonSchema(schema)
            : parsed.GetValue(_schemaFile) is { } schemaFile ? Grammar.FromJsonSchema(EvaluationText.Read(schemaFile).Content)
            : parsed.GetValue(_regex) is { } regex ? Grammar.FromRegex(regex)
            : null;
        ModelLoading.Warn(grammar?.Warnings ?? []);
        return grammar;
    }

    private static Option<string?> Text(string name, string description, string help, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = help };
}
