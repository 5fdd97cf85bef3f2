using MeKi.Model.Grammars.Matching;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>Begins a JSON text.</summary>
internal static class JsonStart
{
    /// <summary>The state before a text.</summary>
    /// <param name="root">What its value must be.</param>
    /// <param name="isOffered">Whether it is generated.</param>
    /// <param name="tokens">Counts the tokens of a text.</param>
    public static MatchState Of(SchemaNode root, bool isOffered, Func<string, int> tokens)
    {
        NeedTable table = new(isOffered, tokens);
        return new ValueState(new RootLevel(table, isOffered ? JsonLimits.Offered : JsonLimits.Accepted), [table.Of(new Literal(root, true))]);
    }
}
