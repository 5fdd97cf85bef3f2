using MeKi.Model.Grammars;

namespace MeKi.Server.Requests;

/// <summary>The grammars of the last requests: compiling one takes longer than many an answer, and one that is kept remembers what it found.</summary>
internal sealed class GrammarCache
{
    private const int Most = 64;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Kind, string Text), (Grammar Grammar, long Used)> _grammars = [];
    private long _clock;

    public Grammar JsonSchema(string schema) => Get("schema", schema, Grammar.FromJsonSchema);

    public Grammar Gbnf(string rules) => Get("gbnf", rules, text => Grammar.FromGbnf(text));

    public Grammar Regex(string pattern) => Get("regex", pattern, Grammar.FromRegex);

    private Grammar Get(string kind, string text, Func<string, Grammar> compile)
    {
        lock (_lock)
        {
            if (_grammars.TryGetValue((kind, text), out (Grammar Grammar, long Used) known))
            {
                _grammars[(kind, text)] = (known.Grammar, ++_clock);
                return known.Grammar;
            }
        }
        Grammar grammar = compile(text);
        lock (_lock)
        {
            if (_grammars.Count >= Most)
                _grammars.Remove(_grammars.MinBy(each => each.Value.Used).Key);
            _grammars[(kind, text)] = (grammar, ++_clock);
        }
        return grammar;
    }
}
