namespace MeKi.Model.Grammars.Schemas;

/// <summary>Finds schemas that apply themselves to the very value that they are asked about, without end.</summary>
internal static class SchemaCycles
{
    /// <exception cref="GrammarException">There is one.</exception>
    public static void Check(IEnumerable<SchemaNode> nodes)
    {
        HashSet<SchemaNode> done = [], open = [];
        Stack<(SchemaNode Node, IEnumerator<Literal> Next)> work = new();
        foreach (SchemaNode root in nodes)
        {
            Enter(root);
            while (work.TryPeek(out (SchemaNode Node, IEnumerator<Literal> Next) top))
            {
                if (top.Next.MoveNext())
                    Enter(top.Next.Current.Node);
                else
                {
                    work.Pop();
                    open.Remove(top.Node);
                    done.Add(top.Node);
                }
            }
        }

        void Enter(SchemaNode node)
        {
            if (done.Contains(node))
                return;
            if (!open.Add(node))
                throw SchemaReader.Fault(node.Pointer, "refers to itself for the same value, without end",
                    "Let it refer to itself only below properties or items");
            work.Push((node, InPlace(node).GetEnumerator()));
        }
    }

    private static IEnumerable<Literal> InPlace(SchemaNode node)
    {
        IEnumerable<Literal?> conditions = [node.If, node.Then, node.Else];
        return node.All.Concat(node.AnyOf).Concat(node.OneOf).Concat(conditions.OfType<Literal>()).Concat(node.Dependent.Select(static one => one.Schema));
    }
}
