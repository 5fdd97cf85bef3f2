using System.Runtime.CompilerServices;
using MeKi.Model.Templates.Tree;

namespace MeKi.Model.Templates.Syntax;

/// <summary>Where a variable of a scope has its value from when the scope begins.</summary>
internal enum Origin
{
    /// <summary>It has none before it is set.</summary>
    Nowhere,

    /// <summary>Whoever begins the scope sets it.</summary>
    Parameter,

    /// <summary>The variable of the same name in a scope around.</summary>
    Outer,

    /// <summary>What the rendering was given, or a global function.</summary>
    Outside,
}

/// <summary>Where a variable is: so many scopes outwards, and there in a slot.</summary>
internal readonly record struct Place(int Scopes, int Slot);

/// <summary>A variable of a scope.</summary>
internal readonly record struct Slot(string Name, Origin Origin, Place Outer = default);

/// <summary>
/// The variables of a part of a template, found before anything is executed. Jinja decides then which name means which variable: one that a scope sets hides
/// those around it from the scope's begin on, and in a loop each round begins with what is outside.
/// </summary>
/// <param name="outer">The scope around; null for one that sees no other.</param>
/// <param name="isRoot">Whether blocks see what is set here.</param>
internal sealed class Scope(Scope? outer, bool isRoot = false)
{
    private readonly Dictionary<string, int> _places = [];
    private readonly HashSet<string> _stored = [];
    private readonly List<string> _inOrder = [];
    private readonly List<NameExpression> _names = [];
    private readonly List<Action> _inner = [];

    public List<Slot> Slots { get; } = [];

    /// <summary>Whether blocks see what is set here.</summary>
    public bool IsRoot => isRoot;

    private Scope? Outer => outer;

    /// <summary>A scope within this one, with all that is in it.</summary>
    /// <param name="declare">Tells the scope of its variables.</param>
    /// <param name="seesOuter">Whether names of this one are known there.</param>
    public Scope Inside(Action<Scope> declare, bool seesOuter = true)
    {
        Scope inner = new(seesOuter ? this : null);
        // What is around is known as a whole before what is inside: a macro may use what is set behind it.
        _inner.Add(() => inner.Declare(declare));
        return inner;
    }

    /// <summary>Finds all variables.</summary>
    public void Declare(Action<Scope> declare)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        declare(this);
        foreach (NameExpression name in _names)
            name.Place = Find(name.Name) ?? throw new InvalidOperationException($"The variable '{name.Name}' has no place.");
        foreach (Action inner in _inner)
            inner();
    }

    /// <summary>A name is read.</summary>
    public void Load(NameExpression name)
    {
        _names.Add(name);
        if (Find(name.Name) is null)
            Define(name.Name, Origin.Outside);
    }

    /// <summary>A name is set.</summary>
    /// <returns>Its slot.</returns>
    public int Store(string name)
    {
        Stored(name);
        if (_places.TryGetValue(name, out int slot))
            return slot;
        return FindAround(name) is Place place ? Define(name, Origin.Outer, place) : Define(name, Origin.Nowhere);
    }

    /// <summary>A name is set by whoever begins the scope.</summary>
    /// <returns>Its slot.</returns>
    public int Parameter(string name)
    {
        Stored(name);
        if (!_places.TryGetValue(name, out int slot))
            return Define(name, Origin.Parameter);
        Slots[slot] = new(name, Origin.Parameter);
        return slot;
    }

    /// <summary>Parts of which one at most is executed: what they alone set is before it what it is outside.</summary>
    public void Branches(Action declare)
    {
        int before = _inOrder.Count;
        declare();
        foreach (string name in _inOrder.Skip(before))
            Slots[_places[name]] = FindAround(name) is Place place ? new(name, Origin.Outer, place) : new(name, Origin.Outside);
    }

    private void Stored(string name)
    {
        if (_stored.Add(name))
            _inOrder.Add(name);
    }

    private int Define(string name, Origin origin, Place place = default)
    {
        Slots.Add(new(name, origin, place));
        return _places[name] = Slots.Count - 1;
    }

    private Place? Find(string name) => _places.TryGetValue(name, out int slot) ? new Place(0, slot) : FindAround(name);

    private Place? FindAround(string name)
    {
        int scopes = 1;
        for (Scope? scope = Outer; scope is not null; scope = scope.Outer, scopes++)
        {
            if (scope._places.TryGetValue(name, out int slot))
                return new(scopes, slot);
        }
        return null;
    }
}
