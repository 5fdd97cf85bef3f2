using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;

namespace MeKi.Model.Grammars.Calls;

/// <summary>A place in the script of a reply.</summary>
internal sealed class ScriptNode(int id)
{
    public int Id => id;

    /// <summary>Whether the reply may end here.</summary>
    public bool IsFinal { get; init; }

    /// <summary>Places that are reached without a byte.</summary>
    public List<ScriptNode> Free { get; } = [];

    /// <summary>Places that are reached by a byte of a range.</summary>
    public List<(byte First, byte Last, ScriptNode Next)> Bytes { get; } = [];

    /// <summary>Known ways on: their tokens, and where they lead.</summary>
    public List<(int Tokens, ScriptNode Next)> Ways { get; } = [];

    /// <summary>What begins here, given where the reply goes on behind it; null where nothing does.</summary>
    public Func<MatchState, MatchState?>? Value { get; init; }

    /// <summary>The place behind the value.</summary>
    public ScriptNode? AfterValue { get; init; }

    /// <summary>Tokens to the end.</summary>
    public int Rest { get; private set; } = Costs.Never;

    /// <summary>Takes <see cref="Rest"/> anew from those of the places that follow.</summary>
    /// <returns>Whether it has changed.</returns>
    public bool Measure()
    {
        int rest = IsFinal ? 0 : Costs.Never;
        foreach (ScriptNode next in Free)
            rest = Math.Min(rest, next.Rest);
        foreach ((int tokens, ScriptNode next) in Ways)
            rest = Math.Min(rest, Costs.Add(tokens, next.Rest));
        bool changed = rest != Rest;
        Rest = rest;
        return changed;
    }
}
