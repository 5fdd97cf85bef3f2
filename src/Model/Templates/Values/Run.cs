using System.Runtime.CompilerServices;

namespace MeKi.Model.Templates.Values;

/// <summary>One rendering: what it may cost, what it was given, and the line it has come to.</summary>
internal sealed class Run
{
    /// <summary>The most characters of the text that comes out, or of any text on the way.</summary>
    public const int MostCharacters = 4 << 20;

    // A chat of a thousand turns takes some hundred thousand steps, some twenty million where a template looks from each message at all others.
    // All that is ever made counts, so no more than this can be alive.
    private const long MostSteps = 50_000_000, MostMade = 24L << 20;
    private const int MostCalls = 200, CharactersPerStep = 8;

    // A reference, and an object with its text, in characters of two bytes.
    private const int CharactersPerReference = 4, CharactersPerObject = 28;

    private readonly IReadOnlyDictionary<string, Value> _variables, _globals;
    private readonly Dictionary<string, Value> _exported = [];
    private long _steps, _made;
    private int _calls;

    public Run(IReadOnlyDictionary<string, Value> variables, IReadOnlyDictionary<string, Value> globals, TimeProvider clock)
    {
        (_variables, _globals, Clock) = (variables, globals, clock);
        Keys = new(this);
    }

    public TimeProvider Clock { get; }

    /// <summary>The line of the template that is evaluated.</summary>
    public int Line { get; set; }

    /// <summary>How keys of dictionaries are compared.</summary>
    public KeyComparer Keys { get; }

    /// <summary>Counts a node of the tree, a round of a loop, an element that is looked at.</summary>
    public void Step()
    {
        if (++_steps > MostSteps)
            throw new TemplateFault($"the template does not come to an end: it was stopped after {MostSteps / 1_000_000} million steps");
    }

    /// <summary>Likewise, at a line.</summary>
    public void Step(int line)
    {
        Line = line;
        Step();
    }

    /// <summary>Counts characters that are read.</summary>
    public void Read(long characters)
    {
        _steps += characters / CharactersPerStep;
        Step();
    }

    /// <summary>Counts elements that are looked at.</summary>
    public void Visit(long elements)
    {
        _steps += elements;
        Step();
    }

    /// <summary>Counts characters that are written, before they are.</summary>
    public void Make(long characters)
    {
        if (characters > MostCharacters || (_made += characters) > MostMade)
            throw new TemplateFault($"the template makes too much: more than {MostCharacters >> 20} million characters at once, or {MostMade >> 20} in all");
        Read(characters);
    }

    /// <summary>Counts elements of a list or a tuple, before it is made.</summary>
    /// <param name="elements">How many.</param>
    /// <param name="areNew">Whether each is an object that is made for it.</param>
    public void MakeElements(long elements, bool areNew = true) => Make(elements * (CharactersPerReference + (areNew ? CharactersPerObject : 0)));

    /// <summary>Enters a macro, a recursive loop or a generator; <see cref="Leave"/> it.</summary>
    public void Enter()
    {
        if (++_calls > MostCalls)
            throw new TemplateFault($"maximum recursion depth exceeded: macros, loops and generators call each other more than {MostCalls} deep");
        RuntimeHelpers.EnsureSufficientExecutionStack();
    }

    public void Leave() => _calls--;

    /// <summary>A variable that no scope of the template has set.</summary>
    public Value? Resolve(string name) =>
        _exported.TryGetValue(name, out Value? value) || _variables.TryGetValue(name, out value) || _globals.TryGetValue(name, out value) ? value : null;

    /// <summary>Tells blocks of a variable of the template's outermost scope.</summary>
    public void Export(string name, Value value) => _exported[name] = value;
}
