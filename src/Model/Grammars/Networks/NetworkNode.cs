using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Networks;

/// <summary>A rule of a grammar as a network of nodes.</summary>
internal sealed class NetworkRule(string name)
{
    public string Name => name;

    public NetworkNode Start { get; set; } = null!;

    /// <summary>Whether it matches the empty text.</summary>
    public bool IsNullable { get; set; }

    /// <summary>The bytes that can come behind it.</summary>
    public bool[] Follow { get; } = new bool[256];
}

/// <summary>A place in a rule.</summary>
internal sealed class NetworkNode(int id)
{
    /// <summary>No text leads to the rule's end.</summary>
    public const int Never = 1 << 29;

    public int Id => id;

    /// <summary>The rule that it belongs to.</summary>
    public NetworkRule? Rule { get; set; }

    /// <summary>Whether the rule may end here.</summary>
    public bool IsFinal { get; set; }

    /// <summary>Places that are reached without a character.</summary>
    public List<NetworkNode> Free { get; } = [];

    /// <summary>Places that are reached by a character.</summary>
    public List<(CharSet Set, NetworkNode Next)> Characters { get; } = [];

    /// <summary>Rules that can take place, with the place after each.</summary>
    public List<(NetworkRule Rule, NetworkNode Next)> Calls { get; } = [];

    /// <summary>The fewest bytes to the rule's end.</summary>
    public int Rest { get; set; } = Never;

    /// <summary>The last search that came by, while the network is built.</summary>
    public int FoundBy { get; set; }

    /// <summary>Whether nothing can follow but the rule's end.</summary>
    public bool IsOnlyFinal
    {
        get
        {
            // A loop without a way out is no end.
            NetworkNode node = this, slow = this;
            for (bool moves = false; node.Characters.Count == 0 && node.Calls.Count == 0 && node.Free.Count == 1 && !node.IsFinal; moves = !moves)
            {
                node = node.Free[0];
                slow = moves ? slow.Free[0] : slow;
                if (ReferenceEquals(node, slow))
                    return false;
            }
            return node.Characters.Count == 0 && node.Calls.Count == 0 && node.Free.Count == 0 && node.IsFinal;
        }
    }
}
