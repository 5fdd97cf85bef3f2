using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>Makes nodes that stand in no document.</summary>
internal static class SchemaNodes
{
    /// <summary>Ids of a document's nodes begin here, those of others are unique and negative.</summary>
    public const int FirstId = 1;

    private static int s_last;

    /// <summary>Every value.</summary>
    public static Literal True { get; } = new(new(0, "") { IsPlain = true }, true);

    /// <summary>Every object.</summary>
    public static Literal Object { get; } = new(new(NextId(), "") { Types = JsonTypes.Object }, true);

    /// <summary>No value.</summary>
    public static Literal False { get; } = True.Not;

    /// <summary>A number that no other node has.</summary>
    public static int NextId() => Interlocked.Decrement(ref s_last);

    /// <summary>A node that requires some properties.</summary>
    public static SchemaNode New(string pointer, IEnumerable<string> required) => new(NextId(), pointer) { Required = [.. required] };

    /// <summary>A list of values.</summary>
    public static SchemaNode New(string pointer, IReadOnlyList<JsonValue> values) => new(NextId(), pointer) { Values = [new(values)], IsList = true };
}
