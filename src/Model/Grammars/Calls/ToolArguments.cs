using System.Text.Json;
using MeKi.Model.Grammars.Masks;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas;
using MeKi.Model.Grammars.Schemas.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Calls;

/// <summary>A tool that may be called: its name, and the schema of its arguments.</summary>
internal sealed class OfferedTool
{
    private readonly SchemaNode _schema;
    private readonly string _text;

    /// <summary>No tool: what an answer may be.</summary>
    /// <exception cref="GrammarException">The schema cannot be enforced, or allows no value.</exception>
    public OfferedTool(JsonElement schema)
    {
        (Name, Schema, _text) = ("", schema, schema.GetRawText());
        _schema = SchemaReader.Read(_text, out IReadOnlyList<string> warnings);
        Warnings = warnings;
        SchemaExplorer.Explore(_schema);
    }

    /// <exception cref="GrammarException">The schema cannot be enforced, or allows no object.</exception>
    public OfferedTool(string name, JsonElement schema)
    {
        (Name, Schema) = (name, schema);
        _text = schema.ValueKind == JsonValueKind.Undefined ? "{}" : schema.GetRawText();
        try
        {
            _schema = new(SchemaNodes.NextId(), "#") { IsPlain = true };
            _schema.All.Add(SchemaNodes.Object);
            _schema.All.Add(new(SchemaReader.Read(_text, out IReadOnlyList<string> warnings), true));
            Warnings = [.. warnings.Select(warning => $"tool {UntrustedText.Quote(name)}: {warning}")];
            SchemaExplorer.Explore(_schema);
        }
        catch (GrammarException exception)
        {
            throw new GrammarException($"tool {UntrustedText.Quote(name)}", exception.Place, exception.Problem, exception.Remedy, exception);
        }
    }

    public string Name { get; }

    public JsonElement Schema { get; }

    public IReadOnlyList<string> Warnings { get; }

    /// <summary>The names of its parameters.</summary>
    public IEnumerable<string> Parameters => Schema.ValueKind == JsonValueKind.Object && Schema.TryGetProperty("properties", out JsonElement properties)
        && properties.ValueKind == JsonValueKind.Object ? properties.EnumerateObject().Select(static property => property.Name) : [];

    /// <summary>Whether the schema's text has another text in it.</summary>
    public bool Mentions(string text) => _text.Contains(text, StringComparison.Ordinal);

    /// <summary>The arguments in a vocabulary.</summary>
    public ToolArguments In(TokenVocabulary? vocabulary, bool isOffered) => new(this, _schema, vocabulary, isOffered);
}

/// <summary>The arguments of a tool, in a vocabulary.</summary>
internal sealed class ToolArguments
{
    // What readers of calls read, the call around the arguments included.
    private const int MostDepth = 48;

    private readonly NeedTable _table;
    private readonly Need _need;
    private readonly JsonLimits _limits;

    public ToolArguments(OfferedTool tool, SchemaNode schema, TokenVocabulary? vocabulary, bool isOffered)
    {
        Tool = tool;
        _table = new(isOffered, vocabulary is null ? System.Text.Encoding.UTF8.GetByteCount : vocabulary.Tokens);
        _need = _table.Of(new Literal(schema, true));
        _limits = (isOffered ? JsonLimits.Offered : JsonLimits.Accepted) with { MostDepth = MostDepth };
    }

    public OfferedTool Tool { get; }

    /// <summary>Tokens of the fewest arguments, as JSON.</summary>
    public int Cost => _need.IsPossible(MostDepth) ? _need.Cost : Costs.Never;

    /// <summary>Tokens of the costliest part.</summary>
    public int MostCost => _table.MostCost;

    /// <summary>Begins the arguments as JSON.</summary>
    /// <param name="after">Where the text goes on behind them.</param>
    public MatchState Begin(MatchState after) => new ValueState(new InnerLevel(_table, _limits, after), [_need]);

    /// <summary>Waits for a value within another text.</summary>
    private sealed class InnerLevel(NeedTable table, JsonLimits limits, MatchState after) : Level(table, limits, 0, keeps: false)
    {
        public override MatchState? Complete(bool[] satisfied, JsonValue? value) => after;

        public override int Rest(int need) => after.Rest;
    }
}
