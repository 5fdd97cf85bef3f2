namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>Numbers of tokens that it takes to complete a text, and of levels.</summary>
internal static class Costs
{
    /// <summary>It cannot be completed.</summary>
    public const int Never = 1 << 29;

    public static int Add(int one, int other) => Math.Min(Math.Min(one, Never) + other, Never);

    public static int Add(int one, int other, int third) => Add(Add(one, other), third);

    /// <summary>So many times a cost.</summary>
    public static int Times(long count, int cost) => count == 0 ? 0 : (int)Math.Min(count * cost, Never);
}
