using MeKi.Model.Grammars.Schemas.Matching;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>Goes through all that a schema can ask before anything is generated, so that what cannot be enforced is an error at once.</summary>
internal static class SchemaExplorer
{
    // What lies beyond is looked at when a text gets there.
    private const int MostNeeds = 20_000;

    /// <exception cref="GrammarException">Something cannot be enforced, or no value is allowed.</exception>
    public static void Explore(SchemaNode root)
    {
        try
        {
            NeedTable table = new(isOffered: true, static text => text.Length);
            Need start = table.Of(new Literal(root, true));
            if (!start.IsPossible(JsonLimits.Offered.MostDepth))
                throw SchemaReader.Fault(root.Pointer, start.IsPossible(int.MaxValue) ? $"asks for more than {JsonLimits.Offered.MostDepth} levels"
                    : "allows no value");
            HashSet<Need> seen = [start];
            Queue<Need> work = new([start]);
            while (work.TryDequeue(out Need? need) && seen.Count < MostNeeds)
            {
                foreach (Need part in need.AllShapes.SelectMany(static shape => shape.Parts))
                {
                    if (!seen.Add(part))
                        continue;
                    // Whether its values can be told apart is known only when it is solved.
                    _ = part.IsPossible(JsonLimits.Offered.MostDepth);
                    work.Enqueue(part);
                }
            }
        }
        catch (InsufficientExecutionStackException exception)
        {
            throw SchemaReader.Fault("", "is nested too deep", "Give parts of it names in $defs", exception);
        }
    }
}
