namespace MeKi.Model.Templates.Values;

/// <summary>What a function is called with.</summary>
/// <param name="Positional">In order.</param>
/// <param name="Named">By name, in order; null where there are none.</param>
internal sealed record Arguments(Value[] Positional, List<KeyValuePair<string, Value>>? Named = null)
{
    public static Arguments None { get; } = new([]);

    public Value? Find(string name)
    {
        foreach ((string key, Value value) in Named ?? [])
        {
            if (key == name)
                return value;
        }
        return null;
    }
}
