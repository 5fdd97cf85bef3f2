using MeKi.Model.Grammars.Matching;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>Where JSON texts begin.</summary>
/// <param name="root">What the value must be.</param>
/// <param name="isOffered">Whether texts are generated.</param>
/// <param name="tokens">Counts the tokens of a text.</param>
internal sealed class JsonStart(SchemaNode root, bool isOffered, Func<string, int> tokens) : TextStart
{
    private readonly NeedTable _table = new(isOffered, tokens);

    /// <inheritdoc/>
    public override int MostCost => _table.MostCost;

    /// <inheritdoc/>
    public override MatchState Begin() =>
        new ValueState(new RootLevel(_table, isOffered ? JsonLimits.Offered : JsonLimits.Accepted), [_table.Of(new Literal(root, true))]);
}
