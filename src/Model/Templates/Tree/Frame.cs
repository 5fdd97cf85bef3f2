using MeKi.Model.Templates.Syntax;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Tree;

/// <summary>The variables of a scope while it is executed.</summary>
internal sealed class Frame
{
    private const int SlotsPerStep = 8;

    private readonly Scope _scope;
    private readonly Value?[] _values;

    public Frame(Run run, Scope scope, Frame? outer)
    {
        (Run, _scope, Outer) = (run, scope, outer);
        _values = new Value?[scope.Slots.Count];
        Reset();
    }

    public Run Run { get; }

    public Frame? Outer { get; }

    /// <summary>Whether blocks see what is set here.</summary>
    public bool IsRoot => _scope.IsRoot;

    /// <summary>A variable; null where it was not set yet.</summary>
    public Value? this[int slot]
    {
        get => _values[slot];
        set => _values[slot] = value;
    }

    /// <summary>Makes the variables what they are where the scope begins: a round of a loop begins anew.</summary>
    public void Reset()
    {
        Run.Visit(_values.Length / SlotsPerStep);
        for (int i = 0; i < _values.Length; i++)
        {
            Slot slot = _scope.Slots[i];
            _values[i] = slot.Origin switch
            {
                Origin.Outside => Run.Resolve(slot.Name),
                Origin.Outer => Find(slot.Outer),
                _ => null,
            };
        }
    }

    /// <summary>A variable of this scope or one around it.</summary>
    public Value? Find(Place place)
    {
        Frame frame = this;
        for (int i = 0; i < place.Scopes; i++)
            frame = frame.Outer!;
        return frame._values[place.Slot];
    }
}
